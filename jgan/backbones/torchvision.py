"""Networks of torchvision that are one chain of convolutions, ReLUs and max pools: their features and weight files.

Images are normalised by ImageNet's mean and deviation, as torchvision's transforms do
(https://docs.pytorch.org/vision/stable/models.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jgan.backbones.checks import check_floats
from jgan.backbones.frozen_layers import convolve_few_pixels, max_pool
from jgan.backbones.taps import Tapped
from jgan.interop.state_dict import to_variables
from jgan.interop.weights import read_weights
from jgan.types import Array, Images, PyTree, UserError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB in [0, 1]


class Convolution(NamedTuple):
    """A convolution, named conv..., with the ReLU after it, which taps call relu..."""

    name: str
    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1


class MaxPool(NamedTuple):
    """Largest of each window inside the image."""

    window: Literal[2, 3]
    stride: int = 2


Layers = tuple[Convolution | MaxPool, ...]


class Chain(nn.Module):
    """Images [n, h, w, 3], floats in [-1, 1], to {tap: [n, h', w', c]}, float32. Inference only; any size.

    The tap conv3_1 is what that convolution gives, relu3_1 what is left of it after the ReLU. What comes after the last
    tap is not computed. Differentiable in the images.
    """

    layers: Layers
    taps: tuple[str, ...]
    dtype: str = "float32"  # compute type

    @nn.compact
    def __call__(self, images: Images) -> dict[str, Array]:
        """Raises UserError at no tap or an unknown one, and at images of another kind or too small for the taps."""
        tapped = Tapped(self.taps, tap_names(self.layers))
        check_floats(images, _smallest_side(self.layers, self.taps))
        x = normalise(images).astype(self.dtype)
        for layer in self.layers:
            if isinstance(layer, MaxPool):
                x = max_pool(x) if layer.window == 3 else _halve(x)
                continue
            x = nn.Conv(
                layer.channels,
                (layer.kernel, layer.kernel),
                (layer.stride, layer.stride),
                padding=layer.padding,
                dtype=self.dtype,
                precision="highest",  # or a GPU would round float32 to 10 bits
                conv_general_dilated=convolve_few_pixels,
                name=layer.name,
            )(x)
            if tapped.ends_with(layer.name, x):
                break
            x = nn.relu(x)
            if tapped.ends_with(_after_relu(layer.name), x):
                break
        return tapped.features


def normalise(images: Images) -> Array:
    """Images [n, h, w, 3] in [-1, 1] with ImageNet's mean taken off, over its deviation; float32."""
    mean, deviation = (jnp.asarray(values, jnp.float32).reshape(1, 1, 1, 3) for values in (MEAN, DEVIATION))
    return ((images.astype(jnp.float32) + 1) / 2 - mean) / deviation


def tap_names(layers: Layers) -> tuple[str, ...]:
    """What `Chain.taps` may hold, from the first layer to the last."""
    return tuple(tap for name in convolutions(layers) for tap in (name, _after_relu(name)))


def convolutions(layers: Layers) -> tuple[str, ...]:
    """Their names, in order."""
    return tuple(layer.name for layer in layers if isinstance(layer, Convolution))


def load_chain(layers: Layers, path: Path, expected: str) -> PyTree:
    """Flax variables {"params"} of `Chain(layers)`, float32, from torchvision's file of the whole classifier.

    The file's entries `classifier...` are ignored and nothing in it is executed (`jgan.interop.weights`); `expected`
    names the network in errors.

    Raises:
      UserError: not a file of weights; a tensor is missing, unexpected, or of another shape.
    """
    chain = Chain(layers, taps=(tap_names(layers)[-1],))
    side = _smallest_side(layers, chain.taps)
    shapes = jax.eval_shape(chain.init, jax.random.key(0), jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32))
    places = _places(layers)

    def name_of(*path: str) -> str:
        _, layer, part = path
        return f"features.{places[layer]}.{'weight' if part == 'kernel' else part}"

    used = {name: array for name, array in read_weights(path).items() if not name.startswith("classifier.")}
    return to_variables(used, shapes, name_of, source=str(path), expected=expected)


def _places(layers: Layers) -> dict[str, int]:
    """Of each convolution in torchvision's `features`, which counts ReLUs and pools as well."""
    places, index = {}, 0
    for layer in layers:
        if isinstance(layer, Convolution):
            places[layer.name] = index
            index += 1
        index += 1
    return places


def _smallest_side(layers: Layers, taps: tuple[str, ...]) -> int:
    """Pixels of a side of which the last tap makes one."""
    wanted = [i for i, layer in enumerate(layers) if isinstance(layer, Convolution) and _is_tapped(layer.name, taps)]
    if not wanted:
        raise UserError("taps: none given; expected at least one")
    side = 1
    for layer in reversed(layers[: wanted[-1] + 1]):
        kernel, padding = (layer.kernel, layer.padding) if isinstance(layer, Convolution) else (layer.window, 0)
        side = max(1, (side - 1) * layer.stride + kernel - 2 * padding)
    return side


def _is_tapped(name: str, taps: tuple[str, ...]) -> bool:
    return name in taps or _after_relu(name) in taps


def _halve(x: Array) -> Array:
    """Largest of each 2 x 2 pixels, in a form whose gradient XLA's CPU backend makes faster than that of windows."""
    n, height, width, channels = x.shape
    height, width = height // 2, width // 2
    return x[:, : 2 * height, : 2 * width].reshape(n, height, 2, width, 2, channels).max((2, 4))


def _after_relu(name: str) -> str:
    return name.replace("conv", "relu")

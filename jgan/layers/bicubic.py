"""Bicubic resizing as super-resolution is measured with: MATLAB's `imresize`, and the matrices that do it.

Keys' cubic kernel (1981, https://doi.org/10.1109/TASSP.1981.1163711) with a = -1/2, stretched by the reduction so that
nothing aliases, and images mirrored at their edges. Papers make their low resolutions with it; Pillow's bicubic filter
is the same inside and leaves out what lies beyond an edge.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np

from jgan.types import Array, Images

SUPPORT = 4.0  # of the kernel, in pixels of the smaller image


def bicubic(images: Images, height: int, width: int) -> Images:
    """Images [n, h, w, c] of any range to [n, height, width, c]; values may overshoot their range."""
    rows, columns = _constant(images.shape[1], height), _constant(images.shape[2], width)
    images = jnp.einsum("oh,nhwc->nowc", rows, images, precision="highest")
    return jnp.einsum("ow,nhwc->nhoc", columns, images, precision="highest")


def round_to_bytes(images: Images) -> Images:
    """The nearest colours of 8 bits, in [-1, 1]: what an image file would hold. Not differentiable."""
    return jnp.round(jnp.clip((images + 1.0) * 127.5, 0.0, 255.0)) / 127.5 - 1.0


@functools.lru_cache(maxsize=64)
def resize_matrix(before: int, after: int) -> np.ndarray:
    """Weights float64 [after, before] of one axis; each row sums to 1."""
    scale = after / before
    stretch = min(scale, 1.0)
    width = SUPPORT / stretch
    centres = (np.arange(after) + 0.5) / scale - 0.5
    first = np.floor(centres - width / 2).astype(int)
    places = first[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = _cubic(stretch * (centres[:, None] - places))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(before), np.arange(before)[::-1]])
    matrix = np.zeros((after, before))
    np.add.at(matrix, (np.arange(after)[:, None], mirrored[places % (2 * before)]), weights)
    return matrix


def _constant(before: int, after: int) -> Array:
    return jnp.asarray(resize_matrix(before, after), jnp.float32)


def _cubic(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1.0
    far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))

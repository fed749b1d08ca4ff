"""Gaussian blur, the same for all images or of another width for each."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jgan.types import Array, Images

CUT = 3.0  # standard deviations on each side


def gaussian_blur(images: Images, deviations: Array, largest: float) -> Images:
    """Images [n, h, w, c], each blurred by its own deviation [n] in pixels, at most `largest`; edges are mirrored."""
    radius = math.ceil(CUT * largest)
    offsets = jnp.arange(-radius, radius + 1, dtype=jnp.float32)[None]
    taps = jnp.exp(-0.5 * jnp.square(offsets / deviations[:, None]))
    taps /= taps.sum(1, keepdims=True)
    for axis in (1, 2):
        images = _along(images, taps, axis)
    return images


def _along(images: Images, taps: Array, axis: int) -> Images:
    """Each image filtered along one axis by its own taps [n, k]."""
    radius, size = taps.shape[1] // 2, images.shape[axis]
    pads = [(radius, radius) if index == axis else (0, 0) for index in range(4)]
    wide = jnp.pad(images, pads, mode="symmetric")
    terms = [
        taps[:, index, None, None, None] * jnp.take(wide, jnp.arange(index, index + size), axis=axis)
        for index in range(taps.shape[1])
    ]
    return sum(terms[1:], terms[0])

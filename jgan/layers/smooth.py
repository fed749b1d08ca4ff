"""A separable filter of (1, 3, 3, 1) along rows and columns, as StyleGAN's layers need it around their convolutions.

Karras et al. 2020 (https://arxiv.org/abs/1912.04958); the released code's `upfirdn2d`. Doubling and halving alone are
`smooth_upsample` and `smooth_downsample` of resample.py.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jgan.types import Array

TAPS = (1.0, 3.0, 3.0, 1.0)


def smooth(x: Array, before: int, after: int, gain: float = 1.0) -> Array:
    """Zeros put `before` and `after` along height and width, then the filter, which keeps a constant times `gain`.

    [n, h, w, c] to [n, h + before + after - 3, ...]. Reverse-mode differentiation only, of any order.
    """
    return _smooth(before, after, gain, x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _smooth(before: int, after: int, gain: float, x: Array) -> Array:
    weights = [tap * gain**0.5 / sum(TAPS) for tap in TAPS]
    for axis in (1, 2):
        pads = [(before, after, 0) if index == axis else (0, 0, 0) for index in range(4)]
        padded = lax.pad(x, jnp.zeros((), x.dtype), pads)
        size = padded.shape[axis] - len(TAPS) + 1
        parts = [lax.slice_in_dim(padded, start, start + size, axis=axis) for start in range(len(TAPS))]
        x = functools.reduce(jnp.add, (weight * part for weight, part in zip(weights, parts, strict=True)))
    return x


def _smooth_bwd(before: int, after: int, gain: float, _: None, g: Array) -> tuple[Array]:
    last = len(TAPS) - 1  # the taps read the same backwards
    return (_smooth(last - before, last - after, gain, g),)


_smooth.defvjp(lambda before, after, gain, x: (_smooth(before, after, gain, x), None), _smooth_bwd)

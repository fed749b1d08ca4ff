"""A separable filter along rows and columns, as StyleGAN's layers need it around their convolutions.

(1, 3, 3, 1) in Karras et al. 2020 (https://arxiv.org/abs/1912.04958), whose released code has it in `upfirdn2d`, and
(1, 2, 1) in Karras et al. 2019 (https://arxiv.org/abs/1812.04948, appendix C). Doubling and halving alone are
`smooth_upsample` and `smooth_downsample` of resample.py.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jgan.types import Array

Taps = tuple[float, ...]
TAPS: Taps = (1.0, 3.0, 3.0, 1.0)


def smooth(x: Array, before: int, after: int, gain: float = 1.0, taps: Taps = TAPS) -> Array:
    """Zeros put `before` and `after` along height and width, then the filter, which keeps a constant times `gain`.

    [n, h, w, c] to [n, h + before + after - len(taps) + 1, ...]. The taps read the same backwards. Reverse-mode
    differentiation only, of any order.
    """
    return _smooth(before, after, gain, taps, x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2, 3))
def _smooth(before: int, after: int, gain: float, taps: Taps, x: Array) -> Array:
    weights = [tap * gain**0.5 / sum(taps) for tap in taps]
    for axis in (1, 2):
        pads = [(before, after, 0) if index == axis else (0, 0, 0) for index in range(4)]
        padded = lax.pad(x, jnp.zeros((), x.dtype), pads)
        size = padded.shape[axis] - len(taps) + 1
        parts = [lax.slice_in_dim(padded, start, start + size, axis=axis) for start in range(len(taps))]
        x = functools.reduce(jnp.add, (weight * part for weight, part in zip(weights, parts, strict=True)))
    return x


def _smooth_bwd(before: int, after: int, gain: float, taps: Taps, _: None, g: Array) -> tuple[Array]:
    last = len(taps) - 1
    return (_smooth(last - before, last - after, gain, taps, g),)


_smooth.defvjp(
    lambda before, after, gain, taps, x: (_smooth(before, after, gain, taps, x), None),
    _smooth_bwd,
)

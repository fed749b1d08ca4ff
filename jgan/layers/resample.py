"""Doubling and halving the resolution, alone, smoothly, and together with a 3 x 3 convolution; pixels out of channels.

Doubling by nearest neighbours and halving by averages are linear, so a convolution after the first, or before the
second, is one convolution at stride 2 with a kernel of 4 x 4: less than half the products, and nothing of twice the
resolution in between (the "fused scale" of https://github.com/tkarras/progressive_growing_of_gans).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jgan.layers.conv import Conv, conv, conv_transpose
from jgan.types import Array

EDGES = ((1, 1), (1, 1))  # a 4 x 4 kernel at stride 2 halves, or doubles, exactly


def upsample(x: Array, scale: int = 2) -> Array:
    """Nearest neighbours: [n, h, w, c] to [n, h s, w s, c], at a scale s."""
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, scale, w, scale, c)).reshape(n, scale * h, scale * w, c)


def upsample_bilinear(x: Array, scale: int) -> Array:
    """Linear interpolation between the pixels' centres, edges repeated: [n, h, w, c] to [n, h s, w s, c].

    As PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
    """
    for axis in (1, 2):
        last = x.shape[axis] - 1
        before = jnp.concatenate([_part(x, axis, 0, 1), _part(x, axis, 0, last)], axis)
        after = jnp.concatenate([_part(x, axis, 1, last + 1), _part(x, axis, last, last + 1)], axis)
        phases = []
        for index in range(scale):
            offset = (index + 0.5) / scale - 0.5  # of the new pixel's centre from the old one's
            other = before if offset < 0 else after
            phases.append((1.0 - abs(offset)) * x + abs(offset) * other)
        x = jnp.stack(phases, axis + 1)
        x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])
    return x


def _part(x: Array, axis: int, start: int, stop: int) -> Array:
    return lax.slice_in_dim(x, start, stop, axis=axis)


def average_pool(x: Array) -> Array:
    """Means of 2 x 2 pixels: [n, h, w, c] to [n, h / 2, w / 2, c]."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def pixel_shuffle(x: Array, scale: int) -> Array:
    """Channels as pixels: [n, h, w, c s^2] to [n, h s, w s, c] (Shi et al. 2016, https://arxiv.org/abs/1609.05158).

    Channel (k s + i) s + j becomes row i and column j of channel k, as in PyTorch, so weights carry over as they are.
    """
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, c // scale**2, scale, scale)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * scale, w * scale, c // scale**2)


def pixel_unshuffle(x: Array, scale: int) -> Array:
    """Pixels as channels, the inverse of `pixel_shuffle`: [n, h s, w s, c] to [n, h, w, c s^2]."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // scale, scale, w // scale, scale, c)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, h // scale, w // scale, c * scale**2)


def crossfade(old: Array, new: Array, share: Array) -> Array:
    """`share` (a scalar) of the new and the rest of the old, in the dtype of the new."""
    return old + share.astype(new.dtype) * (new - old)


def max_pool(x: Array) -> Array:
    """Maxima of 2 x 2 pixels: [n, h, w, c] to [n, h / 2, w / 2, c]. Among equal ones the gradient is shared."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


@jax.custom_vjp
def smooth_upsample(x: Array) -> Array:
    """Twice as many pixels by linear interpolation, zeros beyond the edges: [n, h, w, c] to [n, 2 h, 2 w, c].

    Zeros between the pixels, then the filter (1, 3, 3, 1) / 4 along rows and columns, as R3GAN's
    (https://arxiv.org/abs/2501.05441). Reverse-mode differentiation only, of any order.
    """
    for axis in (1, 2):
        before, after = _shifted(x, axis, 1), _shifted(x, axis, -1)
        x = jnp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
        x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])
    return x


@jax.custom_vjp
def smooth_downsample(x: Array) -> Array:
    """The filter (1, 3, 3, 1) / 8 along both axes, then every second pixel: [n, h, w, c] to [n, h / 2, w / 2, c].

    Its transpose is a quarter of `smooth_upsample`. Reverse-mode differentiation only, of any order.
    """
    for axis in (1, 2):
        pairs = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
        even, odd = (lax.index_in_dim(pairs, index, axis + 1, keepdims=False) for index in range(2))
        x = 0.375 * (even + odd) + 0.125 * (_shifted(odd, axis, 1) + _shifted(even, axis, -1))
    return x


def _shifted(x: Array, axis: int, by: int) -> Array:
    """Moved along an axis, a zero coming in."""
    pads = [(by, -by, 0) if index == axis else (0, 0, 0) for index in range(x.ndim)]
    return lax.pad(x, jnp.zeros((), x.dtype), pads)


smooth_upsample.defvjp(lambda x: (smooth_upsample(x), None), lambda _, g: (4.0 * smooth_downsample(g),))
smooth_downsample.defvjp(lambda x: (smooth_downsample(x), None), lambda _, g: (0.25 * smooth_upsample(g),))


class UpsampledConv(Conv):
    """`upsample`, then a convolution: [n, h, w, in] to [n, 2 h, 2 w, features]. Its kernel is 3 x 3."""

    def convolve(self, x: Array, kernel: Array) -> Array:
        """As one transposed convolution."""
        return conv_transpose(x, _widen(kernel)[::-1, ::-1].swapaxes(2, 3), (2, 2), EDGES)


class PooledConv(Conv):
    """A convolution, then `average_pool`: [n, h, w, in] to [n, h / 2, w / 2, features]. Its kernel is 3 x 3."""

    def convolve(self, x: Array, kernel: Array) -> Array:
        """As one strided convolution."""
        return conv(x, _widen(kernel) / 4, (2, 2), EDGES)


def _widen(kernel: Array) -> Array:
    """The sum of the kernel at the four places of 2 x 2 pixels: [3, 3, in, out] to [4, 4, in, out]."""
    at = [
        lax.pad(kernel, jnp.zeros((), kernel.dtype), ((i, 1 - i, 0), (j, 1 - j, 0), (0, 0, 0), (0, 0, 0)))
        for i in range(2)
        for j in range(2)
    ]
    return at[0] + at[1] + at[2] + at[3]

"""Doubling and halving the resolution, alone and together with a 3 x 3 convolution.

Doubling by nearest neighbours and halving by averages are linear, so a convolution after the first, or before the
second, is one convolution at stride 2 with a kernel of 4 x 4: less than half the products, and nothing of twice the
resolution in between (the "fused scale" of https://github.com/tkarras/progressive_growing_of_gans).
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jgan.layers.conv import Conv, conv, conv_transpose
from jgan.types import Array

EDGES = ((1, 1), (1, 1))  # a 4 x 4 kernel at stride 2 halves, or doubles, exactly


def upsample(x: Array) -> Array:
    """Nearest neighbours: [n, h, w, c] to [n, 2 h, 2 w, c]."""
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(n, 2 * h, 2 * w, c)


def average_pool(x: Array) -> Array:
    """Means of 2 x 2 pixels: [n, h, w, c] to [n, h / 2, w / 2, c]."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def crossfade(old: Array, new: Array, share: Array) -> Array:
    """`share` (a scalar) of the new and the rest of the old, in the dtype of the new."""
    return old + share.astype(new.dtype) * (new - old)


def max_pool(x: Array) -> Array:
    """Maxima of 2 x 2 pixels: [n, h, w, c] to [n, h / 2, w / 2, c]. Among equal ones the gradient is shared."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


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

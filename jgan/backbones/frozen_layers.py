"""Convolution and pooling in the formulations that XLA runs fast on CPU, for networks whose weights stay as they are.

Every function takes [n, h, w, c]. On other platforms convolutions are XLA's own.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgan.layers.conv import conv
from jgan.types import Array

Pads = Sequence[tuple[int, int]]  # zeros before and after, of rows and of columns
FEW_PIXELS = 16
Window = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]  # strides and pads


def convolve(x: Array, kernel: Array, strides: Sequence[int], padding: str | Pads, **options: Any) -> Array:
    """`lax.conv_general_dilated` of NHWC by HWIO without dilation, for `flax.linen.Conv(conv_general_dilated=...)`.

    Groups are none or one a channel. Sums are the same up to their order.
    """
    if kernel.shape[:2] == (1, 1) and tuple(strides) == (1, 1):
        return lax.dot_general(x, kernel[0, 0], (((3,), (0,)), ((), ())), precision=options["precision"])
    pads = (
        lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding) if isinstance(padding, str) else padding
    )
    direct = functools.partial(_direct, strides=strides, pads=pads, options=options)
    if options["feature_group_count"] == x.shape[3] > 1:
        window = (*strides,), (*((low, high) for low, high in pads),)
        on_cpu = functools.partial(_depthwise, window)
    else:
        on_cpu = functools.partial(_dense, strides=strides, pads=pads, options=options)
    return lax.platform_dependent(x, kernel, cpu=on_cpu, default=direct)


def convolve_few_pixels(x: Array, kernel: Array, strides: Sequence[int], padding: str | Pads, **options: Any) -> Array:
    """As `lax.conv_general_dilated`, of images of up to 4 x 4 pixels as one product of their patches.

    XLA takes fifteen times as long on CPU for 2 x 2 pixels of 512 channels. Other layers are left to it.
    """
    if x.shape[1] * x.shape[2] > FEW_PIXELS or tuple(strides) != (1, 1) or options["feature_group_count"] > 1:
        return _direct(x, kernel, strides, padding, options)
    rows, columns, channels, features = kernel.shape
    pads = lax.padtype_to_pads(x.shape[1:3], (rows, columns), strides, padding) if isinstance(padding, str) else padding
    patches = jnp.concatenate(_shifted(x, 0.0, (rows, columns), (1, 1), pads), axis=3)
    flat = kernel.reshape(rows * columns * channels, features)
    return lax.dot_general(patches, flat, (((3,), (0,)), ((), ())), precision=options["precision"])


def max_pool(x: Array, stride: int = 2, padding: str = "VALID") -> Array:
    """Largest of each 3 x 3 window."""
    pads = lax.padtype_to_pads(x.shape[1:3], (3, 3), (stride, stride), padding)
    return _reduced(x, -jnp.inf, jnp.maximum, stride, pads)


def average_pool(x: Array) -> Array:
    """Mean of the pixels under each 3 x 3 window, which keeps the size; beyond the border there are none."""
    pads = ((1, 1), (1, 1))
    counts = _reduced(jnp.ones((1, *x.shape[1:3], 1), x.dtype), 0.0, operator.add, 1, pads)
    return _reduced(x, 0.0, operator.add, 1, pads) / counts


def _direct(x: Array, kernel: Array, strides: Sequence[int], pads: str | Pads, options: dict[str, Any]) -> Array:
    return lax.conv_general_dilated(x, kernel, strides, pads, **options)


def _dense(x: Array, kernel: Array, strides: Sequence[int], pads: Pads, options: dict[str, Any]) -> Array:
    """Winograd's for 3 x 3 and many channels, else XLA's.

    XLA takes 1.1 to 3 times as long where an axis is not padded, and where there are three channels.
    """
    if kernel.shape[:2] == (3, 3) and tuple(strides) == (1, 1) and x.shape[3] >= 64:
        return conv(x, kernel, (1, 1), pads)
    more = -x.shape[3] % 4
    if more:
        x, kernel = (
            jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, more))),
            jnp.pad(kernel, ((0, 0), (0, 0), (0, more), (0, 0))),
        )
    axes = list(zip(x.shape[1:3], kernel.shape[:2], strides, pads, strict=True))
    rows, columns = ((size + sum(ends) - taps) // stride + 1 for size, taps, stride, ends in axes)
    pads = [ends if any(ends) else (0, 1) for ends in pads]
    return _direct(x, kernel, strides, pads, options)[:, :rows, :columns]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _depthwise(window: Window, x: Array, kernel: Array) -> Array:
    """As a sum of shifted images: XLA's own is 5 to 20 times slower."""
    return _by_taps(x, kernel, *window)


def _depthwise_fwd(window: Window, x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _by_taps(x, kernel, *window), (x, kernel)


def _depthwise_bwd(window: Window, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    """The gradient in x is a depthwise convolution as well; left to JAX, it takes three times as long."""
    x, kernel = saved
    strides, pads = window
    axes = zip(x.shape[1:3], g.shape[1:3], kernel.shape[:2], strides, pads, strict=True)
    ends = [
        (taps - 1 - low, inside + low - 1 - (outside - 1) * stride, stride - 1)
        for inside, outside, taps, stride, (low, _) in axes
    ]
    spread = lax.pad(g, jnp.zeros((), g.dtype), ((0, 0, 0), *ends, (0, 0, 0)))
    _, kernel_gradient = jax.vjp(lambda kernel: _by_taps(x, kernel, *window), kernel)
    return _by_taps(spread, kernel[::-1, ::-1], (1, 1), ((0, 0), (0, 0))), *kernel_gradient(g)


_depthwise.defvjp(_depthwise_fwd, _depthwise_bwd)


def _by_taps(x: Array, kernel: Array, strides: Sequence[int], pads: Pads) -> Array:
    shifted = _shifted(x.astype(jnp.float32), 0.0, kernel.shape[:2], strides, pads)
    taps = kernel.reshape(-1, 1, 1, 1, x.shape[3])
    return functools.reduce(operator.add, map(operator.mul, shifted, taps)).astype(x.dtype)


def _reduced(x: Array, outside: float, reduce: Callable[[Array, Array], Array], stride: int, pads: Pads) -> Array:
    """3 x 3 windows. A reduction of shifted images runs over whole vectors of channels; XLA's own does not."""
    return functools.reduce(reduce, _shifted(x, outside, (3, 3), (stride, stride), pads))


def _shifted(x: Array, outside: float, window: Sequence[int], strides: Sequence[int], pads: Pads) -> list[Array]:
    """What each position of a window meets, row by row: [n, h', w', c] each."""
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=outside)
    ends = [size - extent + 1 for size, extent in zip(x.shape[1:3], window, strict=True)]
    return [
        x[:, i : i + ends[0] : strides[0], j : j + ends[1] : strides[1]]
        for i, j in itertools.product(*map(range, window))
    ]

"""Convolutions whose every derivative is fast on CPU, and XLA's own on GPU and TPU.

XLA differentiates a strided convolution into convolutions with dilated operands, which its CPU backend runs several
times slower than the forward pass. Here three bilinear functions take the place of one convolution and are closed
under differentiation, so that gradients of gradients (R1, gradient penalties) stay fast as well:

    C(x, w)  the convolution                   gradients for a cotangent g:  T(g, w), W(x, g)
    T(y, w)  its transpose in the input                                      C(g, w), W(g, y)
    W(x, y)  its gradient in the kernel                                      T(y, g), C(x, g)

All three are faces of one trilinear form, sum_k X_k(x) W_k(w) Y_k(y), with linear maps X, W and Y. Each is a list of
matrix products between the images of two of the maps, followed by the transpose of the third. Three forms are used
on CPU: a product for each tap, one product of whole patches, and Winograd's minimal filtering (Lavin and Gray 2016,
https://arxiv.org/abs/1509.09308), which for a kernel of 4 x 4 at stride 2 needs 9 multiplications in place of 16. Its
transforms here only add, subtract and halve: the rounding error stays within a small factor of the direct sum's.

Arrays are NHWC and kernels [height, width, in, out]; a transposed convolution has the kernel of the convolution that
it transposes, [height, width, out, in], so both come from PyTorch's weights by `weight.transpose(2, 3, 1, 0)`. The
kernel is rounded to the activations' dtype, sums run in float32 or better, and the gradient of the kernel comes in
the kernel's own dtype.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike

from jgan.types import Array

Pair = tuple[int, int]
Padding = Literal["SAME", "VALID"] | Sequence[Pair]


class Window(NamedTuple):
    """The geometry of a convolution: all but batch, channels and dtype. Pairs are (height, width)."""

    kernel: Pair
    strides: Pair
    padding: tuple[Pair, Pair]  # zeros added to the convolution's input: ((top, bottom), (left, right))
    inputs: Pair  # size of the convolution's input: the output of its transpose

    @property
    def outputs(self) -> Pair:
        """Size of the convolution's output: the input of its transpose."""
        sizes = zip(self.inputs, self.padding, self.kernel, self.strides, strict=True)
        height, width = ((size + sum(pads) - kernel) // stride + 1 for size, pads, kernel, stride in sizes)
        return height, width

    def pads_to(self, size: Pair) -> list[Pair]:
        """Padding that makes the input this large (a negative number crops), its first rows where they were."""
        axes = zip(self.inputs, self.padding, size, strict=True)
        return [(low, wanted - inside - low) for inside, (low, _), wanted in axes]


class Trilinear(NamedTuple):
    """The maps X, W and Y of a trilinear form. They give equally many matrices, multiplied pair by pair."""

    inputs: Callable[[Array], list[Array]]  # [n, H, W, ci] to matrices [m, p]
    kernels: Callable[[Array], list[Array]]  # [kh, kw, ci, co] to [p, q]
    outputs: Callable[[Array], list[Array]]  # [n, h, w, co] to [m, q]
    inputs_to_transpose: Callable[[Array], list[Array]]  # `inputs`, written so that its transpose is fast


# --- The forms ---


def _pad(x: Array, pads: Sequence[Pair]) -> Array:
    """Zero padding of the two axes after the first. A negative number crops."""
    config = [(0, 0, 0), *((low, high, 0) for low, high in pads)]
    return lax.pad(x, jnp.zeros((), x.dtype), config + [(0, 0, 0)] * (x.ndim - len(config)))


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _tap_inputs(window: Window, x: Array) -> list[Array]:
    """The input pixels that each tap of the kernel meets: kh * kw arrays [n, h, w, ci]."""
    spans = [(size - 1) * stride + 1 for size, stride in zip(window.outputs, window.strides, strict=True)]
    reach = (spans[0] + window.kernel[0] - 1, spans[1] + window.kernel[1] - 1)
    x = _pad(x, window.pads_to(reach))
    n, channels = x.shape[0], x.shape[-1]
    return [
        lax.slice(x, (0, i, j, 0), (n, i + spans[0], j + spans[1], channels), (1, *window.strides, 1))
        for i, j in itertools.product(*map(range, window.kernel))
    ]


def _taps(window: Window) -> Trilinear:
    """One product for each tap."""

    def inputs(x: Array) -> list[Array]:
        return [_rows(tap) for tap in _tap_inputs(window, x)]

    return Trilinear(
        inputs=inputs,
        kernels=lambda w: list(w.reshape(-1, *w.shape[2:])),
        outputs=lambda y: [_rows(y)] * math.prod(window.kernel),
        inputs_to_transpose=inputs,
    )


def _patches(window: Window) -> Trilinear:
    """One product of all taps together: it holds the input kh * kw times, and suits few channels."""

    def inputs(x: Array) -> list[Array]:
        return [_rows(jnp.concatenate(_patch_pieces(window, x), axis=-1))]

    return Trilinear(
        inputs=inputs, kernels=lambda w: [_rows(w)], outputs=lambda y: [_rows(y)], inputs_to_transpose=inputs
    )


def _patch_pieces(window: Window, x: Array) -> list[Array]:
    """`_tap_inputs`, joined along the kernel's rows: neighbouring pixels up to the stride move as one piece."""
    (kh, kw), (sh, sw), (h, w) = window.kernel, window.strides, window.outputs
    n, channels = x.shape[0], x.shape[-1]
    columns = w - 1 + _kernel_blocks(window)[1]
    x = _pad(x, window.pads_to(((h - 1) * sh + kh, columns * sw))).reshape(n, -1, columns, sw * channels)
    return [
        lax.slice(x, (0, i, j, 0), (n, i + (h - 1) * sh + 1, j + w, min(sw, kw - j * sw) * channels), (1, sh, 1, 1))
        for i, j in itertools.product(range(kh), range(columns - w + 1))
    ]


class _Minimal(NamedTuple):
    """Minimal filtering F(2, taps) in one dimension: two outputs of a filter from taps + 1 multiplications."""

    inputs: tuple[tuple[float, ...], ...]  # [multiplications, taps + 1]
    kernels: tuple[tuple[float, ...], ...]  # [multiplications, taps]
    outputs: tuple[tuple[float, ...], ...]  # [multiplications, 2]


# Lavin and Gray 2016, section 4.1, with the signs of the last row moved from the outputs to the inputs.
_MINIMAL = {
    2: _Minimal(
        inputs=((1, -1, 0), (0, 1, 0), (0, -1, 1)),
        kernels=((1, 0), (1, 1), (0, 1)),
        outputs=((1, 0), (1, 1), (0, 1)),
    ),
    3: _Minimal(
        inputs=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, 0, 1)),
        kernels=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
        outputs=((1, 0), (1, 1), (1, -1), (0, 1)),
    ),
}


Matrix = tuple[tuple[float, ...], ...]


def _combine(matrix: Matrix, parts: Sequence[Array]) -> list[Array]:
    """Matrix times vector of arrays."""
    sums = []
    for row in matrix:
        terms = [part if factor == 1 else factor * part for factor, part in zip(row, parts, strict=True) if factor]
        sums.append(functools.reduce(jnp.add, terms))
    return sums


def _combine_grid(vertical: Matrix, horizontal: Matrix, grid: Sequence[Sequence[Array]]) -> list[Array]:
    """The two matrices applied along the columns and along the rows of a grid of arrays; the result row by row."""
    rows = [_combine(horizontal, row) for row in grid]
    columns = [_combine(vertical, column) for column in zip(*rows, strict=True)]
    return [part for row in zip(*columns, strict=True) for part in row]


def _winograd(window: Window) -> Trilinear:
    """Minimal filtering in both dimensions, on blocks of stride x stride pixels taken as channels."""
    (sh, sw), (h, w), (kh, kw) = window.strides, window.outputs, _kernel_blocks(window)
    vertical, horizontal = _MINIMAL[kh], _MINIMAL[kw]
    th, tw = -(-h // 2), -(-w // 2)  # tiles of 2 x 2 outputs
    bh, bw = 2 * th + kh - 1, 2 * tw + kw - 1  # blocks of the input

    def inputs(x: Array) -> list[Array]:
        n, channels = x.shape[0], x.shape[-1]
        x = _pad(x, window.pads_to((bh * sh, bw * sw))).reshape(n, bh * sh, bw, sw * channels)
        last = (2 * sh * (th - 1) + 1, 2 * tw - 1)  # beyond the first pixel of a slice

        def tiles(row: int) -> list[Array]:
            """Of one pixel row of every block: [n, th, tw, sw * channels] each."""
            starts = [[(row + i * sh, j) for j in range(kw + 1)] for i in range(kh + 1)]
            slices = [
                [
                    lax.slice(x, (0, i, j, 0), (n, i + last[0], j + last[1], x.shape[-1]), (1, 2 * sh, 2, 1))
                    for i, j in line
                ]
                for line in starts
            ]
            return _combine_grid(vertical.inputs, horizontal.inputs, slices)

        by_tile = zip(*[tiles(row) for row in range(sh)], strict=True)
        return [jnp.stack(rows, axis=3).reshape(n * th * tw, -1) for rows in by_tile]

    def inputs_by_block(x: Array) -> list[Array]:
        x = _pad(x, window.pads_to((bh * sh, bw * sw))).reshape(x.shape[0], bh, sh, bw, sw, -1)
        slices = [
            [x[:, i : i + 2 * th - 1 : 2, :, j : j + 2 * tw - 1 : 2] for j in range(kw + 1)] for i in range(kh + 1)
        ]
        tiles = _combine_grid(vertical.inputs, horizontal.inputs, slices)
        return [tile.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape[0] * th * tw, -1) for tile in tiles]

    def kernels(k: Array) -> list[Array]:
        ci, co = k.shape[2:]
        pads = ((0, kh * sh - k.shape[0], 0), (0, kw * sw - k.shape[1], 0), (0, 0, 0), (0, 0, 0))
        k = lax.pad(k, jnp.zeros((), k.dtype), pads)
        rows = [lax.split(row, [sw] * kw, axis=1) for row in lax.split(k, [sh] * kh)]
        blocks = [[block.reshape(sh * sw * ci, co) for block in row] for row in rows]
        return _combine_grid(vertical.kernels, horizontal.kernels, blocks)

    def outputs(y: Array) -> list[Array]:
        y = _pad(y, ((0, 2 * th - h), (0, 2 * tw - w)))
        slices = [[y[:, i::2, j::2] for j in range(2)] for i in range(2)]
        return [_rows(tile) for tile in _combine_grid(vertical.outputs, horizontal.outputs, slices)]

    return Trilinear(inputs, kernels, outputs, inputs_by_block)


def _kernel_blocks(window: Window) -> Pair:
    """Size of the kernel in blocks of stride x stride pixels, rounded up."""
    height, width = (-(-kernel // stride) for kernel, stride in zip(window.kernel, window.strides, strict=True))
    return height, width


def _form(window: Window, ci: int, co: int) -> Trilinear:
    """The form that measured fastest on CPU for such a layer; benchmarks/train_step.py --layers shows it."""
    if window.outputs == (1, 1) or window.kernel == (1, 1) or ci < 16:
        return _patches(window)
    blocks = _kernel_blocks(window)
    if blocks[0] in _MINIMAL and blocks[1] in _MINIMAL and co >= 16:
        return _winograd(window)
    return _taps(window)


# --- The three functions on CPU ---


def _products(pairs: zip[tuple[Array, Array]], contract: Pair) -> list[Array]:
    """Matrix products, with the axis of each side that is summed over."""
    numbers = (((contract[0],), (contract[1],)), ((), ()))
    return [lax.dot_general(left, right, numbers) for left, right in pairs]


def _transposed(function: Callable[[Array], list[Array]], shape: Sequence[int], parts: list[Array]) -> Array:
    """The transpose of a linear map from arrays of this shape, applied to parts."""
    (result,) = jax.linear_transpose(function, jax.ShapeDtypeStruct(tuple(shape), parts[0].dtype))(parts)
    return result


def _widened(*arrays: Array) -> list[Array]:
    """In float32 or better: sums of rounded products would lose digits, and so would Winograd's transforms."""
    return [array.astype(jnp.promote_types(array.dtype, jnp.float32)) for array in arrays]


def _forward_cpu(window: Window, x: Array, kernel: Array) -> Array:
    form = _form(window, *kernel.shape[2:])
    dtype = x.dtype
    x, kernel = _widened(x, kernel)
    parts = _products(zip(form.inputs(x), form.kernels(kernel), strict=True), (1, 0))
    return _transposed(form.outputs, (x.shape[0], *window.outputs, kernel.shape[3]), parts).astype(dtype)


def _transpose_cpu(window: Window, y: Array, kernel: Array) -> Array:
    form = _form(window, *kernel.shape[2:])
    dtype = y.dtype
    y, kernel = _widened(y, kernel)
    parts = _products(zip(form.outputs(y), form.kernels(kernel), strict=True), (1, 1))
    return _transposed(form.inputs_to_transpose, (y.shape[0], *window.inputs, kernel.shape[2]), parts).astype(dtype)


def _kernel_gradient_cpu(window: Window, x: Array, y: Array) -> Array:
    ci, co = x.shape[3], y.shape[3]
    form = _form(window, ci, co)
    x, y = _widened(x, y)
    parts = _products(zip(form.inputs(x), form.outputs(y), strict=True), (0, 0))
    return _transposed(form.kernels, (*window.kernel, ci, co), parts)


# --- The three functions by XLA ---


def _forward_xla(window: Window, x: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(
        x, kernel, window.strides, window.padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _transpose_xla(window: Window, y: Array, kernel: Array) -> Array:
    pads = [
        (kernel - 1 - low, inside + low - 1 - (outside - 1) * stride)
        for inside, outside, kernel, stride, (low, _) in _axes(window)
    ]
    return lax.conv_general_dilated(
        y,
        kernel[::-1, ::-1],
        (1, 1),
        pads,
        lhs_dilation=window.strides,
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def _kernel_gradient_xla(window: Window, x: Array, y: Array) -> Array:
    pads = [
        (low, (outside - 1) * stride + kernel - inside - low)
        for inside, outside, kernel, stride, (low, _) in _axes(window)
    ]
    return lax.conv_general_dilated(
        x,
        y,
        (1, 1),
        pads,
        rhs_dilation=window.strides,
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )


def _axes(window: Window) -> list[tuple[int, int, int, int, Pair]]:
    """(input size, output size, kernel, stride, padding) of height and of width."""
    columns = window.inputs, window.outputs, window.kernel, window.strides, window.padding
    return list(zip(*columns, strict=True))


# --- The three functions, each the others' derivative ---


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _forward(window: Window, x: Array, kernel: Array) -> Array:
    """C: [n, H, W, ci] and [kh, kw, ci, co] to [n, h, w, co]."""
    return lax.platform_dependent(
        x,
        kernel.astype(x.dtype),
        cpu=functools.partial(_forward_cpu, window),
        default=functools.partial(_forward_xla, window),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _transpose(window: Window, y: Array, kernel: Array) -> Array:
    """T: [n, h, w, co] and [kh, kw, ci, co] to [n, H, W, ci]."""
    return lax.platform_dependent(
        y,
        kernel.astype(y.dtype),
        cpu=functools.partial(_transpose_cpu, window),
        default=functools.partial(_transpose_xla, window),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _kernel_gradient(window: Window, dtype: DTypeLike, x: Array, y: Array) -> Array:
    """W: [n, H, W, ci] and [n, h, w, co] to [kh, kw, ci, co], in `dtype`."""
    return lax.platform_dependent(
        x,
        y,
        cpu=functools.partial(_kernel_gradient_cpu, window),
        default=functools.partial(_kernel_gradient_xla, window),
    ).astype(dtype)


def _forward_bwd(window: Window, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = saved
    return _transpose(window, g, kernel), _kernel_gradient(window, kernel.dtype, x, g)


def _transpose_bwd(window: Window, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    y, kernel = saved
    return _forward(window, g, kernel), _kernel_gradient(window, kernel.dtype, g, y)


def _kernel_gradient_bwd(window: Window, dtype: DTypeLike, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    del dtype  # of g
    x, y = saved
    return _transpose(window, y, g), _forward(window, x, g)


_forward.defvjp(lambda window, x, kernel: (_forward(window, x, kernel), (x, kernel)), _forward_bwd)
_transpose.defvjp(lambda window, y, kernel: (_transpose(window, y, kernel), (y, kernel)), _transpose_bwd)
_kernel_gradient.defvjp(
    lambda window, dtype, x, y: (_kernel_gradient(window, dtype, x, y), (x, y)), _kernel_gradient_bwd
)


# --- Public functions and modules ---


def conv(x: Array, kernel: Array, strides: Pair = (1, 1), padding: Padding = "SAME") -> Array:
    """Convolution (cross-correlation, as in every deep learning library) of [n, H, W, ci] with [kh, kw, ci, co].

    `padding` is "SAME" (output ceil(H / stride), the odd zero at the end), "VALID" or ((top, bottom), (left, right)).
    Returns [n, h, w, co] in the dtype of x.
    """
    size = (x.shape[1], x.shape[2])
    window = Window(_pair(kernel.shape), strides, _explicit(padding, _pair(kernel.shape), strides, size), size)
    if min(window.outputs) < 1:
        raise ValueError(f"conv: an input of {size} is smaller than the kernel {window.kernel}; pad it more")
    return _forward(window, x, kernel)


def conv_transpose(
    y: Array,
    kernel: Array,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    output_padding: Pair = (0, 0),
) -> Array:
    """Transposed convolution of [n, h, w, in] with [kh, kw, out, in], by PyTorch's conventions.

    The output has (h - 1) * stride - top - bottom + kh + output_padding rows, and columns likewise; "SAME" gives
    h * stride rows. Returns [n, H, W, out] in the dtype of y.
    """
    kernel_size, rows = _pair(kernel.shape), (y.shape[1], y.shape[2])
    if padding == "SAME":
        inputs = (rows[0] * strides[0], rows[1] * strides[1])
        pads = _explicit(padding, kernel_size, strides, inputs)
    else:
        pads = _explicit(padding, kernel_size, strides, rows)
        axes = zip(rows, strides, pads, kernel_size, output_padding, strict=True)
        height, width = ((size - 1) * stride - sum(ends) + k + extra for size, stride, ends, k, extra in axes)
        inputs = (height, width)
    window = Window(kernel_size, strides, pads, inputs)
    if window.outputs != rows:
        raise ValueError(f"conv_transpose: output_padding {output_padding} must be below the strides {strides}")
    return _transpose(window, y, kernel)


def _pair(shape: Sequence[int]) -> Pair:
    return shape[0], shape[1]


def _explicit(padding: Padding, kernel: Pair, strides: Pair, size: Pair) -> tuple[Pair, Pair]:
    """Padding in numbers for a convolution of an input of this size."""
    if isinstance(padding, str):
        top, left = lax.padtype_to_pads(size, kernel, strides, padding)
    else:
        top, left = padding
    return (top[0], top[1]), (left[0], left[1])


class Conv(nn.Module):
    """Convolution layer on [n, H, W, in]; parameters `kernel` [kh, kw, in, out] and `bias` [out] in float32."""

    features: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: DTypeLike = "float32"  # compute type
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, H, W, in] to [n, h, w, features] in `dtype`."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, x.shape[-1], self.features), jnp.float32)
        y = conv(x.astype(self.dtype), kernel, self.strides, self.padding)
        return _add_bias(self, y)


class ConvTranspose(nn.Module):
    """Transposed convolution layer; parameters `kernel` [kh, kw, out, in] and `bias` [out] in float32."""

    features: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    output_padding: Pair = (0, 0)
    use_bias: bool = True
    dtype: DTypeLike = "float32"  # compute type
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal(in_axis=-1, out_axis=-2)
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, y: Array) -> Array:
        """[n, h, w, in] to [n, H, W, features] in `dtype`."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, self.features, y.shape[-1]), jnp.float32)
        x = conv_transpose(y.astype(self.dtype), kernel, self.strides, self.padding, self.output_padding)
        return _add_bias(self, x)


def _add_bias(layer: Conv | ConvTranspose, x: Array) -> Array:
    if not layer.use_bias:
        return x
    bias = layer.param("bias", layer.bias_init, (layer.features,), jnp.float32)
    return x + bias.astype(x.dtype).reshape(1, 1, 1, -1)

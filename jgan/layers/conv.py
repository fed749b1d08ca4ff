"""Convolutions whose every derivative is fast on CPU, and XLA's own on GPU and TPU.

XLA differentiates a strided convolution into convolutions with dilated operands, which its CPU backend runs several
times slower than the forward pass. Here three bilinear functions take the place of one convolution and are closed
under differentiation, so that gradients of gradients (R1, gradient penalties) stay fast as well:

    C(x, w)  the convolution                   gradients for a cotangent g:  T(g, w), W(x, g)
    T(y, w)  its transpose in the input                                      C(g, w), W(g, y)
    W(x, y)  its gradient in the kernel                                      T(y, g), C(x, g)

On CPU they are computed by the trilinear forms of conv_forms.py, or by XLA's convolution where that is faster; grouped
ones, of which XLA's CPU backend has no fast form, by a loop over the groups.

Arrays are NHWC and kernels [height, width, in, out], `in` counting the channels of one group; a transposed convolution
has the kernel of the convolution that it transposes, [height, width, out, in], so both come from PyTorch's weights by
`weight.transpose(2, 3, 1, 0)`. The kernel is rounded to the activations' dtype, sums run in float32 or better, and the
gradient of the kernel comes in the kernel's own dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike

from jgan.layers.conv_forms import (
    Pair,
    Window,
    forward_form,
    gradient_form,
    gradient_pieces,
    keeping_size,
    transpose_form,
    turns_gradient,
    zero_pad,
)
from jgan.layers.equalized import equalize
from jgan.layers.spectral import spectral_normalize
from jgan.types import Array

Padding = Literal["SAME", "VALID"] | Sequence[Pair]
OneForm = Callable[[Window, Array, Array], Array]  # one of the three functions, on one platform

# What is traced within `xla_alone(True)` has XLA's own convolutions on every platform: other runtimes, which are given
# the program, know of no choice by platform, and sizes that are symbols fit no form but XLA's.
xla_alone = jax.make_user_context(default_value=False)


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
    if window.groups > 1:
        return _group_by_group(_forward_xla, window, x, kernel, (x.shape[0], *window.outputs, kernel.shape[3]))
    if wide := keeping_size(window, *kernel.shape[2:]):
        return zero_pad(_forward_cpu(wide, x, kernel), _room(window, wide, -1))
    form = forward_form(window, x.shape[0], *kernel.shape[2:])
    dtype = x.dtype
    x, kernel = _widened(x, kernel)
    if form is None:
        return _forward_xla(window, x, kernel).astype(dtype)
    parts = _products(zip(form.inputs(x), form.kernels(kernel), strict=True), (1, 0))
    return _transposed(form.outputs, (x.shape[0], *window.outputs, kernel.shape[3]), parts).astype(dtype)


def _transpose_cpu(window: Window, y: Array, kernel: Array) -> Array:
    if window.groups > 1:
        shape = (y.shape[0], *window.inputs, kernel.shape[2] * window.groups)
        return _group_by_group(_transpose_of_group, window, y, kernel, shape)
    if wide := keeping_size(window, *kernel.shape[2:]):
        # Else XLA would take the zeros for the convolution's own padding, and be slow.
        return _transpose_cpu(wide, lax.optimization_barrier(zero_pad(y, _room(window, wide))), kernel)
    form = transpose_form(window, y.shape[0], *kernel.shape[2:])
    if form is None:
        return _forward_cpu(window.transposed, y, kernel[::-1, ::-1].swapaxes(2, 3))
    dtype = y.dtype
    y, kernel = _widened(y, kernel)
    parts = _products(zip(form.outputs(y), form.kernels(kernel), strict=True), (1, 1))
    return _transposed(form.inputs_to_transpose, (y.shape[0], *window.inputs, kernel.shape[2]), parts).astype(dtype)


def _kernel_gradient_cpu(window: Window, x: Array, y: Array) -> Array:
    ci, co = x.shape[3] // window.groups, y.shape[3]
    if window.groups > 1:
        x, y = _widened(x, y)
        return _group_by_group(_kernel_gradient_turned, window, x, y, (*window.kernel, ci, co))
    if wide := keeping_size(window, ci, co):
        return _kernel_gradient_cpu(wide, x, zero_pad(y, _room(window, wide)))
    if turns_gradient(window, ci, co):
        return _kernel_gradient_cpu(window.transposed, y, x)[::-1, ::-1].swapaxes(2, 3)
    form = gradient_form(window, x.shape[0], ci, co)
    x, y = _widened(x, y)
    if pieces := gradient_pieces(window, x.shape[0], ci, co):
        # Neighbours go to different pieces: a batch that is split over devices stays where it is.
        x, y = (array.reshape(-1, pieces, *array.shape[1:]) for array in (x, y))
        return lax.map(lambda n: _kernel_gradient_turned(window, x[:, n], y[:, n]), jnp.arange(pieces)).sum(0)
    if form is None:
        return _kernel_gradient_xla(window, x, y)
    parts = _products(zip(form.inputs(x), form.outputs(y), strict=True), (0, 0))
    return _transposed(form.kernels, (*window.kernel, ci, co), parts)


def _room(window: Window, wide: Window, sign: int = 1) -> list[Pair]:
    """Rows and columns of the wide window's output before and behind those of `window`."""
    sides = zip(window.padding, wide.padding, strict=True)
    return [(sign * (more[0] - own[0]), sign * (more[1] - own[1])) for own, more in sides]


def _group_by_group(
    function: Callable[[Window, Array, Array], Array], window: Window, left: Array, right: Array, shape: tuple[int, ...]
) -> Array:
    """A result of this shape from two arrays, all with groups along their last axes, by a function of one group.

    In a loop, whose body is compiled once however many groups there are.
    """
    one, dtype = window._replace(groups=1), left.dtype
    left, right = _widened(left, right)

    def part(array: Array, group: Array) -> Array:
        size = array.shape[3] // window.groups
        return lax.dynamic_slice_in_dim(array, group * size, size, 3)

    def body(group: Array, result: Array) -> Array:
        made = function(one, part(left, group), part(right, group))
        return lax.dynamic_update_slice_in_dim(result, made, group * made.shape[3], 3)

    return lax.fori_loop(0, window.groups, body, jnp.zeros(shape, left.dtype)).astype(dtype)


def _transpose_of_group(window: Window, y: Array, kernel: Array) -> Array:
    return _forward_xla(window.transposed, y, kernel[::-1, ::-1].swapaxes(2, 3))


def _kernel_gradient_turned(window: Window, x: Array, y: Array) -> Array:
    """As a convolution of the order of axes that XLA's CPU backend has a fast form of, also within a loop."""
    numbers = ("NHWC", "HWIO", "NHWC")
    x, y = x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)
    return lax.conv_general_dilated(x, y, (1, 1), window.padding, dimension_numbers=numbers).transpose(1, 2, 0, 3)


# --- The three functions by XLA ---


def _forward_xla(window: Window, x: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        window.strides,
        window.padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=window.groups,
    )


def _transpose_xla(window: Window, y: Array, kernel: Array) -> Array:
    pads = [
        (kernel - 1 - low, inside + low - 1 - (outside - 1) * stride)
        for inside, outside, kernel, stride, (low, _) in _axes(window)
    ]
    ci, co = kernel.shape[2], kernel.shape[3] // window.groups
    kernel = kernel[::-1, ::-1].reshape(*window.kernel, ci, window.groups, co).transpose(0, 1, 4, 3, 2)
    return lax.conv_general_dilated(
        y,
        kernel.reshape(*window.kernel, co, -1),
        (1, 1),
        pads,
        lhs_dilation=window.strides,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=window.groups,
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
        batch_group_count=window.groups,
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )


def _axes(window: Window) -> list[tuple[int, int, int, int, Pair]]:
    """(input size, output size, kernel, stride, padding) of height and of width."""
    columns = window.inputs, window.outputs, window.kernel, window.strides, window.padding
    return list(zip(*columns, strict=True))


# --- The three functions, each the others' derivative ---


@functools.partial(jax.jit, static_argnums=(0, 1, 2), inline=True)
def _on_platform(on_cpu: OneForm, by_xla: OneForm, window: Window, left: Array, right: Array) -> Array:
    """The function of the platform that the program is compiled for. Both are traced once for all layers alike."""
    if xla_alone.value:
        return by_xla(window, left, right)
    cpu, default = functools.partial(on_cpu, window), functools.partial(by_xla, window)
    return lax.platform_dependent(left, right, cpu=cpu, default=default)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _forward(window: Window, x: Array, kernel: Array) -> Array:
    """C: [n, H, W, ci] and [kh, kw, ci / groups, co] to [n, h, w, co]."""
    return _on_platform(_forward_cpu, _forward_xla, window, x, kernel.astype(x.dtype))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _transpose(window: Window, y: Array, kernel: Array) -> Array:
    """T: [n, h, w, co] and [kh, kw, ci / groups, co] to [n, H, W, ci]."""
    return _on_platform(_transpose_cpu, _transpose_xla, window, y, kernel.astype(y.dtype))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _kernel_gradient(window: Window, dtype: DTypeLike, x: Array, y: Array) -> Array:
    """W: [n, H, W, ci] and [n, h, w, co] to [kh, kw, ci / groups, co], in `dtype`."""
    return _on_platform(_kernel_gradient_cpu, _kernel_gradient_xla, window, x, y).astype(dtype)


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


def conv(x: Array, kernel: Array, strides: Pair = (1, 1), padding: Padding = "SAME", groups: int = 1) -> Array:
    """Convolution (cross-correlation, as in every deep learning library) of [n, H, W, ci] with [kh, kw, ci, co].

    `padding` is "SAME" (output ceil(H / stride), the odd zero at the end), "VALID" or ((top, bottom), (left, right)).
    With `groups` the channels of input and output are cut into so many equal parts; each part of the output sees the
    same one of the input alone, and the kernel is [kh, kw, ci / groups, co]. Returns [n, h, w, co] in the dtype of x.

    Raises:
      ValueError: the kernel is larger than the padded input, or groups do not divide the channels or have strides.
    """
    size = (x.shape[1], x.shape[2])
    if groups > 1 and strides != (1, 1):
        raise ValueError(f"conv: groups={groups} with strides {strides}; only stride 1 has groups")
    if x.shape[3] != groups * kernel.shape[2] or kernel.shape[3] % groups:
        raise ValueError(f"conv: groups={groups} do not fit {x.shape[3]} channels and a kernel of {kernel.shape[2:]}")
    window = Window(_pair(kernel.shape), strides, _explicit(padding, _pair(kernel.shape), strides, size), size, groups)
    if any(size < 1 for size in window.outputs):
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
    """Convolution layer on [n, H, W, in]; parameters `kernel` [kh, kw, in / groups, out] and `bias` [out]."""

    features: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: DTypeLike = "float32"  # compute type
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()
    spectral_norm: bool = False
    groups: int = 1  # as in `conv`
    equalized: float = 0.0  # gain of an equalised learning rate (equalized.py); 0: off

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, H, W, in] to [n, h, w, features] in `dtype`."""
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        if self.equalized:
            kernel = equalize(kernel, self.equalized)
        if self.spectral_norm:
            kernel = spectral_normalize(self, kernel)
        return _add_bias(self, self.convolve(x.astype(self.dtype), kernel))

    def convolve(self, x: Array, kernel: Array) -> Array:
        """What the layer does with its kernel; resample.py has others."""
        return conv(x, kernel, self.strides, self.padding, self.groups)


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
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, y: Array) -> Array:
        """[n, h, w, in] to [n, H, W, features] in `dtype`."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, self.features, y.shape[-1]), jnp.float32)
        if self.spectral_norm:
            kernel = spectral_normalize(self, kernel, output_axis=-2)
        x = conv_transpose(y.astype(self.dtype), kernel, self.strides, self.padding, self.output_padding)
        return _add_bias(self, x)


def _add_bias(layer: Conv | ConvTranspose, x: Array) -> Array:
    if not layer.use_bias:
        return x
    bias = layer.param("bias", layer.bias_init, (layer.features,), jnp.float32)
    return x + bias.astype(x.dtype).reshape(1, 1, 1, -1)

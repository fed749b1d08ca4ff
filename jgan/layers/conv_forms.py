"""The trilinear forms of a convolution on CPU: lists of matrix products between linear maps of its three arrays.

The functions C, T and W of conv.py are faces of sum_k X_k(x) W_k(w) Y_k(y), with linear maps X, W and Y: each is matrix
products between the images of two of the maps, followed by the transpose of the third. Three forms are used: a product
for each tap, one product of whole patches, and Winograd's minimal filtering (Lavin and Gray 2016,
https://arxiv.org/abs/1509.09308), which for a kernel of 4 x 4 at stride 2 needs 9 multiplications in place of 16. Its
transforms here only add, subtract and halve: the rounding error stays within a small factor of the direct sum's.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from jgan.types import Array

Pair = tuple[int, int]


class Window(NamedTuple):
    """The geometry of a convolution: all but batch, channels and dtype. Pairs are (height, width)."""

    kernel: Pair
    strides: Pair
    padding: tuple[Pair, Pair]  # zeros added to the convolution's input: ((top, bottom), (left, right))
    inputs: Pair  # size of the convolution's input: the output of its transpose
    groups: int = 1  # of channels, each with its own part of the kernel

    @property
    def outputs(self) -> Pair:
        """Size of the convolution's output: the input of its transpose."""
        sizes = zip(self.inputs, self.padding, self.kernel, self.strides, strict=True)
        height, width = ((size + sum(pads) - kernel) // stride + 1 for size, pads, kernel, stride in sizes)
        return height, width

    @property
    def transposed(self) -> Window:
        """At stride 1: the window of the convolution, by the turned kernel, that this one's transpose is."""
        axes = zip(self.inputs, self.outputs, self.kernel, self.padding, strict=True)
        top, left = ((kernel - 1 - low, inside + low - outside) for inside, outside, kernel, (low, _) in axes)
        return Window(self.kernel, self.strides, (top, left), self.outputs, self.groups)

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


def zero_pad(x: Array, pads: Sequence[Pair]) -> Array:
    """Zero padding of the two axes after the first. A negative number crops."""
    config = [(0, 0, 0), *((low, high, 0) for low, high in pads)]
    return lax.pad(x, jnp.zeros((), x.dtype), config + [(0, 0, 0)] * (x.ndim - len(config)))


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _tap_inputs(window: Window, x: Array) -> list[Array]:
    """The input pixels that each tap of the kernel meets: kh * kw arrays [n, h, w, ci]."""
    spans = [(size - 1) * stride + 1 for size, stride in zip(window.outputs, window.strides, strict=True)]
    reach = (spans[0] + window.kernel[0] - 1, spans[1] + window.kernel[1] - 1)
    x = zero_pad(x, window.pads_to(reach))
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
    x = zero_pad(x, window.pads_to(((h - 1) * sh + kh, columns * sw))).reshape(n, -1, columns, sw * channels)
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
        x = zero_pad(x, window.pads_to((bh * sh, bw * sw))).reshape(n, bh * sh, bw, sw * channels)
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
        x = zero_pad(x, window.pads_to((bh * sh, bw * sw))).reshape(x.shape[0], bh, sh, bw, sw, -1)
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
        y = zero_pad(y, ((0, 2 * th - h), (0, 2 * tw - w)))
        slices = [[y[:, i::2, j::2] for j in range(2)] for i in range(2)]
        return [_rows(tile) for tile in _combine_grid(vertical.outputs, horizontal.outputs, slices)]

    return Trilinear(inputs, kernels, outputs, inputs_by_block)


def _kernel_blocks(window: Window) -> Pair:
    """Size of the kernel in blocks of stride x stride pixels, rounded up."""
    height, width = (-(-kernel // stride) for kernel, stride in zip(window.kernel, window.strides, strict=True))
    return height, width


# Pairs of channels up to which products of so few are not worth their transforms, and take long to compile: of C and T,
# and of W.
_FEW = 32 * 32
_FEW_FOR_GRADIENT = 16 * 16
_NARROW = 16  # channels of one side below which a matrix product is too thin
_NOT_WIDE = 64  # channels of the output up to which, at stride 1, XLA is as fast and reads its inputs only once
_FEW_TO_TURN = 64 * 64  # pairs of channels up to which XLA's convolution with its axes turned is fastest for W
_CACHED = 300_000  # numbers, of 4 bytes, that such a convolution reads again and again without waiting for memory
_MANY = 128 * 128  # pairs of channels beyond which kernels are large beside small images
_TOO_MANY_TO_TURN = 128 * 256  # ... beyond which they take longer to turn than to use, whatever the images
_FEW_PIXELS = 256  # of the output, in all images
_LARGE = 16  # taps beyond which patches of few channels cost more memory traffic than their product saves


def forward_form(window: Window, images: int, ci: int, co: int) -> Trilinear | None:
    """The form that measured fastest on CPU for C of such a layer; None where XLA's own convolution did.

    benchmarks/speed/conv_layers.py shows it, and for the two below.
    """
    if _is_product(window) or _is_mostly_kernel(window, images, ci, co):
        return _patches(window)
    if ci < _NARROW and window.strides != (1, 1):
        return _patches(window)
    if ci * co <= _FEW or (window.strides == (1, 1) and (ci < _NARROW or co <= _NOT_WIDE)):
        return None
    return _product_form(window, co)


def transpose_form(window: Window, images: int, ci: int, co: int) -> Trilinear | None:
    """The form for T; None where it is best computed as the convolution that a transpose is at stride 1.

    That one's kernel has the channels the other way round: moving those of a large kernel takes longer than its use.
    """
    if _suits_patches(window, ci) or _is_mostly_kernel(window, images, ci, co):
        return _patches(window)
    if window.strides == (1, 1) and ci * co <= _TOO_MANY_TO_TURN:
        return None
    return _patches(window) if ci * co <= _FEW else _product_form(window, co)


def gradient_form(window: Window, images: int, ci: int, co: int) -> Trilinear | None:
    """The form for W where `gradient_pieces` is 0; None where XLA's own convolution is fastest.

    In a loop that one is slow: for W of SRResNet's blocks, 4 ms alone, it made a step 13 times as long.
    """
    if _suits_patches(window, ci) or _is_mostly_kernel(window, images, ci, co):
        return _patches(window)
    if ci * co <= _FEW_FOR_GRADIENT or (window.strides == (1, 1) and min(ci, co) < _NARROW):
        return None
    return _product_form(window, co)


def gradient_pieces(window: Window, images: int, ci: int, co: int) -> int:
    """In how many pieces of the batch XLA's convolution with its axes turned is fastest for W; 0 where it is not.

    It reads y as a kernel, once for each tap and channel of the input, so a piece has to stay in the cache.
    """
    if window.strides != (1, 1) or ci * co > _FEW_TO_TURN or min(ci, co) < _NARROW or _is_product(window):
        return 0
    size = math.prod(window.outputs) * co
    return next((n for n in range(1, images + 1) if images % n == 0 and images // n * size <= _CACHED), 0)


def turns_gradient(window: Window, ci: int, co: int) -> bool:
    """Whether W is best computed as that of the transposed window, which has ci and co the other way round.

    Of many channels and few, the few are then those whose patches are made.
    """
    return window.strides == (1, 1) and co < _NARROW <= ci and not _is_product(window)


def keeping_size(window: Window, ci: int, co: int) -> Window | None:
    """Padded so that it keeps the size, in whose output that of `window` lies; None where that is no faster.

    From or to few channels at stride 1, XLA's convolutions are fast with this padding, and up to a hundred times slower
    without: for 7 x 7, 64 to 3 channels at 70 x 70, 2 ms in place of 19, and 3 in place of 234 for W.
    """
    pads = [((size - 1) // 2, size // 2) for size in window.kernel]
    rooms = [(pad[0] - own[0], pad[1] - own[1]) for pad, own in zip(pads, window.padding, strict=True)]
    has_room = min(map(min, rooms)) >= 0 < max(map(max, rooms))
    if window.strides != (1, 1) or min(ci, co) >= _NARROW or _is_product(window) or not has_room:
        return None
    return window._replace(padding=(pads[0], pads[1]))


def _is_product(window: Window) -> bool:
    """Whether the convolution is a matrix product as it stands."""
    return window.outputs == (1, 1) or window.kernel == (1, 1)


def _is_mostly_kernel(window: Window, images: int, ci: int, co: int) -> bool:
    """Whether so few pixels meet so large a kernel that transforming it, or reading it in parts, would take longest."""
    return ci * co > _MANY and images * math.prod(window.outputs) <= _FEW_PIXELS


def _suits_patches(window: Window, ci: int) -> bool:
    large = window.strides == (1, 1) and math.prod(window.kernel) > _LARGE
    return _is_product(window) or (ci < _NARROW and not large)


def _product_form(window: Window, co: int) -> Trilinear:
    blocks = _kernel_blocks(window)
    has_minimal = blocks[0] in _MINIMAL and blocks[1] in _MINIMAL and co >= _NARROW
    # Of 2 x 2 outputs; a kernel of 3 x 3 at stride 2, in blocks one of 4 x 4, would save nothing.
    multiplications = math.prod(window.strides) * (blocks[0] + 1) * (blocks[1] + 1)
    return _winograd(window) if has_minimal and multiplications < 4 * math.prod(window.kernel) else _taps(window)

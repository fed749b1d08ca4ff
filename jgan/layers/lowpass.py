"""Low-pass filters, and changing the sampling rate of images through them, as StyleGAN3's layers do.

Karras et al. 2021 (https://arxiv.org/abs/2106.12423), sections 2 and 3.2 and appendix C; checked against
https://github.com/NVlabs/stylegan3. No zero between pixels is ever multiplied: up, each phase of the result has its own
taps; down, pixels that share a tap are added before they meet it, which XLA makes one loop of. Up and down are each
other's transpose, so that gradients are as fast.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal
import scipy.special
from jax import lax

from jgan.types import Array

Taps = tuple[float, ...]


def kaiser_taps(count: int, cutoff: float, width: float, rate: float) -> np.ndarray:
    """The taps [count] of a low-pass filter by Kaiser's window; their sum is 1.

    `cutoff` and `width`, that of the transition band, are in the units of the sampling rate.
    """
    return np.asarray(scipy.signal.firwin(count, cutoff, width=width, fs=rate))


def radial_taps(count: int, cutoff: float, width: float, rate: float) -> np.ndarray:
    """The taps [count, count] of a filter that is the same in all directions: a jinc under two Kaiser windows.

    An even count, as the jinc is not computed at its centre. Units as of `kaiser_taps`.
    """
    places = (np.arange(count) - (count - 1) / 2) / rate
    radii = np.pi * np.hypot(places[:, None], places[None])
    beta = scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(count, width / (rate / 2)))
    window = np.kaiser(count, beta)
    taps = scipy.special.j1(2 * cutoff * radii) / radii * np.outer(window, window)
    return taps / taps.sum()


def upsample_filtered(x: Array, taps: np.ndarray, factor: int, before: int, size: int) -> Array:
    """`factor - 1` zeros put behind each pixel, `before` of them in front, then the filter of gain `factor` squared.

    [n, s, s, c] to [n, size, size, c] in the dtype of x; sums run in float32 or better. A negative `before` crops. The
    taps, at least `factor` of them, are [k], along rows and columns, or [k, k], and read the same backwards.
    Reverse-mode differentiation only, of any order.
    """
    scaled = taps * (factor if taps.ndim == 1 else factor**2)
    return _up(Filtering(_as_rows(scaled), factor, before, x.shape[1], size), x)


def downsample_filtered(x: Array, taps: np.ndarray, factor: int, size: int) -> Array:
    """The filter, then every `factor`-th pixel from the first one on: [n, s, s, c] to [n, size, size, c].

    As `upsample_filtered` otherwise.
    """
    return _down(Filtering(_as_rows(taps), factor, 0, x.shape[1], size), x)


class Filtering(NamedTuple):
    """A filter and what it does to the sampling rate of square images."""

    rows: tuple[Taps, ...]  # of the filter; a single one is applied along both axes
    factor: int
    before: int  # zeros in front, at the higher rate
    inputs: int  # pixels of a side of what comes in
    outputs: int

    @property
    def taps(self) -> int:
        """How many there are along an axis."""
        return len(self.rows[0])

    @property
    def transposed(self) -> Filtering:
        """The one that leads back; the taps are the same as they are symmetric."""
        return Filtering(self.rows, self.factor, self.taps - 1 - self.before, self.outputs, self.inputs)


def _as_rows(taps: np.ndarray) -> tuple[Taps, ...]:
    return tuple(tuple(row) for row in np.atleast_2d(taps).tolist())


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0, inline=True)  # traced once for all layers and passes alike
def _up(how: Filtering, x: Array) -> Array:
    """Along each axis y[o] = sum over j of taps[j] z[o + j - before], where z[factor i] = x[i] and all else is 0."""
    taps, factor, before = how.taps, how.factor, how.before
    count, first = -(-how.outputs // factor), -before // factor
    size = count + (taps + factor - 2 - before) // factor - first
    x_wide = _window(_widened(x), first, size)
    of_phase: list[list[tuple[int, int]]] = [
        [] for _ in range(factor)
    ]  # its taps, and where the first pixel of each is
    for tap in range(taps):
        phase = (before - tap) % factor
        of_phase[phase].append((tap, (phase + tap - before) // factor - first))

    def along(axis: int, x: Array, weights: Taps, phase: int) -> Array:
        return _sum(weights[tap] * _part(x, axis, start, count) for tap, start in of_phase[phase])

    def in_turn(parts: list[Array], axis: int) -> Array:
        joined = jnp.stack(parts, axis + 1)
        joined = joined.reshape(*joined.shape[:axis], -1, *joined.shape[axis + 2 :])
        return _part(joined, axis, 0, how.outputs)

    phases = range(factor)
    if len(how.rows) == 1:
        x_tall = in_turn([along(1, x_wide, how.rows[0], phase) for phase in phases], 1)
        return in_turn([along(2, x_tall, how.rows[0], phase) for phase in phases], 2).astype(x.dtype)
    tall = []
    for phase in phases:
        lines = [(how.rows[tap], _part(x_wide, 1, start, count)) for tap, start in of_phase[phase]]
        tall.append(in_turn([_sum(along(2, line, row, other) for row, line in lines) for other in phases], 2))
    return in_turn(tall, 1).astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0, inline=True)  # traced once for all layers and passes alike
def _down(how: Filtering, x: Array) -> Array:
    """Along each axis y[o] = sum over j of taps[j] x[factor o + j - before], with zeros beyond the edges."""
    last = (how.outputs - 1) * how.factor
    x_wide = _window(_widened(x), -how.before, last + how.taps)

    def pair(x: Array, axis: int, tap: int) -> Array:
        """The pixels that meet this tap and its mirror image, which are equal."""
        mirrored = how.taps - 1 - tap
        sides = (tap,) if tap == mirrored else (tap, mirrored)
        return _sum(lax.slice_in_dim(x, side, side + last + 1, how.factor, axis) for side in sides)

    half = range(-(-how.taps // 2))
    if len(how.rows) == 1:
        (row,) = how.rows
        y = _sum(row[tap] * pair(x_wide, 1, tap) for tap in half)
        return _sum(row[tap] * pair(y, 2, tap) for tap in half).astype(x.dtype)
    pairs = [pair(x_wide, 1, tap) for tap in half]
    return _sum(how.rows[tap][other] * pair(pairs[tap], 2, other) for tap in half for other in half).astype(x.dtype)


_up.defvjp(lambda how, x: (_up(how, x), None), lambda how, _, g: (_down(how.transposed, g),))
_down.defvjp(lambda how, x: (_down(how, x), None), lambda how, _, g: (_up(how.transposed, g),))


def _widened(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _sum(terms: Iterable[Array]) -> Array:
    return functools.reduce(jnp.add, terms)


def _window(x: Array, start: int, size: int) -> Array:
    """Rows and columns from `start` on, zeros where there are none."""
    pads = (-start, start + size - x.shape[1], 0)
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), pads, pads, (0, 0, 0)))


def _part(x: Array, axis: int, start: int, size: int) -> Array:
    return lax.slice_in_dim(x, start, start + size, axis=axis)

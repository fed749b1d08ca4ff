"""Edges as lines: Canny's detector (1986, https://doi.org/10.1109/TPAMI.1986.4767851), on the device."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jgan.tasks.blur import gaussian_blur
from jgan.types import Array, Images

DEVIATION = 1.0  # of the Gaussian that comes first, pixels
# Gradients a pixel of images in [-1, 1], about 50 and 120 of Sobel's sums of 8-bit grays. Weak edges count where they
# touch strong ones.
LOW, HIGH = 0.05, 0.12
ROUNDS = 16  # pixels that a weak edge may reach from a strong one


def edges(gray: Images) -> Images:
    """Gray images [n, h, w, 1] in [-1, 1] to their edges [n, h, w, 1]: lines of -1, a pixel wide, on 1."""
    images = gaussian_blur(gray, jnp.full((gray.shape[0],), DEVIATION), DEVIATION)[..., 0]
    vertical, horizontal = _central_difference(images, 1), _central_difference(images, 2)
    thin = _thin(jnp.hypot(vertical, horizontal), vertical, horizontal)
    strong, weak = thin > HIGH, thin > LOW
    connected = lax.fori_loop(0, ROUNDS, lambda _, found: _grown(found) & weak, strong)
    return jnp.where(connected, -1.0, 1.0)[..., None]


def _central_difference(images: Array, axis: int) -> Array:
    """Differences of neighbours, smoothed across (Sobel's operator, its weights summing to 1 a pixel)."""
    across = 3 - axis
    smooth = 0.25 * (_moved(images, across, -1) + 2.0 * images + _moved(images, across, 1))
    return 0.5 * (_moved(smooth, axis, 1) - _moved(smooth, axis, -1))


def _thin(strength: Array, vertical: Array, horizontal: Array) -> Array:
    """Strength where it is the largest across the edge, 0 elsewhere."""
    steep = jnp.abs(vertical) / jnp.maximum(jnp.abs(horizontal), 1e-12)
    along_rows = steep < jnp.tan(jnp.pi / 8)
    along_columns = steep > jnp.tan(3 * jnp.pi / 8)
    same_sign = vertical * horizontal > 0
    neighbours = {(i, j): _moved(_moved(strength, 1, i), 2, j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    choices = [along_rows, along_columns, same_sign]
    before = jnp.select(choices, [neighbours[0, -1], neighbours[-1, 0], neighbours[-1, -1]], neighbours[-1, 1])
    after = jnp.select(choices, [neighbours[0, 1], neighbours[1, 0], neighbours[1, 1]], neighbours[1, -1])
    return jnp.where((strength >= before) & (strength > after), strength, 0.0)


def _grown(found: Array) -> Array:
    """Also where one of the eight neighbours is."""
    for axis in (1, 2):
        found = found | _moved(found, axis, 1) | _moved(found, axis, -1)
    return found


def _moved(images: Array, axis: int, by: int) -> Array:
    """The neighbours `by` further along an axis; an edge pixel is its own."""
    size = images.shape[axis]
    return jnp.take(images, jnp.clip(jnp.arange(size) + by, 0, size - 1), axis=axis)

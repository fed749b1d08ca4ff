"""Masks of inpainting: random rectangles, and free-form strokes (Yu et al. 2019, https://arxiv.org/abs/1806.03589)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jgan.types import Array, Rngs

SMALLEST, LARGEST = 0.25, 0.5  # side of a rectangle, as a share of the image's
STROKES, POINTS = 4, 6  # of a free-form mask: brush strokes, and the points that each goes through
REACH = 0.25  # between two points, at most, as a share of the image's side
BRUSH = (0.03, 0.08)  # half its width, likewise


def sample_masks(kind: str, rngs: Rngs, height: int, width: int) -> Array:
    """Masks float32 [n, height, width, 1], 1 where hidden and 0 where known; each by its own key."""
    sample = {"rectangles": _rectangle, "strokes": _strokes}[kind]
    return jax.vmap(lambda rng: sample(rng, height, width))(rngs)[..., None]


def _rectangle(rng: Array, height: int, width: int) -> Array:
    sides, corner = jax.random.uniform(rng, (2, 2))
    size = jnp.array([height, width], jnp.float32)
    sides = jnp.round((SMALLEST + (LARGEST - SMALLEST) * sides) * size)
    first = jnp.floor(corner * (size - sides + 1.0))
    rows, columns = jnp.arange(height), jnp.arange(width)
    inside_rows = (rows >= first[0]) & (rows < first[0] + sides[0])
    inside_columns = (columns >= first[1]) & (columns < first[1] + sides[1])
    return (inside_rows[:, None] & inside_columns[None, :]).astype(jnp.float32)


def _strokes(rng: Array, height: int, width: int) -> Array:
    """Pixels near broken lines whose points are random steps apart."""
    rng_start, rng_steps, rng_brush = jax.random.split(rng, 3)
    start = jax.random.uniform(rng_start, (STROKES, 1, 2))
    steps = jax.random.uniform(rng_steps, (STROKES, POINTS - 1, 2), minval=-REACH, maxval=REACH)
    points = jnp.concatenate([start, start + jnp.cumsum(steps, axis=1)], axis=1)
    brush = jax.random.uniform(rng_brush, (STROKES, 1), minval=BRUSH[0], maxval=BRUSH[1])
    rows, columns = (jnp.arange(height) + 0.5) / height, (jnp.arange(width) + 0.5) / width
    pixels = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    begins, ends = points[:, :-1].reshape(-1, 2), points[:, 1:].reshape(-1, 2)
    radii = jnp.broadcast_to(brush, (STROKES, POINTS - 1)).reshape(-1)

    def near(begin: Array, end: Array, radius: Array) -> Array:
        along, away = end - begin, pixels - begin[None]
        share = (away @ along) / jnp.maximum(along @ along, 1e-12)
        offset = away - jnp.clip(share, 0.0, 1.0)[:, None] * along[None]
        return jnp.square(offset).sum(-1) <= jnp.square(radius)

    return jax.vmap(near)(begins, ends, radii).any(0).astype(jnp.float32).reshape(height, width)

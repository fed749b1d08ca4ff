"""What befalls images at random before a step sees them: where they are cut, whether they are mirrored or turned."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jgan.data.config import DataConfig
from jgan.types import Array, Rngs

RNG_FLIP, RNG_CUT, RNG_TURN = (
    0x666C6970,
    0x63757400,
    0x7475726E,
)  # "flip", "cut", "turn": no game folds them in


def enlarged(resolution: int, config: DataConfig) -> int:
    """The side of the images that squares of `resolution` are cut from."""
    return round(resolution * config.jitter)


def vary(images: Array, resolution: int, config: DataConfig, rngs: Rngs) -> Array:
    """Images [n, s, s, c] of any type to [n, resolution, resolution, c], each by its own key alone."""
    if images.shape[1] != resolution:
        images = _cut(images, resolution, rngs)
    if config.flip:
        mirrored = jax.vmap(lambda rng: jax.random.bernoulli(jax.random.fold_in(rng, RNG_FLIP)))(rngs)
        images = _where(mirrored, images[:, :, ::-1], images)
    return _turn(images, rngs) if config.rotate else images


def _cut(images: Array, resolution: int, rngs: Rngs) -> Array:
    room = images.shape[1] - resolution

    def cut(image: Array, rng: Array) -> Array:
        top, left = jax.random.randint(jax.random.fold_in(rng, RNG_CUT), (2,), 0, room + 1)
        return jax.lax.dynamic_slice(image, (top, left, 0), (resolution, resolution, image.shape[-1]))

    return jax.vmap(cut)(images, rngs)


def _turn(images: Array, rngs: Rngs) -> Array:
    """By 90 degrees in half of all cases, and by 180 more in half of them."""
    chosen = jax.vmap(lambda rng: jax.random.bernoulli(jax.random.fold_in(rng, RNG_TURN), shape=(2,)))(rngs)
    images = _where(chosen[:, 0], images.swapaxes(1, 2)[:, :, ::-1], images)
    return _where(chosen[:, 1], images[:, ::-1, ::-1], images)


def _where(chosen: Array, yes: Array, no: Array) -> Array:
    return jnp.where(chosen[:, None, None, None], yes, no)

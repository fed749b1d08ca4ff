"""The probability of augmentation that follows how much the discriminator overfits: ADA.

Karras et al. 2020 (https://arxiv.org/abs/2006.06676), section 3.1: r_t, the mean sign of D(real), is held at a target.
As in https://github.com/NVlabs/stylegan2-ada-pytorch r_t is that of all real images seen since the last move, those of
lazy regularisation included; there p has no upper bound, here it ends at `augment_probability`, or it would wind up.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jgan.games.settings import Settings
from jgan.types import Array, Logits, PyTree

PROBABILITY, OVERFITTING = "augment_probability", "r_t"  # in `extras`, and in the metrics
SIGNS, SEEN, MOVED = "ada_signs", "ada_seen", "ada_moved"  # sums since the last move, and the step of that
NEAR_ONE = 0.9  # of the probability, from where on augmentations show in generated images


def init_adaptive() -> dict[str, Array]:
    """Of a new run: nothing is augmented."""
    zeros = {name: jnp.zeros(()) for name in (PROBABILITY, OVERFITTING, SIGNS, SEEN)}
    return {**zeros, MOVED: jnp.int32(0)}


def mean_sign(logits_real: Logits) -> Array:
    """Of the discriminator's logits of real images, a constant of every gradient."""
    return jax.lax.stop_gradient(jnp.sign(logits_real).mean())


def count_signs(extras: PyTree, mean: Array, images: int) -> PyTree:
    """The extras with the signs of the logits of so many real images."""
    return {**extras, SIGNS: extras[SIGNS] + mean * images, SEEN: extras[SEEN] + images}


def move_probability(settings: Settings, extras: PyTree, step: Array, batch_size: int) -> PyTree:
    """The extras at the start of a step: on every `ada_every`-th the probability moves, once, however often asked."""
    due = (step % settings.ada_every == 0) & (step != extras[MOVED]) & (extras[SEEN] > 0)
    overfitting = extras[SIGNS] / jnp.maximum(extras[SEEN], 1.0)
    by = jnp.sign(overfitting - settings.ada_target) * (batch_size * settings.ada_every / settings.ada_images)
    probability = jnp.clip(extras[PROBABILITY] + by, 0.0, settings.augment_probability)
    moved = {PROBABILITY: probability, OVERFITTING: overfitting, SIGNS: 0.0, SEEN: 0.0, MOVED: step}
    return {**extras, **{name: jnp.where(due, value, extras[name]) for name, value in moved.items()}}


def leak_warning(probability: float, field: str) -> str | None:
    """What to say where the probability, which `field` of the config has brought about, is near 1."""
    if probability < NEAR_ONE:
        return None
    return (
        f"{field}: the probability of augmentation is {probability:.2f}, so that hardly an image is seen as it "
        "is, and augmentations leak into the generated ones; add images, take fewer kinds in game.augment, or bound it "
        "by game.augment_probability=0.8"
    )

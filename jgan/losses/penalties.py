"""Penalties on the discriminator's gradients. A `critic` is a function of images [n, h, w, c] to logits [n, ...]."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jgan.types import Array, Images, Logits

Critic = Callable[[Images], Logits]


def r1_penalty(critic: Critic, images_real: Images) -> Array:
    """Squared gradient norm of the critic at real images, [n] (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406,
    equation 9, without gamma / 2).
    """
    gradients = jax.grad(lambda images: critic(images).sum())(images_real)
    return jnp.sum(jnp.square(gradients), axis=tuple(range(1, gradients.ndim)))

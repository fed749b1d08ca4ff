"""A player looked at a few steps ahead (Unrolled GAN, Metz et al. 2017, https://arxiv.org/abs/1611.02163)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import optax

from jgan.types import Array, PyTree, UserError


def unroll(
    loss: Callable[[PyTree], Array],
    params: PyTree,
    optimizer: optax.GradientTransformation,
    opt_state: PyTree,
    steps: int,
) -> PyTree:
    """The parameters after `steps` of the optimizer on `loss` (section 2.3).

    A gradient through the result sees how these steps answer to whatever `loss` depends on.
    """

    def step(carry: tuple[PyTree, PyTree], _: None) -> tuple[tuple[PyTree, PyTree], None]:
        params, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    return jax.lax.scan(step, (params, opt_state), length=steps)[0][0]


def adam_ahead(b1: float, b2: float, learning_rate: float) -> optax.GradientTransformation:
    """Adam with the small number inside of the square root, whose derivative at 0 would not be finite."""
    return optax.chain(optax.scale_by_adam(b1, b2, eps=0.0, eps_root=1e-16), optax.scale(-learning_rate))


def adam_state(opt_state: PyTree) -> PyTree:
    """For `adam_ahead`, the moments that a player's Adam has reached.

    Raises:
      UserError: it trains by another optimizer.
    """

    def is_moments(part: object) -> bool:
        return isinstance(part, optax.ScaleByAdamState)

    found = [part for part in jax.tree.leaves(opt_state, is_leaf=is_moments) if is_moments(part)]
    if len(found) != 1:
        raise UserError(
            "game.unroll_steps: they look through steps of Adam, and the discriminator has another optimizer; set "
            "discriminator_optimizer to AdamConfig, or unroll_steps to 0"
        )
    return found[0], optax.EmptyState()

"""A player looked at a few steps ahead (Unrolled GAN, Metz et al. 2017, https://arxiv.org/abs/1611.02163)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jgan.types import Array, PyTree


def unroll(
    loss: Callable[[PyTree], Array],
    params: PyTree,
    update: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    opt_state: PyTree,
    steps: int,
) -> PyTree:
    """The parameters after `steps` of an optimizer on `loss` (section 2.3); `update` is Optax's.

    A gradient through the result sees how these steps answer to whatever `loss` depends on.
    """

    def step(carry: tuple[PyTree, PyTree], _: None) -> tuple[tuple[PyTree, PyTree], None]:
        params, opt_state = carry
        changes, opt_state = update(jax.grad(loss)(params), opt_state)
        return (jax.tree.map(jnp.add, params, changes), opt_state), None

    return jax.lax.scan(step, (params, opt_state), length=steps)[0][0]

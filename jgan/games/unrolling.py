"""A player looked at a few steps ahead (Unrolled GAN, Metz et al. 2017, https://arxiv.org/abs/1611.02163)."""

from __future__ import annotations

from collections.abc import Callable

import jax

from jgan.types import Array, PyTree


def unroll(loss: Callable[[PyTree], Array], params: PyTree, steps: int, learning_rate: float) -> PyTree:
    """The parameters after `steps` of gradient descent on `loss` (section 2.3).

    A gradient through the result sees how these steps answer to whatever `loss` depends on.
    """

    def step(params: PyTree, _: None) -> tuple[PyTree, None]:
        gradients = jax.grad(loss)(params)
        return jax.tree.map(lambda leaf, gradient: leaf - learning_rate * gradient, params, gradients), None

    return jax.lax.scan(step, params, length=steps)[0]

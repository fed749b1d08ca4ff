"""Parametric ReLU (He et al. 2015, https://arxiv.org/abs/1502.01852), equation 1."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn

from jgan.types import Array


class PReLU(nn.Module):
    """A ReLU whose slope below zero is learned; parameter `slope`, [c] or, `shared` by all channels, [1], float32."""

    shared: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[..., c] to the same, in x's dtype. The first slope, 0.25, is the paper's and PyTorch's."""
        size = 1 if self.shared else x.shape[-1]
        slope = self.param("slope", nn.initializers.constant(0.25), (size,), jnp.float32)
        return jnp.where(x > 0, x, x * slope.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,)))

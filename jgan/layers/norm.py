"""Batch normalisation (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167), Algorithms 1 and 2."""

from __future__ import annotations

from flax import linen as nn
from jax import lax
from jax import numpy as jnp

from jgan.types import Array


class BatchNorm(nn.Module):
    """Normalises each channel of [..., c] over all other axes, with flax's names and conventions.

    Parameters `scale`, `bias`; running averages `mean`, `var` (of the biased variance) in `batch_stats`; all [c] and
    float32. Under jit with a sharded batch the statistics are those of the global batch.
    """

    momentum: float = 0.9  # of the running averages: the share of the old value that stays
    epsilon: float = 1e-5
    scale_init: nn.initializers.Initializer = nn.initializers.ones_init()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """The batch's statistics with `train`, the running ones without. Computes in float32, returns x's dtype."""
        channels = (x.shape[-1],)
        scale = self.param("scale", self.scale_init, channels, jnp.float32)
        bias = self.param("bias", self.bias_init, channels, jnp.float32)
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, channels, jnp.float32)
        if not train:
            return normalize(x, mean.value, var.value, scale, bias, self.epsilon)
        batch_mean, batch_var = moments(x)
        if not self.is_initializing():
            mean.value = self.momentum * mean.value + (1.0 - self.momentum) * lax.stop_gradient(batch_mean)
            var.value = self.momentum * var.value + (1.0 - self.momentum) * lax.stop_gradient(batch_var)
        return normalize(x, batch_mean, batch_var, scale, bias, self.epsilon)


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance [c] of [..., c] in float32. Two passes: E[x^2] - E[x]^2 would cancel."""
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    return mean, jnp.square(x - lax.expand_dims(mean, axes)).mean(axes)


def normalize(x: Array, mean: Array, var: Array, scale: Array, bias: Array, epsilon: float) -> Array:
    """(x - mean) / sqrt(var + epsilon) * scale + bias in float32, per channel, returned in x's dtype."""
    axes = tuple(range(x.ndim - 1))
    factor = lax.expand_dims(scale * lax.rsqrt(var + epsilon), axes)
    centred = x.astype(factor.dtype) - lax.expand_dims(mean, axes)
    return (centred * factor + lax.expand_dims(bias, axes)).astype(x.dtype)

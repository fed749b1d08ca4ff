"""Fully connected layers and embeddings with spectral normalisation as an option."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from jgan.layers.blend import Blend, blended
from jgan.layers.equalized import equalize
from jgan.layers.spectral import spectral_normalize
from jgan.types import Array, Labels


class Dense(nn.Module):
    """Fully connected layer on [..., in]; parameters `kernel` [in, out] and `bias` [out] in float32."""

    features: int
    use_bias: bool = True
    dtype: DTypeLike = "float32"  # compute type
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()
    spectral_norm: bool = False
    equalized: float = 0.0  # gain of an equalised learning rate (equalized.py); 0: off

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[..., in] to [..., features] in `dtype`."""
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
        if self.equalized:
            kernel = equalize(kernel, self.equalized)
        if self.spectral_norm:
            kernel = spectral_normalize(self, kernel)
        y = x.astype(self.dtype) @ kernel.astype(self.dtype)
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        return y + bias.astype(y.dtype).reshape((1,) * (y.ndim - 1) + (-1,))


class Embed(nn.Module):
    """A vector for each label; parameter `embedding` [num_embeddings, features] in float32.

    For spectral normalisation a row belongs to a label, as in PyTorch and in the official code.
    """

    num_embeddings: int
    features: int
    dtype: DTypeLike = "float32"  # compute type
    embedding_init: nn.initializers.Initializer = nn.initializers.variance_scaling(1.0, "fan_in", "normal", out_axis=0)
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, labels: Labels | Blend) -> Array:
        """Labels [n] to [n, features] in `dtype`; a label out of range gives NaN."""
        shape = (self.num_embeddings, self.features)
        table = self.param("embedding", self.embedding_init, shape, jnp.float32)
        if self.spectral_norm:
            table = spectral_normalize(self, table, output_axis=0)
        return blended(lambda labels: jnp.take(table, labels, axis=0), labels).astype(self.dtype)

"""Self-attention over pixels (Zhang et al. 2019, https://arxiv.org/abs/1805.08318, section 3).

Widths, pooling and the learned gain are those of the authors' code, non_local.py of
https://github.com/brain-research/self-attention-gan: keys and values are maxima of 2 x 2 pixels, layers have no bias.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from jgan.layers.conv import Conv
from jgan.layers.resample import max_pool
from jgan.types import Array, UserError


class SelfAttention(nn.Module):
    """Adds to every pixel of [n, h, w, c] a mean of features of all pixels, weighted by how alike they are.

    The weights of an example are [h w, h w / 4]: memory is linear in the batch. Parameter `gain`, at first 0, scales
    what is added. Height and width are even, c a multiple of 8.
    """

    spectral_norm: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.glorot_uniform()
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In x's dtype; the weights are computed in float32 or better."""
        n, h, w, c = x.shape
        if h % 2 or w % 2 or c % 8:
            raise UserError(f"attention on {h} x {w} x {c}: expected an even size and a multiple of 8 channels")
        queries = self._project(x, c // 8, "queries").reshape(n, h * w, -1)
        keys = max_pool(self._project(x, c // 8, "keys")).reshape(n, h * w // 4, -1)
        values = max_pool(self._project(x, c // 2, "values")).reshape(n, h * w // 4, -1)
        exact = jnp.promote_types(queries.dtype, jnp.float32)
        likeness = jnp.einsum("nqc,nkc->nqk", queries, keys, preferred_element_type=exact)
        weights = jax.nn.softmax(likeness, axis=-1).astype(values.dtype)
        means = jnp.einsum("nqk,nkc->nqc", weights, values).reshape(n, h, w, -1)
        gain = self.param("gain", nn.initializers.zeros_init(), (), jnp.float32)
        return x + gain.astype(x.dtype) * self._project(means, c, "output").astype(x.dtype)

    def _project(self, x: Array, features: int, name: str) -> Array:
        return Conv(
            features,
            (1, 1),
            use_bias=False,
            dtype=self.dtype,
            kernel_init=self.kernel_init,
            spectral_norm=self.spectral_norm,
            name=name,
        )(x)

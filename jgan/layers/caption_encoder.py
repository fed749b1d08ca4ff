"""Captions to vectors: words, read in both directions, or vectors that any encoder made before."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jgan.layers.blend import Blend, blended
from jgan.layers.dense import Dense, Embed
from jgan.types import Array

SLOPE = 0.2  # of the leaky ReLU


class CaptionEncoder(nn.Module):
    """Captions [n, ...] to float32 [n, features]: one dense layer and a leaky ReLU on a vector of each caption.

    Of word ids int32 [n, words] (0: padding, after at least one word) the vector is the mean over the words of a
    bidirectional GRU (Cho et al. 2014, https://arxiv.org/abs/1406.1078) on embeddings learned along; captions that are
    vectors [n, k] already are taken as they are. A `Blend` mixes the results of two captions.
    """

    vocabulary: int  # words; 0: the captions are vectors
    units: int = 64  # of an embedding, and of each direction of the GRU
    features: int = 128

    @nn.compact
    def __call__(self, captions: Array | Blend) -> Array:
        """In float32, whatever the networks compute in."""
        read = WordReader(self.vocabulary, self.units, name="words") if self.vocabulary else lambda vectors: vectors
        project = Dense(self.features, name="project")

        def encode(captions: Array) -> Array:
            return nn.leaky_relu(project(read(captions)), SLOPE)

        return blended(encode, captions)


class WordReader(nn.Module):
    """Word ids int32 [n, words] to float32 [n, 2 units]: the mean over a caption's words of what the GRU says there."""

    vocabulary: int
    units: int

    @nn.compact
    def __call__(self, words: Array) -> Array:
        """An id outside [0, vocabulary] gives NaN."""
        embed = Embed(self.vocabulary + 1, self.units, embedding_init=nn.initializers.normal(1.0), name="embedding")
        is_word = words > 0
        lengths = is_word.sum(axis=1)
        forward, backward = (nn.RNN(nn.GRUCell(self.units, name=name)) for name in ("forward", "backward"))
        both = nn.Bidirectional(forward, backward)(embed(words), seq_lengths=lengths)
        total = jnp.where(is_word[:, :, None], jnp.asarray(both), 0.0).sum(axis=1)
        return total / jnp.maximum(lengths, 1)[:, None].astype(jnp.float32)


def mismatch(captions: Array) -> tuple[Array, Array]:
    """The captions of the next example of the batch, and whether they differ from the example's own, bool [n]."""
    others = jnp.roll(captions, 1, axis=0)
    return others, jnp.any(others != captions, axis=tuple(range(1, captions.ndim)))


def example_captions(vocabulary: int, embedding_features: int, count: int) -> jax.Array:
    """Captions of the right type and of any content: of two words, or vectors."""
    if vocabulary:
        return jnp.ones((count, 2), jnp.int32)
    return jnp.zeros((count, embedding_features))

"""How discriminators end: what the last layer sees, and the logit that it makes of it.

The functions make layers in the module that calls.
"""

from __future__ import annotations

from typing import Protocol

import flax.linen as nn

from jgan.layers.dense import Dense
from jgan.layers.minibatch import minibatch_features
from jgan.types import Array, Logits


class Minibatched(Protocol):
    """The fields of a discriminator that `last_features` reads."""

    minibatch: str

    def sow(self, col: str, name: str, value: Array) -> bool:
        """Flax's."""
        ...


def last_features(discriminator: Minibatched, x: Array) -> Array:
    """The last hidden activations [n, ...] as [n, f] float32 with what `minibatch` adds; sown as "features"."""
    x = minibatch_features(x, discriminator.minibatch)
    discriminator.sow("intermediates", "features", x)
    return x


def to_logit(
    features: Array,
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal(),
    *,
    spectral_norm: bool = False,
) -> Logits:
    """Features [n, f] to logits [n], by a fully connected layer."""
    return Dense(1, kernel_init=kernel_init, spectral_norm=spectral_norm, name="to_logit")(features)[:, 0]

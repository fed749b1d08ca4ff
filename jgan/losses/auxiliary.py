"""What joins or thins out the adversarial losses: class labels, features, the best fakes. Pure functions of arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jgan.types import Array, Labels, Logits


def classification_loss(class_logits: Array, labels: Labels) -> Array:
    """Cross-entropy of class logits [n, classes], [n] (ACGAN, Odena et al. 2017, https://arxiv.org/abs/1610.09585,
    equation 3).
    """
    log_probabilities = jax.nn.log_softmax(class_logits)
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1)[:, 0]


def feature_matching_loss(features_real: Array, features_fake: Array) -> Array:
    """Squared distance between the mean features [n, f] of both sides, a scalar (Salimans et al. 2016,
    https://arxiv.org/abs/1606.03498, section 3.1).
    """
    return jnp.square(features_real.mean(0) - features_fake.mean(0)).sum()


def top_k_mean(losses: Array, logits: Logits, share: Array) -> Array:
    """Mean of the losses [n, ...] over the `share` of the examples, rounded to at least one, with the highest logits
    (Sinha et al. 2020, https://arxiv.org/abs/2002.06224). Of equal logits the first count.
    """
    scores = jax.lax.stop_gradient(logits.reshape(logits.shape[0], -1).mean(1))
    count = jnp.maximum(jnp.round(share * scores.shape[0]), 1).astype(jnp.int32)
    rank = jnp.argsort(jnp.argsort(-scores))
    per_example = losses.reshape(losses.shape[0], -1).mean(1)
    return jnp.where(rank < count, per_example, 0.0).sum() / count

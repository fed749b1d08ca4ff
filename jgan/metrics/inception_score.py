"""Inception score (Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 4)."""

from __future__ import annotations

import numpy as np

from jgan.metrics.checks import check_features
from jgan.metrics.estimate import Estimate
from jgan.types import UserError


def inception_score(logits: np.ndarray, *, splits: int = 10, rng: np.random.Generator | None = None) -> Estimate:
    """The exponential of the mean KL divergence between an image's class distribution and that of all images, from a
    classifier's logits [n, classes]: mean and standard deviation over `splits` consecutive parts; 1 to classes.

    With `rng` the images are shuffled first, as they should be where their order means something (classes in turn).
    Parts and logarithms are torch-fidelity's; the score of Inception's 1008 logits counts 8 that are no class.

    Raises:
      UserError: fewer images than splits, no splits, or logits that are not finite.
    """
    if splits < 1:
        raise UserError(f"splits={splits}: expected at least 1")
    check_features("logits", logits, at_least=splits)
    order = np.arange(len(logits)) if rng is None else rng.permutation(len(logits))
    parts = [order[i * len(order) // splits : (i + 1) * len(order) // splits] for i in range(splits)]
    return Estimate.over(np.array([_score(logits[part].astype(np.float64)) for part in parts]))


def _score(logits: np.ndarray) -> float:
    log_p = logits - _log_sum_exp(logits, axis=1)
    log_marginal = _log_sum_exp(log_p, axis=0) - np.log(len(log_p))  # finite where the mean of p would underflow to 0
    divergences = (np.exp(log_p) * (log_p - log_marginal)).sum(axis=1)
    return float(np.exp(divergences.mean()))


def _log_sum_exp(values: np.ndarray, axis: int) -> np.ndarray:
    largest = values.max(axis=axis, keepdims=True)
    return largest + np.log(np.exp(values - largest).sum(axis=axis, keepdims=True))

"""Mean and covariance of features that arrive in batches (the pairwise update of Chan, Golub & LeVeque
1983, "Algorithms for computing the sample variance: analysis and recommendations").
"""

from __future__ import annotations

import numpy as np

from jgan.metrics.checks import check_features
from jgan.types import UserError

BLOCK = 1024  # samples widened to float64 at once


class Moments:
    """Mean and covariance of all features added so far, in float64; memory is [d, d] whatever their number.

    The state is `count`, `mean` [d] and `scatter` [d, d] (the sum of outer products of deviations from the mean), which
    is what processes exchange: `of_state` and `merge` combine them to the moments of all features.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.count = 0
        self.mean = np.zeros(dim)
        self.scatter = np.zeros((dim, dim))

    @classmethod
    def of(cls, features: np.ndarray) -> Moments:
        """The moments of features [n, d] of any float type, a block at a time in float64."""
        moments = cls(features.shape[1])
        for first in range(0, len(features), BLOCK):
            moments.add(features[first : first + BLOCK])
        return moments

    @classmethod
    def of_state(cls, count: int, mean: np.ndarray, scatter: np.ndarray) -> Moments:
        """Moments from the state of others, copied."""
        moments = cls(len(mean))
        moments.count = int(count)
        moments.mean += mean
        moments.scatter += scatter
        return moments

    def add(self, features: np.ndarray) -> None:
        """Takes a batch of features [n, d] of any float type, n >= 0.

        Raises:
          UserError: the shape is not [n, d], or a feature is not finite.
        """
        check_features("features", features, at_least=0, dim=self.dim)
        if len(features) == 0:
            return
        deviations = features.astype(np.float64)
        mean = deviations.mean(axis=0)
        deviations -= mean
        shift = self._take_mean(len(features), mean)
        # One more row for the shift of the mean makes the whole update one symmetric matrix product.
        rows = np.concatenate([deviations, shift[None]])
        self.scatter += rows.T @ rows

    def merge(self, other: Moments) -> None:
        """Takes all that `other` has seen.

        Raises:
          UserError: `other` has another number of features.
        """
        if other.dim != self.dim:
            raise UserError(f"moments: {other.dim} features; expected {self.dim}, as in those they are merged with")
        if other.count == 0:
            return
        shift = self._take_mean(other.count, other.mean)
        self.scatter += other.scatter
        self.scatter += np.outer(shift, shift)

    @property
    def covariance(self) -> np.ndarray:
        """[d, d], unbiased (divided by count - 1), as np.cov.

        Raises:
          UserError: fewer than two samples.
        """
        if self.count < 2:
            raise UserError(f"features: {self.count} samples; expected at least 2 for a covariance")
        return self.scatter / (self.count - 1)

    @property
    def is_singular(self) -> bool:
        """Whether there are too few samples for a covariance of full rank, count <= d: then the Frechet distance is
        defined, and biased upwards by much.
        """
        return self.count <= self.dim

    def _take_mean(self, count: int, mean: np.ndarray) -> np.ndarray:
        """Adds `count` samples of this mean to count and mean; what the scatter still lacks is its outer square."""
        total = self.count + count
        difference = mean - self.mean
        shift = difference * np.sqrt(self.count * count / total)
        self.mean = self.mean + difference * (count / total)
        self.count = total
        return shift

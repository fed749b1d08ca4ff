"""Principal components of rows that arrive in batches (Ross, Lim, Lin and Yang 2008, section 3.1).

"Incremental learning for robust visual tracking", https://doi.org/10.1007/s11263-007-0075-7. Memory holds the
components and one batch. With as many components as the rows have dimensions it is exact, whatever the batches.
"""

from __future__ import annotations

import numpy as np

from jgan.types import UserError

NEGLIGIBLE = 1e-7  # of the largest singular value: the root of float64's precision, with room


class IncrementalPCA:
    """Mean and principal components of all rows so far.

    Attributes:
      mean: float64 [d].
      components: unit rows float64 [k, d], the largest variance first; of each the largest entry is positive.
      variances: float64 [k], of the rows along each (divided by n - 1).
      total_variance: of the rows in all directions.
    """

    def __init__(self, most: int) -> None:
        """Keeps at most so many components."""
        self._most, self._count = most, 0
        self._squares = 0.0  # sum of squared distances from the mean
        self.mean = np.zeros(0)
        self.components, self._singular = np.zeros((0, 0)), np.zeros(0)

    def add(self, rows: np.ndarray) -> None:
        """Takes rows [n, d] into account; n of 1 or more. Raises UserError where they are not finite."""
        rows = rows.astype(np.float64)
        if not np.isfinite(rows).all():
            raise UserError(
                "--workdir: latents become numbers that are not finite; take an earlier checkpoint, by --step"
            )
        count, mean = len(rows), rows.mean(axis=0)
        if not self._count:
            self.mean, self.components = np.zeros_like(mean), np.zeros((0, len(mean)))
        both, apart = self._count + count, mean - self.mean
        # The scatter of all rows is that of either part, and that of the two means (equation 2).
        shared = np.sqrt(self._count * count / both) * apart
        centred = rows - mean
        stacked = np.concatenate([self._singular[:, None] * self.components, centred, shared[None]])
        singular, components = _decompose(stacked)
        self._squares += np.square(centred).sum() + np.square(shared).sum()
        self.mean = self.mean + apart * (count / both)
        self._count = both
        kept = min(self._most, components.shape[1])
        self._singular, self.components = singular[:kept], _signed(components[:kept])

    @property
    def variances(self) -> np.ndarray:
        """See the class."""
        return np.square(self._singular) / max(self._count - 1, 1)

    @property
    def total_variance(self) -> float:
        """See the class."""
        return float(self._squares / max(self._count - 1, 1))


def _decompose(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and right singular vectors in rows, largest first, of rows [m, d]; those near 0 are left out.

    By the eigenvectors of the smaller of the two products of the rows with themselves: ten times as fast as their SVD
    where they are long. What is lost in precision lies below NEGLIGIBLE.
    """
    wide = rows.shape[1] > len(rows)
    squares, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    there = squares > NEGLIGIBLE**2 * squares[0]
    singular, vectors = np.sqrt(squares[there]), vectors[:, there]
    return singular, vectors.T @ rows / singular[:, None] if wide else vectors.T


def _signed(components: np.ndarray) -> np.ndarray:
    """The sign of a component is arbitrary: its largest entry is positive."""
    largest = np.abs(components).argmax(axis=1)[:, None]
    return components * np.where(np.take_along_axis(components, largest, axis=1) < 0, -1.0, 1.0)

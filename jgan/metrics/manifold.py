"""Nearest neighbours in feature space, and what they say about fidelity and diversity.

Precision and recall: Kynkaanniemi et al. 2019 (https://arxiv.org/abs/1904.06991, equations 1 and 2). Density and
coverage: Naeem et al. 2020 (https://arxiv.org/abs/2002.09797, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jgan.metrics.checks import check_features
from jgan.types import UserError

ROWS, COLUMNS = 2048, 2048  # of a block of distances: 32 MiB


class ManifoldScores(NamedTuple):
    """A ball around a sample reaches to its k-th nearest neighbour on its own side."""

    precision: float  # share of generated samples inside some real ball, 0 to 1
    recall: float  # share of real samples inside some generated ball, 0 to 1
    density: float  # mean number of real balls around a generated sample, over k; may exceed 1
    coverage: float  # share of real balls with a generated sample inside, 0 to 1


def manifold_scores(real: np.ndarray, fake: np.ndarray, *, k_precision: int = 3, k_density: int = 5) -> ManifoldScores:
    """Precision and recall (balls of `k_precision` neighbours), density and coverage (of `k_density`) of generated
    features [m, d] against real ones [n, d]. The defaults are the papers'.

    As in the papers' released code, a ball of precision and recall holds its boundary and one of density and coverage
    does not. Memory beyond the features is one block of distances.

    Raises:
      UserError: no more than k samples on a side, k below 1, or features that are not valid.
    """
    if min(k_precision, k_density) < 1:
        raise UserError(f"k_precision={k_precision}, k_density={k_density}: expected at least 1")
    check_features("real features", real, at_least=max(k_precision, k_density) + 1)
    check_features("generated features", fake, at_least=k_precision + 1, dim=real.shape[1])
    reach = _squared_reach(real, max(k_precision, k_density))
    real_reach, dense_reach = reach[:, k_precision], reach[:, k_density]
    fake_reach = _squared_reach(fake, k_precision)[:, k_precision]
    precise, recalled = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    covered, balls = np.zeros(len(real), bool), 0
    for rows, columns, squared in _squared_distances(fake, real):
        precise[rows] |= (squared <= real_reach[columns]).any(axis=1)
        recalled[columns] |= (squared <= fake_reach[rows, None]).any(axis=0)
        dense = squared < dense_reach[columns]
        covered[columns] |= dense.any(axis=0)
        balls += int(np.count_nonzero(dense))
    density = balls / (k_density * len(fake))
    return ManifoldScores(float(precise.mean()), float(recalled.mean()), density, float(covered.mean()))


def nearest(queries: np.ndarray, references: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Indices [n, k] of the k references [m, d] nearest to each query [n, d], and their Euclidean distances [n, k],
    nearest first. Against training images it is the check for memorisation: a copy is at distance exactly 0.

    Raises:
      UserError: fewer than k references, k below 1, or features that are not valid.
    """
    if k < 1:
        raise UserError(f"k={k}: expected at least 1 neighbour")
    check_features("references", references, at_least=k)
    check_features("queries", queries, at_least=0, dim=references.shape[1])
    best_indices = np.zeros((len(queries), k), np.int64)
    best_squares = np.full((len(queries), k), np.inf)
    for rows, columns, squared in _squared_distances(queries, references):
        candidates = _smallest(squared, k)
        squares = np.take_along_axis(squared, candidates, axis=1)
        indices = np.concatenate([best_indices[rows], candidates + columns.start], axis=1)
        squares = np.concatenate([best_squares[rows], squares], axis=1)
        order = np.argsort(squares, axis=1, kind="stable")[:, :k]
        best_indices[rows] = np.take_along_axis(indices, order, axis=1)
        best_squares[rows] = np.take_along_axis(squares, order, axis=1)
    return best_indices, np.sqrt(best_squares)


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Columns [n, min(k, m)] of the k smallest values of each row [n, m], in no order."""
    if k >= values.shape[1]:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, k - 1, axis=1)[:, :k]


def _squared_reach(features: np.ndarray, k: int) -> np.ndarray:
    """Squared distances [n, k + 1] from each of the features to the nearest of them, in order, itself first.

    Distances are symmetric: a pair of blocks is taken once.
    """
    smallest = np.full((len(features), k + 1), np.inf)

    def take(rows: slice, squared: np.ndarray) -> None:
        candidates = np.concatenate([smallest[rows], squared], axis=1)
        candidates.partition(k, axis=1)
        smallest[rows] = candidates[:, : k + 1]

    centre = features.mean(axis=0, dtype=np.float64)
    blocks = list(_blocks(len(features), ROWS))
    for index, rows in enumerate(blocks):
        block = features[rows] - centre
        for columns in blocks[index:]:
            squared = _squared(block, features[columns] - centre)
            take(rows, squared)
            if columns != rows:
                take(columns, squared.T)
    smallest.sort(axis=1)
    return smallest


def _squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """(rows of a, rows of b, squared distances between them in float64), block by block."""
    centre = b.mean(axis=0, dtype=np.float64)
    for rows in _blocks(len(a), ROWS):
        block = a[rows] - centre
        for columns in _blocks(len(b), COLUMNS):
            yield rows, columns, _squared(block, b[columns] - centre)


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances [n, m] between rows near the origin: |a|^2 + |b|^2 - 2ab cancels less there."""
    squares_a, squares_b = (np.square(side).sum(axis=1) for side in (a, b))
    squared = (-2.0 * a) @ b.T
    squared += squares_a[:, None]
    squared += squares_b
    # Products of d terms err by d * eps of the squared norms at most: less than that is no distance.
    error = a.shape[1] * np.finfo(np.float64).eps
    rows, columns = np.nonzero(squared <= error * (squares_a.max() + squares_b.max()))  # few: the rest needs no look
    zero = squared[rows, columns] <= error * (squares_a[rows] + squares_b[columns])
    squared[rows[zero], columns[zero]] = 0.0
    return squared


def _blocks(count: int, size: int) -> Iterator[slice]:
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))

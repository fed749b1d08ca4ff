"""Kernel distance of two sets of features: KID (Binkowski et al. 2018, https://arxiv.org/abs/1801.01401, section 4)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jgan.metrics.checks import check_features
from jgan.metrics.estimate import Estimate
from jgan.types import UserError

BLOCK = 2048  # rows of a block of the kernel matrix: 32 MiB


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, rng: np.random.Generator, *, subsets: int = 100, subset_size: int = 1000
) -> Estimate:
    """Squared maximum mean discrepancy between features [n, d] and [m, d] under the kernel (x.y / d + 1)^3: mean and
    standard deviation of the unbiased estimate over pairs of random subsets, drawn without replacement.

    The expectation is 0 for equal distributions, so estimates below 0 are right. The defaults are torch-fidelity's. The
    standard deviation is that of one subset, not the error of the mean.

    Raises:
      UserError: a side has fewer samples than `subset_size`, or settings or features are not valid.
    """
    if subsets < 1 or subset_size < 2:
        raise UserError(f"subsets={subsets}, subset_size={subset_size}: expected at least 1 and 2")
    check_features("real features", real)
    check_features("generated features", fake, dim=real.shape[1])
    if subset_size > min(len(real), len(fake)):
        raise UserError(
            f"subset_size={subset_size}: there are {len(real)} real and {len(fake)} generated samples; "
            "use more samples or smaller subsets"
        )
    values = np.empty(subsets)
    for index in range(subsets):
        chosen_real = real[rng.choice(len(real), subset_size, replace=False)]
        chosen_fake = fake[rng.choice(len(fake), subset_size, replace=False)]
        values[index] = _unbiased(chosen_real.astype(np.float64), chosen_fake.astype(np.float64))
    return Estimate.over(values)


def full_kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """The unbiased estimate from all samples at once, [n, d] against [m, d] (Gretton et al. 2012, "A kernel two-sample
    test", equation 3); kernel matrices are summed block by block and never held.

    Raises:
      UserError: a side has fewer than two samples, or features are not valid.
    """
    check_features("real features", real, at_least=2)
    check_features("generated features", fake, at_least=2, dim=real.shape[1])
    return _unbiased(real, fake)


def _unbiased(real: np.ndarray, fake: np.ndarray) -> float:
    return _mean_of_pairs(real) + _mean_of_pairs(fake) - 2.0 * _mean_between(real, fake)


def _mean_of_pairs(features: np.ndarray) -> float:
    """Mean of the kernel over pairs of different samples. It is symmetric: a pair of blocks is taken once."""
    count, dim = features.shape
    total = 0.0
    for index, rows in enumerate(_blocks(features)):
        total += _kernel_sum(rows @ rows.T, dim) - _kernel_sum(np.square(rows).sum(axis=1), dim)
        for columns in _blocks(features[(index + 1) * BLOCK :]):
            total += 2.0 * _kernel_sum(rows @ columns.T, dim)
    return total / (count * (count - 1))


def _mean_between(a: np.ndarray, b: np.ndarray) -> float:
    """Mean of the kernel over all pairs of a sample of one side and one of the other."""
    sums = (_kernel_sum(rows @ columns.T, a.shape[1]) for rows in _blocks(a) for columns in _blocks(b))
    return sum(sums) / (len(a) * len(b))


def _kernel_sum(products: np.ndarray, dim: int) -> float:
    """Sum of (product / dim + 1)^3; the products are overwritten, since new arrays cost as much as the arithmetic."""
    products /= dim
    products += 1.0
    squares = products * products
    squares *= products
    return float(squares.sum())


def _blocks(features: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(features), BLOCK):
        yield features[first : first + BLOCK].astype(np.float64, copy=False)

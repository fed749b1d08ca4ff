"""Frechet distance of two Gaussians and its extrapolation to infinitely many samples.

FID (Heusel et al. 2017, https://arxiv.org/abs/1706.08500, equation 6) is this distance between Inception features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jgan.metrics.checks import check_features
from jgan.types import UserError


def frechet_distance(mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray) -> float:
    """|mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)): the squared Wasserstein-2 distance between
    normal distributions with means [d] and covariances [d, d]. At least 0 up to rounding; the unit is that of the
    features, squared.

    Method: with factors cov = F F^T from `eigh`, tr (cov_a cov_b)^(1/2) is the sum of the singular values of F_a^T F_b.
    No complex square root, no offset on the diagonal; singular covariances (fewer samples than features) have narrower
    factors, and their zero eigenvalues add no rounding.

    Raises:
      UserError: the shapes do not agree, or a number is not finite.
    """
    _check_gaussian("first", mean_a, cov_a, len(mean_a))
    _check_gaussian("second", mean_b, cov_b, len(mean_a))
    return _distance(mean_a, _factor(cov_a), mean_b, _factor(cov_b))


def frechet_distance_of_samples(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """The Frechet distance between the moments of features [n, d] and [m, d], without [d, d] matrices where there are
    fewer samples than features.

    Raises:
      UserError: fewer than two samples on a side, or features that are not valid.
    """
    check_features("features", features_a, at_least=2)
    check_features("features", features_b, at_least=2, dim=features_a.shape[1])
    mean_a, mean_b = (features.mean(axis=0, dtype=np.float64) for features in (features_a, features_b))
    return _distance(mean_a, _factor_of_samples(features_a), mean_b, _factor_of_samples(features_b))


class FrechetInfinity(NamedTuple):
    """The line distance = `intercept` + `slope` / size through the distances [points] at the sizes [points]."""

    intercept: float  # the extrapolated distance
    slope: float
    sizes: np.ndarray
    distances: np.ndarray


def frechet_infinity(
    features: np.ndarray, mean: np.ndarray, cov: np.ndarray, rng: np.random.Generator, *, points: int = 15
) -> FrechetInfinity:
    """The Frechet distance from features [n, d] to the normal distribution (mean [d], cov [d, d]) for n to infinity.

    The bias of the distance is linear in 1/n to first order, so the distances of random subsets are regressed on 1/size
    and the line is read at 0 (Chong & Forsyth 2020, https://arxiv.org/abs/1911.07023). Sizes are spaced
    evenly from n / 10 to n, as in the released code (5,000 to 50,000); the bias that stems from the reference's own
    finite sample remains. The line is a good model only where the smallest size exceeds d.

    Raises:
      UserError: fewer than 20 samples, fewer than 2 points, shapes that do not agree, or numbers that are not finite.
    """
    check_features("features", features, at_least=20, dim=len(mean))
    _check_gaussian("reference", mean, cov, features.shape[1])
    if points < 2:
        raise UserError(f"points={points}: expected at least 2 to fit a line")
    sizes = np.linspace(len(features) // 10, len(features), points).astype(np.int64)
    reference = _factor(cov)
    distances = np.empty(points)
    for index, size in enumerate(sizes):
        subset = features[rng.permutation(len(features))[:size]].astype(np.float64)
        distances[index] = _distance(subset.mean(axis=0), _factor_of_samples(subset), mean, reference)
    slope, intercept = np.polyfit(1.0 / sizes, distances, 1)
    return FrechetInfinity(float(intercept), float(slope), sizes, distances)


def _distance(mean_a: np.ndarray, factor_a: np.ndarray, mean_b: np.ndarray, factor_b: np.ndarray) -> float:
    difference = np.asarray(mean_a, np.float64) - mean_b
    traces = np.square(factor_a).sum() + np.square(factor_b).sum()
    cross = np.linalg.svd(factor_a.T @ factor_b, compute_uv=False).sum() if factor_a.size and factor_b.size else 0.0
    return float(difference @ difference + traces - 2.0 * cross)


def _factor(cov: np.ndarray) -> np.ndarray:
    """F [d, rank] with F F^T = cov, float64."""
    values, vectors = np.linalg.eigh(np.asarray(cov, np.float64))
    # eigh errs by about d * eps * the largest eigenvalue; below that a value is a zero, whose root would not be small.
    threshold = len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    kept = values > threshold
    return vectors[:, kept] * np.sqrt(values[kept])


def _factor_of_samples(features: np.ndarray) -> np.ndarray:
    """As `_factor` of the covariance of features [n, d]: few samples, centred and scaled, are a factor themselves."""
    centred = features.astype(np.float64)
    centred -= centred.mean(axis=0)
    centred /= np.sqrt(len(features) - 1)
    return centred.T if len(features) <= features.shape[1] else _factor(centred.T @ centred)


def _check_gaussian(name: str, mean: np.ndarray, cov: np.ndarray, dim: int) -> None:
    if mean.shape != (dim,) or cov.shape != (dim, dim):
        shapes = f"mean {list(mean.shape)} and covariance {list(cov.shape)}"
        raise UserError(f"{name} statistics: {shapes}; expected [{dim}] and [{dim}, {dim}], from the same network")
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
        raise UserError(f"{name} statistics: NaN or infinity in them; expected finite numbers, compute them again")

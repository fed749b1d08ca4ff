"""Counting modes: of a known Gaussian mixture, and of classes that a classifier tells apart.

Mixture: VEEGAN (Srivastava et al. 2017, https://arxiv.org/abs/1705.07761, section 4.1). Classes, e.g. the 1000 of
stacked MNIST: unrolled GAN (Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.3.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from jgan.metrics.checks import check_features
from jgan.metrics.manifold import nearest
from jgan.types import UserError


class MixtureModes(NamedTuple):
    """What points found of a mixture."""

    captured: int  # modes with enough high-quality points
    high_quality: float  # share of points that are of high quality, 0 to 1
    counts: np.ndarray  # high-quality points of each mode, [modes]


def mixture_modes(
    points: np.ndarray, centres: np.ndarray, std: float, *, within: float = 3.0, at_least: int = 1
) -> MixtureModes:
    """Modes of a mixture of isotropic normals (centres [modes, d], standard deviation `std`) found by points [n, d].

    A point is of high quality where its nearest centre is no further than `within` standard deviations (Euclidean), and
    counts for that mode alone; a mode is captured by `at_least` of them. Of real draws in 2-d, 98.9 % are within 3.

    Raises:
      UserError: std or another setting is not positive, or points or centres are not valid.
    """
    if not (0 < std < math.inf and 0 < within < math.inf and at_least >= 1):
        raise UserError(f"std={std}, within={within}, at_least={at_least}: expected positive numbers")
    check_features("centres", centres)
    check_features("points", points, dim=centres.shape[1])
    indices, distances = nearest(points, centres)
    good = indices[distances <= within * std]
    counts = np.bincount(good, minlength=len(centres))
    return MixtureModes(int(np.count_nonzero(counts >= at_least)), len(good) / len(points), counts)


class ClassModes(NamedTuple):
    """What images found of the classes."""

    hit: int  # classes with at least one image
    kl: float  # nats, 0 where the histogram is the expected one
    counts: np.ndarray  # images of each class, [classes]


def class_modes(labels: np.ndarray, num_classes: int, expected: np.ndarray | None = None) -> ClassModes:
    """Number of classes among the labels [n] that a classifier gave to generated images, and the KL divergence of their
    histogram from the expected one, KL(generated || expected).

    `expected` [num_classes] are weights or counts of the real data; uniform without it. KL is infinite where a class
    appears that has weight 0.

    Raises:
      UserError: no labels, labels outside of [0, num_classes), or weights that are not valid.
    """
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"labels: {labels.dtype} {list(labels.shape)}; expected at least one integer, [n]")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise UserError(f"labels: {labels.min()} to {labels.max()}; expected 0 to {num_classes - 1}")
    weights = np.ones(num_classes) if expected is None else np.asarray(expected, np.float64)
    if weights.shape != (num_classes,) or not (weights >= 0).all() or not 0 < weights.sum() < math.inf:
        raise UserError(f"expected: shape {list(weights.shape)}; give {num_classes} weights >= 0, not all of them 0")
    counts = np.bincount(labels, minlength=num_classes)
    hit = counts > 0
    p, q = counts[hit] / counts.sum(), weights[hit] / weights.sum()
    kl = float((p * np.log(p / q)).sum()) if (q > 0).all() else math.inf
    return ClassModes(int(hit.sum()), kl, counts)

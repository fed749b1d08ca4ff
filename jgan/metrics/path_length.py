"""Perceptual path length: how much images change over a tiny step in latent space, a large change meaning a fold there.

StyleGAN (Karras et al. 2019, https://arxiv.org/abs/1812.04948), section 4.1, equations 2 and 3; with the trimming of
metrics/perceptual_path_length.py in https://github.com/NVlabs/stylegan2. It is the paper's number only with the paper's
distance, LPIPS of VGG16, which comes as an argument: name others by their distance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jgan.metrics.estimate import Estimate
from jgan.terminal import bars
from jgan.types import Array, UserError

Generate = Callable[[np.ndarray, np.ndarray | None], Array | np.ndarray]
Distance = Callable[[Array | np.ndarray, Array | np.ndarray], Array | np.ndarray]
Ends = Callable[[np.random.Generator, int], np.ndarray]
Interpolate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def perceptual_path_length(
    generate: Generate,
    distance: Distance,
    ends: Ends,
    interpolate: Interpolate,
    rng: np.random.Generator,
    *,
    labels: np.ndarray | None = None,
    count: int = 50_000,
    batch_size: int = 64,
    epsilon: float = 1e-4,
    full: bool = True,
) -> Estimate:
    """Mean of distance(g(t), g(t + epsilon)) / epsilon^2 over random paths, and its deviation, without the outliers.

    Args:
      generate: latents float32 [n, ...] and labels [n] to images. They should be floats: rounded to bytes, images that
        differ by so little are equal.
      distance: images and images to numbers [n] that grow with the square of a small difference, as LPIPS and squared
        Euclidean distances do.
      ends: `ends(rng, n)` samples the ends of n paths, [n, ...]: normal latents, or styles [n, layers, w] of such.
      interpolate: `slerp` between normal latents (the paper's z), `lerp` between styles (its w).
      rng: samples the ends, then the positions, batch by batch, so results depend on `batch_size`.
      labels: int [count], of the paths; both images of a path have its label.
      count: paths.
      batch_size: paths at once; `generate` is called with as many, and fewer at the end.
      epsilon: the step, as a share of the path.
      full: positions t uniform over the path ("full"), or at its start ("end").

    Paths below the 1st and above the 99th percentile are left out; those at them stay.

    Raises:
      UserError: a setting that is not positive, labels of another count, or distances that are not [n] finite numbers.
    """
    if count < 1 or batch_size < 1 or not epsilon > 0:
        raise UserError(f"count={count}, batch_size={batch_size}, epsilon={epsilon}: expected positive numbers")
    if labels is not None and labels.shape != (count,):
        raise UserError(f"labels: shape {list(labels.shape)}; expected one for each of {count} paths")
    lengths = []
    with bars.bar(total=count, desc="path length", unit=" paths", delay=bars.DELAY) as bar:
        for first in range(0, count, batch_size):
            size = min(batch_size, count - first)
            chosen = None if labels is None else labels[first : first + size]
            starts, stops = ends(rng, size), ends(rng, size)
            position = rng.random(size) if full else np.zeros(size)
            # In float64: sines and cosines of float32 would leave a step of 1e-4 less than three digits.
            near, far = (interpolate(starts, stops, t).astype(np.float32) for t in (position, position + epsilon))
            moved = np.asarray(distance(generate(near, chosen), generate(far, chosen)), np.float64)
            if moved.shape != (size,) or not np.isfinite(moved).all():
                raise UserError(f"distance: shape {list(moved.shape)}; expected {size} finite numbers, one a pair")
            lengths.append(moved / epsilon**2)
            bar.update(size)
    return Estimate.over(without_outliers(np.concatenate(lengths)))


def without_outliers(lengths: np.ndarray) -> np.ndarray:
    """Those of [n] that lie between the 1st percentile, rounded down to one of them, and the 99th, rounded up."""
    low, high = np.percentile(lengths, 1, method="lower"), np.percentile(lengths, 99, method="higher")
    return lengths[(low <= lengths) & (lengths <= high)]


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The points [n, d], at shares t [n] of the way, of the great circles through the directions of a and b [n, d].

    Their length is sqrt(d), about that of normal latents; StyleGAN's generator, which divides its latents by their
    length, cannot tell it from the unit length of the paper's code. Needs directions that are not parallel.
    """
    a, b = (_unit(np.asarray(end, np.float64)) for end in (a, b))
    angle = np.arccos(np.clip((a * b).sum(axis=1, keepdims=True), -1.0, 1.0)) * t[:, None]
    across = _unit(b - (a * b).sum(axis=1, keepdims=True) * a)
    return np.sqrt(a.shape[1]) * (a * np.cos(angle) + across * np.sin(angle))


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The points [n, ...] at shares t [n] of the straight lines from a to b [n, ...]."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return a + (b - a) * t.reshape(-1, *(1,) * (a.ndim - 1))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

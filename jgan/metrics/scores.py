"""The table of metrics: what each is called, what it means, what it needs, how it is computed from two image sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from jgan.metrics.frechet import frechet_distance, frechet_infinity
from jgan.metrics.inception_score import inception_score
from jgan.metrics.kernel import kernel_distance
from jgan.metrics.manifold import manifold_scores
from jgan.metrics.moments import Moments
from jgan.metrics.ms_ssim import ms_ssim_diversity
from jgan.metrics.sliced_wasserstein import sliced_wasserstein
from jgan.types import UserError

KERNEL_SUBSET = 1000
PIXEL_IMAGES = 8192  # images at most that pixel metrics look at, the first of each side,
PIXEL_BYTES = 2**30  # and bytes at most that they take


@dataclasses.dataclass
class ImageSet:
    """One side of a comparison: features [n, d] float32 and logits by extractor, first images, labels int32 [n]."""

    sha256: str  # of all pixels and labels, in order
    features: dict[str, np.ndarray]
    class_logits: dict[str, np.ndarray]  # of the extractors that are classifiers
    moments: dict[str, Moments]
    images: np.ndarray  # uint8 [at most PIXEL_IMAGES, h, w, 3]
    labels: np.ndarray | None


Compute = Callable[[ImageSet, ImageSet, str, np.random.Generator], dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Metric:
    """`compute(generated, reference, extractor, rng)` gives named numbers."""

    definition: str
    compute: Compute
    extractor: str | None  # a name in EXTRACTORS that the metric is defined by; "" for any; None: it looks at pixels


def _frechet(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del rng
    ours, theirs = generated.moments[extractor], reference.moments[extractor]
    return {"": frechet_distance(ours.mean, ours.covariance, theirs.mean, theirs.covariance)}


def _infinity(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    theirs = reference.moments[extractor]
    return {"": frechet_infinity(generated.features[extractor], theirs.mean, theirs.covariance, rng).intercept}


def _kernel(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    real, fake = reference.features[extractor], generated.features[extractor]
    size = min(KERNEL_SUBSET, len(real), len(fake))
    estimate = kernel_distance(real, fake, rng, subset_size=size)
    return {"": estimate.mean, "std": estimate.std, "subset_size": float(size)}


def _inception(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del reference
    estimate = inception_score(generated.class_logits[extractor], rng=rng)
    return {"": estimate.mean, "std": estimate.std}


def _manifold(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del rng
    return manifold_scores(reference.features[extractor], generated.features[extractor])._asdict()


def _intra(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del rng
    if generated.labels is None or reference.labels is None:
        raise UserError("--metrics=intra_fd: expected labels on both sides; leave it out")
    distances = []
    for label in np.intersect1d(generated.labels, reference.labels):
        ours = Moments.of(generated.features[extractor][generated.labels == label])
        theirs = Moments.of(reference.features[extractor][reference.labels == label])
        distances.append(frechet_distance(ours.mean, ours.covariance, theirs.mean, theirs.covariance))
    return {"": float(np.mean(distances)), "classes": float(len(distances))}


def _sliced(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor
    count = min(len(generated.images), len(reference.images))
    levels = sliced_wasserstein(reference.images[:count], generated.images[:count], rng)
    by_level = {f"level_{height}": 1000 * distance for height, distance in levels.items()}
    return {"": float(np.mean(list(by_level.values()))), **by_level}


def _diversity(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor
    ours, theirs = (ms_ssim_diversity(side.images, rng).mean for side in (generated, reference))
    return {"": ours, "reference": theirs}


FIRST = f"first {PIXEL_IMAGES:,} images, 1 GiB at most"
METRICS = {
    "fid": Metric("Frechet Inception Distance, 2048 pooled features", _frechet, "inception"),
    "clean_fid": Metric("Frechet Inception Distance with clean-fid's resize", _frechet, "inception_clean"),
    "kid": Metric("Kernel Inception Distance, (x.y/d + 1)^3, 100 subsets of up to 1,000", _kernel, "inception"),
    "is": Metric("Inception Score, 10 splits, shuffled", _inception, "inception"),
    "fd": Metric("Frechet distance of the extractor's pooled features", _frechet, ""),
    "kd": Metric("Kernel distance, (x.y/d + 1)^3, 100 subsets of up to 1,000", _kernel, ""),
    "pr": Metric("Precision and recall (k 3), density and coverage (k 5)", _manifold, ""),
    "fd_infinity": Metric("Frechet distance extrapolated to infinitely many samples, 15 points", _infinity, ""),
    "intra_fd": Metric("Frechet distance within each class, mean over classes", _intra, ""),
    "swd": Metric(f"Sliced Wasserstein distance x 1000, {FIRST}", _sliced, None),
    "ms_ssim": Metric(f"MS-SSIM of 1,000 random pairs, {FIRST}", _diversity, None),
}

"""The table of metrics: what each is called, what it means, what it needs, how it is computed from two image sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np

from jgan.metrics.class_scores import (
    HELD_OUT,
    RealClassifier,
    class_accuracy,
    classification_accuracy_score,
    modes_hit,
)
from jgan.metrics.classifier import LARGEST
from jgan.metrics.estimate import finite_mean
from jgan.metrics.frechet import frechet_distance, frechet_distance_of_samples, frechet_infinity
from jgan.metrics.inception_score import inception_score
from jgan.metrics.kernel import full_kernel_distance, kernel_distance
from jgan.metrics.manifold import manifold_scores
from jgan.metrics.moments import Moments
from jgan.metrics.ms_ssim import ms_ssim_diversity
from jgan.metrics.pixel_inputs import definition
from jgan.metrics.psnr import psnr
from jgan.metrics.sliced_wasserstein import sliced_wasserstein
from jgan.metrics.ssim import ssim
from jgan.types import UserError

KERNEL_SUBSET = 1000
PIXEL_IMAGES = 8192  # images at most that pixel metrics look at, the first of each side,
PIXEL_BYTES = 2**30  # and bytes at most that they take


@dataclasses.dataclass
class ImageSet:
    """One side of a comparison: `count` images, as far as the metrics look at them."""

    sha256: str  # of all pixels and labels, in order
    count: int
    moments: dict[str, Moments]  # by extractor, of all images
    features: dict[str, np.ndarray]  # by extractor, float32 [n, d]: of all images, or of the first that were kept
    class_logits: dict[str, np.ndarray]  # by extractor, float32 [n, classes]: likewise, where the network has classes
    images: np.ndarray  # uint8 [at most PIXEL_IMAGES, h, w, 3], the first
    labels: np.ndarray | None  # int32 [count]
    classifier: RealClassifier | None = None  # of the reference, where a metric reads images


Better = Literal["lower", "higher"]
Covariances = Callable[["ImageSet", "ImageSet"], dict[str, int]]  # of two sides: the fewest images, by what they are
Compute = Callable[[ImageSet, ImageSet, str, np.random.Generator], dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Metric:
    """`compute(generated, reference, extractor, rng)` gives numbers by the name of the part, "" for the main one."""

    definition: str
    compute: Compute
    extractor: str | None  # a name in EXTRACTORS that the metric is defined by; "" for any; None: it looks at pixels
    better: dict[str, Better]  # which way its parts improve, those that rank generators
    needs_features: bool = False  # of every image; moments, and the first ones, are enough without it
    needs_labels: bool = False  # on both sides
    needs_pairs: bool = False  # image i of one side is meant to be image i of the other
    covariances: Covariances | None = None  # what its covariances are of
    classifies: bool = False  # it needs `reference.classifier`
    least_images: int = 1  # of each side
    least_side: int = 1  # pixels


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
    if size == len(real) == len(fake):  # every subset would be the whole
        return {"": full_kernel_distance(real, fake), "subset_size": float(size)}
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
    assert generated.labels is not None, "needs_labels"
    assert reference.labels is not None, "needs_labels"
    distances = []
    for label in np.union1d(generated.labels, reference.labels):
        for side, labels in (("generated", generated.labels), ("reference", reference.labels)):
            if (count := np.count_nonzero(labels == label)) < 2:
                raise UserError(
                    f"{count} {side} images of class {label}; expected at least 2 of every class: use more images"
                )
        ours = generated.features[extractor][generated.labels == label]
        theirs = reference.features[extractor][reference.labels == label]
        distances.append(frechet_distance_of_samples(ours, theirs))
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


def _psnr(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor, rng
    mean, equal = finite_mean(psnr(generated.images, reference.images))
    return {"": mean, "equal": float(equal)}


def _ssim(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor, rng
    return {"": float(ssim(generated.images, reference.images).mean())}


def _accuracy(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor, rng
    return class_accuracy(_classifier(reference), generated.images, _generated_for(generated))


def _cas(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor, rng
    return classification_accuracy_score(_classifier(reference), generated.images, _generated_for(generated))


def _modes(generated: ImageSet, reference: ImageSet, extractor: str, rng: np.random.Generator) -> dict[str, float]:
    del extractor, rng
    return modes_hit(_classifier(reference), generated.images)


def _classifier(reference: ImageSet) -> RealClassifier:
    assert reference.classifier is not None, "a metric that `classifies` was computed without one"
    return reference.classifier


def _generated_for(generated: ImageSet) -> np.ndarray:
    """The labels of the images that pixel metrics look at."""
    assert generated.labels is not None, "needs_labels"
    return generated.labels[: len(generated.images)]


def _all_images(generated: ImageSet, reference: ImageSet) -> dict[str, int]:
    return {"generated images": generated.count, "reference images": reference.count}


def _of_a_class(generated: ImageSet, reference: ImageSet) -> dict[str, int]:
    sides = {"generated images of a class": generated.labels, "reference images of a class": reference.labels}
    return {
        name: int(np.unique(labels, return_counts=True)[1].min())
        for name, labels in sides.items()
        if labels is not None
    }


def _of_the_first_point(generated: ImageSet, reference: ImageSet) -> dict[str, int]:
    return {"generated images at its first point": generated.count // 10, "reference images": reference.count}


KERNEL = "(x.y/d + 1)^3, 100 subsets of up to 1,000"
FIRST = f"first {PIXEL_IMAGES:,} images, 1 GiB at most"
SIZE = f"seen at {LARGEST} pixels at most"
LOWER: dict[str, Better] = {"": "lower"}
HIGHER: dict[str, Better] = {"": "higher"}
MANIFOLD: dict[str, Better] = dict.fromkeys(("precision", "recall", "density", "coverage"), "higher")
MODES: dict[str, Better] = {"": "higher", "kl": "lower"}
METRICS = {
    "fid": Metric(
        "Frechet Inception Distance, 2048 pooled features",
        _frechet,
        "inception",
        LOWER,
        covariances=_all_images,
        least_images=2,
    ),
    "clean_fid": Metric(
        "Frechet Inception Distance with clean-fid's resize",
        _frechet,
        "inception_clean",
        LOWER,
        covariances=_all_images,
        least_images=2,
    ),
    "kid": Metric(
        f"Kernel Inception Distance, {KERNEL}", _kernel, "inception", LOWER, needs_features=True, least_images=2
    ),
    "is": Metric(
        "Inception Score, 10 splits, shuffled", _inception, "inception", HIGHER, needs_features=True, least_images=10
    ),
    "fd": Metric(
        "Frechet distance of the extractor's pooled features",
        _frechet,
        "",
        LOWER,
        covariances=_all_images,
        least_images=2,
    ),
    "kd": Metric(f"Kernel distance, {KERNEL}", _kernel, "", LOWER, needs_features=True, least_images=2),
    "pr": Metric(
        "Precision and recall (k 3), density and coverage (k 5)",
        _manifold,
        "",
        MANIFOLD,
        needs_features=True,
        least_images=6,
    ),
    "fd_infinity": Metric(
        "Frechet distance extrapolated to infinitely many samples, 15 points",
        _infinity,
        "",
        LOWER,
        needs_features=True,
        covariances=_of_the_first_point,
        least_images=20,
    ),
    "intra_fd": Metric(
        "Frechet distance within each class, mean over classes",
        _intra,
        "",
        LOWER,
        needs_features=True,
        needs_labels=True,
        covariances=_of_a_class,
        least_images=2,
    ),
    "swd": Metric(f"Sliced Wasserstein distance x 1000, {FIRST}", _sliced, None, LOWER, least_side=16),
    "accuracy": Metric(
        f"Share read as their label by a classifier trained on real images, {SIZE}, {FIRST}",
        _accuracy,
        None,
        HIGHER,
        needs_labels=True,
        classifies=True,
    ),
    "cas": Metric(
        f"Accuracy on {HELD_OUT:.0%} of the real images of a classifier trained on generated ones, {SIZE}, {FIRST}",
        _cas,
        None,
        HIGHER,
        needs_labels=True,
        classifies=True,
    ),
    "modes": Metric(
        f"Classes found by a classifier trained on real images, KL from the real labels, {SIZE}, {FIRST}",
        _modes,
        None,
        MODES,
        classifies=True,
    ),
    "psnr": Metric(
        f"PSNR of images and their targets, dB, {definition()}, mean of those that are not equal, {FIRST}",
        _psnr,
        None,
        HIGHER,
        needs_pairs=True,
    ),
    "ssim": Metric(
        f"SSIM of images and their targets, {definition()}, mean, {FIRST}",
        _ssim,
        None,
        HIGHER,
        needs_pairs=True,
        least_side=11,
    ),
    "ms_ssim": Metric(f"MS-SSIM of 1,000 random pairs, {FIRST}", _diversity, None, {}, least_images=2, least_side=16),
}

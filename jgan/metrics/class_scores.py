"""What a classifier of real images says of generated ones, and what one trained on generated images says of real ones.

Classification accuracy score: Ravuri and Vinyals 2019, "Classification Accuracy Score for Conditional Generative
Models", https://arxiv.org/abs/1905.10887, section 3, with the small network of `classifier` in place of a ResNet-50.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from jgan.metrics.classifier import (
    Classifier,
    check_labels,
    input_format,
    predict,
    share_right,
    train_classifier,
)
from jgan.metrics.modes import class_modes
from jgan.types import UserError

HELD_OUT = 0.2  # of the reference's images, on which no classifier of an evaluation is trained


class Split(NamedTuple):
    """Row numbers: of the images to train on and of those to test on."""

    train: np.ndarray
    test: np.ndarray


def hold_out(images: np.ndarray, labels: np.ndarray, share: float, rng: np.random.Generator) -> Split:
    """Images uint8 [n, ...] split at random within each class of labels int [n]: `share`, at least one, to test.

    Images to train on that equal one to test on are in neither part.

    Raises:
      UserError: a class with a single image.
    """
    test = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise UserError(f"labels: class {label} has one image, and some are held out of training: use more images")
        test.append(rng.permutation(rows)[: max(1, round(share * len(rows)))])
    held = np.sort(np.concatenate(test))
    rest = np.setdiff1d(np.arange(len(labels)), held)
    return Split(rest[unseen(images[rest], images[held])], held)


def unseen(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which images uint8 [n, ...] equal none of the others [m, ...], bool [n]."""
    known = {image.tobytes() for image in others}
    return np.array([image.tobytes() not in known for image in images], bool)


class RealClassifier:
    """The classifier with which one evaluation reads images: a stored one, or one trained here, once, when first asked.

    Of the reference's images uint8 [n, h, w, 1 or 3] with labels int [n], the classifiers trained here see 1 -
    `HELD_OUT` and are tested on the rest. A stored one may have been trained on any of them, so its accuracy is that on
    its own test images.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, *, seed: int, stored: Classifier | None = None) -> None:
        """Raises UserError for labels that are not valid and a stored classifier of other classes or channels."""
        self.images, self.labels, self.seed, self.stored = images, labels, seed, stored
        check_labels(labels, len(images), num_classes=2**31)
        self.num_classes = int(labels.max()) + 1
        self.resolution, self.channels = input_format(images)
        if stored is not None:
            self._check(stored)

    @functools.cached_property
    def split(self) -> Split:
        """Which images classifiers are trained on and which they are tested on."""
        return hold_out(self.images, self.labels, HELD_OUT, np.random.default_rng(self.seed))

    @functools.cached_property
    def trained(self) -> Classifier:
        """Trained on all images that are not held out."""
        train, test = self.split
        return dataclasses.replace(
            self.train(self.images[train], self.labels[train]),
            trained_on=f"{len(train)} images of the reference",
            tested_on=f"{len(test)} images of the reference",
        )

    @property
    def classifier(self) -> Classifier:
        """The one that reads generated images."""
        return self.stored or self.trained

    def train(self, images: np.ndarray, labels: np.ndarray) -> Classifier:
        """A classifier of the same kind, trained on these images and tested on those held out."""
        fields = {"resolution": self.resolution, "channels": self.channels, "seed": self.seed}
        classifier = train_classifier(images, labels, self.num_classes, **fields)
        test = self.split.test
        return dataclasses.replace(classifier, accuracy=share_right(classifier, self.images[test], self.labels[test]))

    def check_labels(self, labels: np.ndarray) -> None:
        """Raises UserError where generated images have labels int [n] that no image of the reference has."""
        unknown = np.setdiff1d(labels, self.labels)
        if unknown.size:
            raise UserError(
                f"labels: no image of the reference has the label {unknown[0]}: use more of them, or others"
            )

    def _check(self, stored: Classifier) -> None:
        if stored.num_classes != self.num_classes:
            raise UserError(
                f"--classifier: it knows {stored.num_classes} classes, the reference has {self.num_classes}; give one "
                "trained on such images, or leave it out and one is trained"
            )
        if stored.channels < self.channels:
            raise UserError(
                "--classifier: it reads gray images, the reference has colours; give one trained on colours"
            )
        right = share_right(stored, self.images, self.labels)
        if right < 0.5 * stored.accuracy:
            raise UserError(
                f"--classifier: it reads {right:.0%} of the reference right, and {stored.accuracy:.0%} of its own test "
                "images; its classes have another order, or its images are of another kind"
            )


def class_accuracy(real: RealClassifier, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Share of generated images uint8 [n, h, w, c] that are read as the label [n] that they were generated for, 0 to 1.

    Beside it, that of the class that is read worst, and the classifier's own on real images it was not trained on.
    """
    real.check_labels(labels)
    right = predict(real.classifier, images).argmax(axis=1) == labels
    worst = min(float(right[labels == label].mean()) for label in np.unique(labels))
    return {"": float(right.mean()), "worst_class": worst, "real": real.classifier.accuracy}


def classification_accuracy_score(real: RealClassifier, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, 0 to 1, on held-out real images of a classifier trained on generated images uint8 [n, h, w, c] and
    labels [n]; beside it that of the same classifier trained on as many real images.

    Both train on the first `train_images` generated and on as many real ones, that is on all real ones that are not
    held out, or fewer where fewer were generated. The generator may have been trained on the images held out.
    """
    real.check_labels(labels)
    train = real.split.train
    count = min(len(train), len(images))
    ours = real.train(images[:count], labels[:count])
    if count == len(train):
        theirs = real.trained
    else:
        rows = np.random.default_rng(real.seed).choice(train, count, replace=False)
        theirs = real.train(real.images[rows], real.labels[rows])
    accuracies = {"": ours.accuracy, "real": theirs.accuracy}
    return {**accuracies, "train_images": float(count), "test_images": float(len(real.split.test))}


def modes_hit(real: RealClassifier, images: np.ndarray) -> dict[str, float]:
    """Classes that generated images uint8 [n, h, w, c] are read as, how many the reference has, and the KL divergence
    in nats of their histogram from that of the reference's labels (`class_modes`), beside the classifier's accuracy.
    """
    expected = np.bincount(real.labels, minlength=real.num_classes)
    found = class_modes(predict(real.classifier, images).argmax(axis=1), real.num_classes, expected)
    hit, classes = float(found.hit), float(np.count_nonzero(expected))
    return {"": hit, "classes": classes, "kl": found.kl, "real": real.classifier.accuracy}

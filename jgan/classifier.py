"""Train and store a classifier for metrics: `jgan classifier --source mnist5k --out digits.npz`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jgan import command
from jgan.configuration.ranges import check_seed
from jgan.data.classes import names_or_numbers
from jgan.data.pixels import Format
from jgan.data.registry import open_source
from jgan.data.renumbered import renumbered
from jgan.data.source import Source
from jgan.engine.memory import check_host_bytes
from jgan.evaluation.collect import SourceImages
from jgan.metrics.class_scores import hold_out, unseen
from jgan.metrics.classifier import (
    check_format,
    input_format,
    load_classifier,
    predict,
    save_classifier,
    train_classifier,
)
from jgan.rundir.new_directories import making_directory
from jgan.terminal import bars
from jgan.types import UserError

DESCRIPTION = """Trains a small classifier on labelled images, tests it on others, and stores it for the metrics of
`jgan evaluate` that read classes: accuracy, cas, modes.

  jgan classifier --source mnist5k --out digits.npz
  jgan classifier --source idx:MNIST --test idx:MNIST:t10k --out digits.npz

Without --test a tenth of each class is held out. Training images that equal a test image are left out."""

HELD_OUT = 0.1


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("classifier", DESCRIPTION)
    parser.add_argument("--source", metavar="SOURCE", required=True, help="images to train on, named as in data.source")
    parser.add_argument("--test", metavar="SOURCE", help="images to test on (default: a tenth of --source)")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="the .npz file to write")
    parser.add_argument(
        "--resolution", type=int, default=32, help="side in pixels at which it sees images (default 32)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, order and split (default 0)")
    options = parser.parse_args(argv)
    out: Path = options.out
    if out.suffix != ".npz":
        raise UserError(f"--out={out}: expected a name that ends in .npz")
    if out.is_file() and not _is_classifier(out):
        raise UserError(f"--out={out}: is there already, and is no stored classifier; choose another name")
    check_format(options.resolution, channels=3, field="--resolution")
    check_seed(options.seed)
    with making_directory(out.parent, "--out"):
        _train_and_store(options)
    return 0


def _train_and_store(options: argparse.Namespace) -> None:
    out: Path = options.out
    names, train, test = _sides(options.source, options.test, options.resolution, options.seed)
    num_classes = len(names)
    _, channels = input_format(train.images)
    classifier = train_classifier(
        train.images, train.labels, num_classes, resolution=options.resolution, channels=channels, seed=options.seed
    )
    right = predict(classifier, test.images).argmax(axis=1) == test.labels
    measured = {
        "class_names": names,
        "trained_on": train.title,
        "tested_on": test.title,
        "accuracy": float(right.mean()),
    }
    save_classifier(out, dataclasses.replace(classifier, **measured))
    by_class = {label: right[test.labels == label].mean() for label in np.unique(test.labels)}
    worst = min(by_class, key=lambda label: by_class[label])
    print(
        f"trained on {train.title}; reads {right.mean():.2%} of {test.title} right, worst class {names[worst]}", end=" "
    )
    print(f"({by_class[worst]:.1%}): {out}")


class _Side(NamedTuple):
    images: np.ndarray  # uint8 [n, r, r, 3]
    labels: np.ndarray  # int32 [n]
    title: str


def _is_classifier(path: Path) -> bool:
    try:
        load_classifier(path)
    except UserError:
        return False
    return True


def _sides(name: str, test: str | None, resolution: int, seed: int) -> tuple[tuple[str, ...], _Side, _Side]:
    """The names of the classes, images to train on, and others to test on."""
    source = _open(name, "--source")
    names = names_or_numbers(source.class_names, source.num_classes or 0)
    images, labels = _read(name, source, resolution)
    if test is None:
        split = hold_out(images, labels, HELD_OUT, np.random.default_rng(seed))
        return names, _side(images, labels, split.train, name), _side(images, labels, split.test, name)
    test_images, test_labels = _read(test, renumbered(_open(test, "--test"), names, "--test"), resolution)
    new = np.flatnonzero(unseen(images, test_images))
    if new.size == 0:
        raise UserError(f"--test={test}: all images of --source are among them; give others to train on")
    of_test = _side(test_images, test_labels, np.arange(len(test_labels)), test)
    return names, _side(images, labels, new, name), of_test


def _side(images: np.ndarray, labels: np.ndarray, rows: np.ndarray, source: str) -> _Side:
    return _Side(images[rows], labels[rows], f"{len(rows)} images of {source}")


def _open(name: str, field: str) -> Source:
    source = open_source(name, field)
    if source.num_classes is None:
        raise UserError(f"{name}: its images have no labels; a classifier needs them")
    return source


def _read(name: str, source: Source, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """All images of a source, uint8 [n, r, r, 3], and their labels int32 [n]."""
    images, labels = [], []
    what = f"--resolution={resolution}: all images of {name}"
    check_host_bytes(2 * source.count * 3 * resolution**2, what, "give a smaller one, or fewer images")
    with bars.bar(total=source.count, desc=f"reading {name}", unit=" images", delay=bars.DELAY) as bar:
        for pixels, classes in SourceImages(source, source.count, Format(resolution, 3, "crop", 255)).batches():
            assert classes is not None, "it has classes"
            images.append(pixels)
            labels.append(classes)
            bar.update(len(pixels))
    return np.concatenate(images), np.concatenate(labels)


if __name__ == "__main__":
    command.run(main)

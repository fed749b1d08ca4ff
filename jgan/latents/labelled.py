"""Two kinds of seeds, for directions that tell them apart: by pixels, by a classifier, or by a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jgan.data.classes import names_or_numbers, numbers_of
from jgan.inference.given_captions import GivenCaptions
from jgan.latents.attributes import around_middle, attributes, measure
from jgan.latents.points import in_parts
from jgan.latents.space import LatentSpace
from jgan.metrics.classifier import load_classifier, predict
from jgan.rundir.atomic_files import sha256
from jgan.types import PyTree, UserError
from jgan.untrusted.bounded_read import read_file

MAX_TABLE = 2**26  # bytes
MAX_ROWS = 1_000_000
MAX_LABEL = 200  # characters
MAX_SEED = 2**30

Labels = Sequence[str | int] | None
Kinds = tuple[Sequence[int], np.ndarray]  # seeds [n], and whether each is positive: bool [n]


class Labelling(Protocol):
    """A way to tell which seeds are positive.

    Attributes:
      title: what the positive ones are.
      settings: what the label depends on, as JSON.
    """

    title: str
    settings: dict[str, Any]

    def __call__(self, space: LatentSpace, num: int, labels: Labels, captions: GivenCaptions | None) -> Kinds:
        """Seeds, and whether each is positive. Raises UserError for labels or captions that the run does not take."""
        ...


class ByAttribute:
    """More of an attribute of attributes.py than the median image of the same class."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.title, self.settings = f"more {name}", {"attribute": name}

    def __call__(self, space: LatentSpace, num: int, labels: Labels, captions: GivenCaptions | None) -> Kinds:
        """As `Labelling` has it. Raises UserError for an attribute that the run's images do not have."""
        if space.image_shape[2] in (1, 3, 4):
            measure(self._name, np.zeros((1, *space.image_shape), np.uint8))  # before thousands are generated
        values, classes = [], []
        for seeds in in_parts(num, "images"):
            condition = space.labels(seeds, labels, captions)
            values.append(attributes(space.images(space.latents(seeds), condition))[self._name])
            classes.append(_group(condition, len(seeds)))
        return range(num), above_median(self._name, np.concatenate(values), np.concatenate(classes))


class ByClassifier:
    """Images that a classifier stored by `jgan classifier` reads as a class."""

    def __init__(self, path: Path, target: str) -> None:
        """Raises UserError where the file is no classifier, or knows no such class."""
        self._classifier = load_classifier(path)
        names = self._classifier.class_names or None
        self._target = numbers_of([target], names, self._classifier.num_classes, "--target")[0]
        named = names_or_numbers(names, self._classifier.num_classes)[self._target]
        self.title = f"read as {named}"
        self.settings = {"classifier": sha256(path), "target": named}

    def __call__(self, space: LatentSpace, num: int, labels: Labels, captions: GivenCaptions | None) -> Kinds:
        """As `Labelling` has it. Raises UserError for images that are neither gray nor RGB."""
        read = []
        for seeds in in_parts(num, "images"):
            images = space.images(space.latents(seeds), space.labels(seeds, labels, captions))
            read.append(predict(self._classifier, images).argmax(axis=1))
        return range(num), np.concatenate(read) == self._target


class ByTable:
    """A CSV of `seed,label`, with two labels, or with numbers, which are split at their median."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file is no such table."""
        self._seeds, texts = read_table(path)
        kinds = sorted(set(texts))
        if len(kinds) == 2:
            first, second = map(_number, kinds)
            if first is not None and second is not None and first > second:  # 10 is more than 9
                kinds.reverse()
            self._positive = np.array([text == kinds[1] for text in texts])
            self.title = f"label {kinds[1]} against {kinds[0]}"
        else:
            numbers = [_number(text) for text in texts]
            if len(kinds) < 2 or None in numbers:
                raise UserError(
                    f"--table={path}: {len(kinds)} different labels; expected two, or numbers to split at their median"
                )
            values = np.array(numbers, np.float64)
            self._positive = values > np.median(values)
            self.title = "label above its median"
        self.settings = {"table": sha256(path)}

    def __call__(self, space: LatentSpace, num: int, labels: Labels, captions: GivenCaptions | None) -> Kinds:
        """Its seeds, whatever `num`."""
        return self._seeds, self._positive


def read_table(path: Path) -> tuple[list[int], list[str]]:
    """Seeds and labels of a CSV file with the header `seed,label`.

    Raises:
      UserError: no such file, not such a table, a seed out of range, or one that is there twice.
    """
    place = f"--table={path}"
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{place}: not a file; expected a CSV table")
        text = read_file(path, MAX_TABLE).decode("utf-8-sig")
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except OSError as error:
        raise UserError(f"{place}: cannot read it ({error.strerror or error})") from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"{place}: not a CSV table in UTF-8 ({error})") from None
    if not rows or [name.strip().lower() for name in rows[0]] != ["seed", "label"]:
        raise UserError(f"{place}: expected a first line `seed,label`")
    if len(rows) - 1 > MAX_ROWS:
        raise UserError(f"{place}: {len(rows) - 1:,} rows; expected at most {MAX_ROWS:,}")
    seeds: dict[int, str] = {}
    for line, row in enumerate(rows[1:], start=2):
        seed = row[0].strip()
        if len(row) != 2 or not (seed.isascii() and seed.isdigit() and len(seed) <= 10 and int(seed) < MAX_SEED):
            raise UserError(f"{place}: row {line} is not a seed, 0 to {MAX_SEED - 1:,}, and a label")
        label = row[1].strip()
        if not 0 < len(label) <= MAX_LABEL:
            raise UserError(
                f"{place}: the label of row {line} has {len(label):,} characters; expected 1 to {MAX_LABEL}"
            )
        if int(seed) in seeds:
            raise UserError(f"{place}: seed {seed} is there twice; expected one label for each")
        seeds[int(seed)] = label
    return list(seeds), list(seeds.values())


def above_median(name: str, values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Whether each value [n] is above the median of those of its class [n]: bool [n]. A thick one is no thick eight."""
    positive = np.zeros(len(values), bool)
    for kind in np.unique(classes):
        chosen = classes == kind
        positive[chosen] = around_middle(name, values[chosen]) > 0.0
    return positive


def _group(condition: PyTree, count: int) -> np.ndarray:
    """The class of each image; captions make no groups, nor do runs without classes."""
    return condition if isinstance(condition, np.ndarray) and condition.ndim == 1 else np.zeros(count, np.int32)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None

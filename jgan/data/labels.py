"""Labels of image files: labels.csv, NVIDIA's dataset.json, or the names of the first folders."""

from __future__ import annotations

import csv
import io
import logging
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from jgan.data.classes import in_order
from jgan.data.names import by_normal_name, clean_name
from jgan.errors import shown
from jgan.types import UserError
from jgan.untrusted.json_data import parse_json
from jgan.untrusted.normal_names import normal

logger = logging.getLogger(__name__)

MAX_DIGITS = 20  # of a label that is a number
SHOWN = 5  # folders or endings named
MAX_CLASSES = 100_000  # a label beyond it is a mistake: networks make a row of weights for each class


class Labels(NamedTuple):
    """One class a file, int32 [n], out of `num_classes`."""

    labels: np.ndarray
    num_classes: int
    class_names: tuple[str, ...] | None


def check_labels(place: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Labels as int32 [count]. Raises UserError unless they are `count` whole numbers in [0, MAX_CLASSES)."""
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        found = f"{labels.dtype} {list(labels.shape)}"
        raise UserError(f"{place}: labels are {found}; expected whole numbers [{count}], one an image")
    outside = (labels < 0) | (labels >= MAX_CLASSES)
    if outside.any():
        row = int(np.argmax(outside))
        raise UserError(f"{place}: label {labels[row]} of image {row} is out of range; number the classes from 0 up")
    return labels.astype(np.int32)


def find_labels(title: str, names: list[str], present: Iterable[str], read: Callable[[str], bytes]) -> Labels | None:
    """Labels of the image files `names`; None where there are none.

    A labels.csv (columns file,label) or dataset.json beside all images comes first. Else, when every image lies in
    a folder below the deepest folder that holds them all, and there are two or more, those folders are the classes.
    """
    base = posixpath.commonpath([posixpath.dirname(name) for name in names])
    present = set(present)
    for folder in dict.fromkeys(("", base)):
        for file, parse in (("labels.csv", _from_csv), ("dataset.json", _from_json)):
            path = posixpath.join(folder, file)
            if path in present:
                place = f"{title}/{path}"
                by_name = parse(place, read_text(place, path, read))
                return None if by_name is None else _match(place, names, folder, by_name)
    _tell_lost_folders(title, names, present, base)
    return _from_folders(names, base)


def read_text(place: str, path: str, read: Callable[[str], bytes]) -> str:
    """The text of a file. Raises UserError unless it is UTF-8."""
    try:
        return read(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{place}: cannot be read as UTF-8 text ({error}); save it again") from None


def _from_csv(place: str, text: str) -> dict[str, int | str] | None:
    """{file: label} of a table with the columns file and label; labels are all numbers or else names."""
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    labels: dict[str, str] = {}
    try:
        if not {"file", "label"} <= set(rows.fieldnames or ()):
            raise UserError(f"{place}: its first line is {rows.fieldnames}; expected the columns file,label")
        for row in rows:
            name, label = normal(clean_name(row["file"] or "")), (row["label"] or "").strip()
            line = f"{place}: line {rows.line_num}"
            if not name or not label:
                what = f"{name or 'a row'} has no label" if not label else "has no file"
                raise UserError(f"{line}: {what}; add it, or remove the row")
            if labels.setdefault(name, label) != label:
                raise UserError(f"{line}: {name} has the labels {labels[name]} and {label}")
    except csv.Error as error:
        raise UserError(f"{place}: line {rows.line_num}: not CSV ({error}); correct it") from None
    numbers = [label for label in labels.values() if _is_number(label)]
    if numbers and len(numbers) < len(labels):
        name, odd = next((name, label) for name, label in labels.items() if not _is_number(label))
        raise UserError(
            f"{place}: the label of {name} is {odd[:MAX_DIGITS]!r} where others are numbers, as {numbers[0]}; make all "
            "numbers or all names"
        )
    return {name: int(label) for name, label in labels.items()} if numbers else dict(labels)


def _is_number(label: str) -> bool:
    return len(label) <= MAX_DIGITS and re.fullmatch(r"[-+]?\d+", label, re.ASCII) is not None


def _from_json(place: str, text: str) -> dict[str, int | str] | None:
    """{file: label} of NVIDIA's {"labels": [["path", 3], ...]}; None when it says that there are none."""
    try:
        pairs = parse_json(text)["labels"]
        if pairs is None:
            return None
        listed = [(normal(clean_name(str(name))), label) for name, label in pairs]
    except (ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise UserError(f'{place}: expected {{"labels": [["path", 3], ...]}} ({found}); correct it') from None
    labels: dict[str, int | str] = {}
    for name, label in listed:
        if type(label) is not int:
            raise UserError(f"{place}: the label of {name} is {shown(label)}; expected a whole number from 0 up")
        if labels.setdefault(name, label) != label:
            raise UserError(f"{place}: {name} has the labels {labels[name]} and {label}; leave one of them")
    return labels


def _match(place: str, names: list[str], folder: str, by_name: dict[str, int | str]) -> Labels:
    by_normal_name(place, names)
    keys = [normal(posixpath.relpath(name, folder or ".")) for name in names]
    found = [by_name.get(key) for key in keys]
    missing = [name for name, label in zip(names, found, strict=True) if label is None]
    if missing:
        raise UserError(f"{place}: no label for {len(missing)} of {len(names)} images, {missing[0]} first; add them")
    if unused := sorted(by_name.keys() - set(keys)):
        logger.warning("%s: %s of its rows name no image that is there, %s first", place, len(unused), unused[0])
    class_names = None
    if any(isinstance(label, str) for label in found):
        class_names = in_order(str(label) for label in found)
        places = {name: index for index, name in enumerate(class_names)}
        found = [places[str(label)] for label in found]
    try:
        labels = check_labels(place, np.array(found, np.int64), len(names))
    except OverflowError:
        raise UserError(f"{place}: a label is out of range; number the classes from 0 up") from None
    return Labels(labels, int(labels.max()) + 1, class_names)


def _from_folders(names: list[str], base: str) -> Labels | None:
    start = len(base) + 1 if base else 0
    heads = [name[start:].partition("/") for name in names]
    class_names = in_order(head for head, _, _ in heads)
    by_normal_name("the folders of classes", class_names)
    loose = [name for name, (_, _, tail) in zip(names, heads, strict=True) if not tail]
    if loose or len(class_names) < 2:
        if len(loose) < len(names) and len(class_names) > 2:
            logger.warning("no labels: %s lies beside the folders, which are not classes then", loose[0])
        return None
    places = {name: index for index, name in enumerate(class_names)}
    labels = np.array([places[head] for head, _, _ in heads], np.int32)
    return Labels(labels, len(class_names), class_names)


def _tell_lost_folders(title: str, names: list[str], present: set[str], base: str) -> None:
    """Warns of folders beside those of images in which there are files and no image: they may be meant as classes."""
    for parent in dict.fromkeys((base, posixpath.dirname(base))):
        prefix = f"{parent}/" if parent else ""
        inside = Counter(_head(name, prefix) for name in present)
        lost = inside.keys() - {_head(name, prefix) for name in names} - {""}
        for folder in sorted(lost)[:SHOWN]:
            endings = sorted({posixpath.splitext(name)[1] for name in present if _head(name, prefix) == folder})
            logger.warning(
                "%s: the folder %s holds %s and no image that can be read, so it is no class (%s)",
                *(title, f"{prefix}{folder}", "1 file" if inside[folder] == 1 else f"{inside[folder]} files"),
                " ".join(endings[:SHOWN]),
            )
        if len(lost) > SHOWN:
            logger.warning("%s: %s more folders hold files and no image", title, len(lost) - SHOWN)


def _head(name: str, prefix: str) -> str:
    """The folder, at the level below `prefix`, that a file lies in; "" for others."""
    return name.removeprefix(prefix).rpartition("/")[0].partition("/")[0] if name.startswith(prefix) else ""

"""Classes by name: their order, what a user names, and how a run numbers them."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from jgan.types import UserError, did_you_mean
from jgan.untrusted.normal_names import normal

SHOWN = 5  # classes in a message
NUMBER = re.compile(r"[-+]?\d{1,40}(\.\d{1,40})?", re.ASCII)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Different names in the order in which classes are numbered: by value where all are numbers."""
    names = set(names)
    if all(NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (Fraction(name), name)))
    return tuple(sorted(names))


def names_or_numbers(names: Sequence[str] | None, num_classes: int) -> tuple[str, ...]:
    """The names of classes; those of classes without names are their numbers."""
    return tuple(map(str, range(num_classes))) if names is None else tuple(names)


def split_labels(text: str) -> list[str]:
    """The parts of a list such as 3,5 or cat,"sea, calm"."""
    return [part.strip() for row in csv.reader(text.splitlines(), skipinitialspace=True) for part in row]


def numbers_of(labels: Sequence[str | int], names: Sequence[str] | None, num_classes: int, field: str) -> list[int]:
    """The numbers of classes that are given by name or by number.

    A number that is a class's name is that class, so where all names are numbers there are no others.

    Raises:
      UserError, beginning with `field`: one of them is no class.
    """
    text = ",".join(map(str, labels))
    if not labels:
        raise UserError(f"{field}: expected at least one class")
    plain = names is None or tuple(names) == names_or_numbers(None, len(names))
    known = names_or_numbers(None if plain else names, num_classes)
    places = {normal(name): place for place, name in enumerate(known)}
    all_numbers = all(NUMBER.fullmatch(name) for name in known)
    values = {Fraction(name): place for place, name in enumerate(known)} if all_numbers else {}
    found = []
    for label in map(str, labels):
        is_number = bool(NUMBER.fullmatch(label))
        place = places.get(normal(label))
        if place is None and is_number:
            place = values.get(Fraction(label)) if all_numbers else _in_range(label, num_classes)
        if place is None and plain and not is_number:
            raise UserError(f"{field}={text}: expected numbers separated by commas, such as 3,5")
        if place is None:
            expected = f"; expected 0 to {num_classes - 1}" if plain else did_you_mean(label, known)
            raise UserError(f"{field}={text}: {label or 'an empty name'} is not a class{expected}")
        found.append(place)
    return found


def _in_range(label: str, num_classes: int) -> int | None:
    value = Fraction(label)
    return int(value) if value.denominator == 1 and 0 <= value < num_classes else None


@dataclasses.dataclass(frozen=True)
class Numbering:
    """How a run numbers its classes, as its checkpoints' records say."""

    names: tuple[str, ...] | None = None  # None: its classes have no names, or nobody knows them
    earlier: bool = False  # begun when sets were told apart by names and sizes of files, classes in the order of text

    def to_data(self) -> dict[str, object]:
        """As JSON."""
        return {"names": None if self.names is None else list(self.names), "earlier": self.earlier}


def numbering_of(record: dict[str, object]) -> Numbering:
    """The numbering that a checkpoint's record holds. Raises UserError for what is none."""
    data = record.get("classes", {"names": None, "earlier": True})
    names = data.get("names") if isinstance(data, dict) else 0
    earlier = data.get("earlier") if isinstance(data, dict) else None
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    if not isinstance(earlier, bool) or not (names is None or is_list):
        raise UserError("a checkpoint's record: `classes` are not names of classes; restore it, or train again")
    return Numbering(tuple(names) if isinstance(names, list) else None, earlier)


NEW = Numbering()  # of a run that begins


def classes_without_images(names: Sequence[str] | None, counts: np.ndarray) -> str:
    """A line about classes that have no image, of images of each class int [classes]; "" where all have some."""
    empty = np.flatnonzero(counts == 0)
    if not empty.size:
        return ""
    known = names_or_numbers(names, len(counts))
    shown = ", ".join(known[place] for place in empty[:SHOWN])
    more = f" and {empty.size - SHOWN:,} more" if empty.size > SHOWN else ""
    return f"{empty.size:,} of {len(counts):,} classes have no image of {counts.sum():,}: {shown}{more}"

"""One labelled set with the class numbers of another: classes are matched by name, or refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jgan.data.captions import Captions
from jgan.data.classes import Numbering, names_or_numbers
from jgan.data.pixels import Pair, Pixels
from jgan.data.source import NO_LABEL, Source
from jgan.types import UserError
from jgan.untrusted.normal_names import normal

SHOWN = 5  # names in a message


def numbered(source: Source, numbering: Numbering, field: str) -> Source:
    """The source with its classes numbered as a run numbers its own.

    Raises:
      UserError, beginning with `field`: it has a class that the run does not have.
    """
    names = numbering.names
    if names is None and numbering.earlier:
        names = getattr(source, "earlier_class_names", None)
    return renumbered(source, names, field)


def renumbered(source: Source, names: Sequence[str] | None, field: str) -> Source:
    """The source with the class `names[i]` as number i; a class without a name is called by its number.

    Raises:
      UserError, beginning with `field`: it has a class that is not among them.
    """
    if source.num_classes is None or names is None:
        return source
    ours, names = names_or_numbers(source.class_names, source.num_classes), tuple(names)
    if ours == names:
        return source
    places = {normal(name): place for place, name in enumerate(names)}
    present = range(len(ours)) if source.class_counts is None else np.flatnonzero(source.class_counts).tolist()
    if unknown := [ours[place] for place in present if normal(ours[place]) not in places]:
        raise UserError(
            f"{field}: has the class {unknown[0]!r}, which is not among {_listed(names)}; classes are matched by name: "
            "give both the same names, or leave out the metrics that compare class by class"
        )
    return Renumbered(source, names, np.array([places.get(normal(name), NO_LABEL) for name in ours], np.int32))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN]))
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


class Renumbered:
    """Another source with other numbers for its classes."""

    is_paired = False
    captions: Captions | None = None

    def __init__(self, source: Source, names: tuple[str, ...], places: np.ndarray) -> None:
        """`places` int32 [classes of the source] are the new numbers."""
        self._source, self._places = source, places
        self.count, self.in_memory = source.count, source.in_memory
        self.num_classes: int | None = len(names)
        self.class_names: tuple[str, ...] | None = names

    @property
    def fingerprint(self) -> str:
        """As the other source says."""
        return self._source.fingerprint

    @property
    def class_counts(self) -> np.ndarray | None:
        """Images of each class; None where only reading them all would tell."""
        counts = self._source.class_counts
        if counts is None or self.num_classes is None:
            return None
        used = np.flatnonzero(counts)
        return np.bincount(self._places[used], counts[used], self.num_classes).astype(int)

    def name(self, index: int) -> str:
        """As the other source says."""
        return self._source.name(index)

    def read(self, index: int) -> tuple[Pixels | Pair, int]:
        """The image and its class's new number. Raises BrokenImageError."""
        image, label = self._source.read(index)
        return image, label if label == NO_LABEL else int(self._places[label])

    def channels(self) -> int:
        """As the other source says."""
        return self._source.channels()

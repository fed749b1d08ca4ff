"""What every kind of data set offers: a count, labels and one image at a time by its index."""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np

from jgan.data.captions import Captions
from jgan.data.pixels import BrokenImageError, Pair, Pixels

NO_LABEL = -1


class Source(Protocol):
    """Images in a fixed order, read at random. Can be pickled to a decoding process unless `in_memory`."""

    count: int
    num_classes: int | None  # None: no labels
    class_names: tuple[str, ...] | None
    captions: Captions | None  # in place of classes; None: no captions
    in_memory: bool  # reading needs no file and no decoding
    is_paired: bool  # an example is a pair of images

    @property
    def fingerprint(self) -> str:
        """Hex hash of what was opened: names, contents and classes."""
        ...

    @property
    def class_counts(self) -> np.ndarray | None:
        """Images of each class, int [num_classes]; None without classes, or where only reading all would tell."""
        ...

    def name(self, index: int) -> str:
        """What to call the example in a message: its file, or its place."""
        ...

    def read(self, index: int) -> tuple[Pixels | Pair, int]:
        """The image, or pixels uint8 [h, w, c], and its label, its number where it has captions, or NO_LABEL.

        In place of the image a pair of them, from a source of pairs. Raises BrokenImageError.
        """
        ...

    def channels(self) -> int:
        """Channels that the images have by themselves, 1, 3 or 4. Raises UserError where they differ."""
        ...


def count_classes(labels: np.ndarray | None, num_classes: int | None) -> np.ndarray | None:
    """Images of each class, int [num_classes], of labels int [n]; None without classes."""
    return None if labels is None or num_classes is None else np.bincount(labels, minlength=num_classes)


def check_label(label: int, num_classes: int | None) -> int:
    """The label of an example; NO_LABEL where there are no classes. Raises BrokenImageError for one out of range."""
    if num_classes is None:
        return NO_LABEL
    if not 0 <= label < num_classes:
        raise BrokenImageError(f"label {label} is out of range; expected 0 to {num_classes - 1}")
    return label


def fingerprint(*parts: object) -> str:
    """Hex hash of values: bytes and arrays by content, all else by its text."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else _content(part)
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:32]


def _content(part: object) -> bytes | memoryview:
    if isinstance(part, np.ndarray):
        return np.ascontiguousarray(part).view(np.uint8).reshape(-1).data
    return repr(part).encode()

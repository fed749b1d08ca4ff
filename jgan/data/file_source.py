"""Image files of a folder or of a zip archive, in name order, and their labels or captions."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PIL import Image

from jgan.data.captions import Captions, read_table, read_vectors
from jgan.data.classes import names_or_numbers
from jgan.data.decoding import parallel_map
from jgan.data.file_trees import Files, open_files
from jgan.data.folders import SUFFIXES, is_image
from jgan.data.labels import Labels, find_labels
from jgan.data.pixels import BrokenImageError, decode, natural_channels
from jgan.data.source import NO_LABEL, count_classes, fingerprint
from jgan.errors import UserError, counted
from jgan.terminal import bars

ReadCaptions = Callable[[str, list[str], Iterable[str], Callable[[str], bytes]], Captions]


class FileSource:
    """Images of a folder or an archive."""

    in_memory = False
    is_paired = False
    is_earlier = False  # see `as_earlier`

    def __init__(
        self,
        files: Files,
        read_captions: ReadCaptions | None = None,
        *,
        names: list[str] | None = None,
        labelled: bool = True,
    ) -> None:
        """Those of the `names`, in their order, or all; with `read_captions` they have captions in place of classes."""
        sizes = files.sizes()
        self.files, self.title = files, files.title
        found_names = sorted(filter(is_image, sizes))
        self.names = found_names if names is None else names
        self.other_files = len(sizes) - len(self.names)
        self.file_bytes = sum(sizes[name] for name in self.names)
        if not self.names:
            looked_at = counted(len(sizes), "file")
            raise UserError(f"{files.title}: no image in {looked_at} ({' '.join(SUFFIXES)}); add some")
        self._sizes = [sizes[name] for name in self.names]
        self._digests = [""] * len(self.names)  # of the contents of files that were read; "": not yet
        found = files.title, self.names, sizes, files.read
        self.captions = read_captions(*found) if read_captions else None
        self._labels = find_labels(*found) if labelled and not read_captions else None
        self._describe()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "captions": None}  # decoding processes need none, and vectors may be large

    def _describe(self) -> None:
        labels = self._labels
        self.count = len(self.names)
        self.num_classes = None if labels is None else labels.num_classes
        self.class_names = None if labels is None else labels.class_names
        self.labels = None if labels is None else labels.labels
        self.class_counts = count_classes(self.labels, self.num_classes)
        if self.captions is not None:
            self.labels = np.arange(self.count, dtype=np.int32)

    @property
    def earlier_class_names(self) -> tuple[str, ...] | None:
        """The classes in the order in which earlier versions numbered them: that of text, numbers too."""
        return None if self.class_names is None else tuple(sorted(self.class_names))

    @property
    def fingerprint(self) -> str:
        """Of the names and the contents of the files, and of the classes or captions that these have.

        Reads the files that nobody has read with `read_noted` before.
        """
        captions = self.captions
        if captions is None:
            described = (self._earlier_labels() if self.is_earlier else self._label_names(),)
        else:
            described = captions.rows, captions.counts, captions.vocabulary
        return fingerprint(self.names, self._sizes if self.is_earlier else self._contents(), *described)

    def _label_names(self) -> list[str] | None:
        if self._labels is None:
            return None
        names = names_or_numbers(self.class_names, self._labels.num_classes)
        return [names[label] for label in self._labels.labels.tolist()]

    def _earlier_labels(self) -> np.ndarray | None:
        if self._labels is None or self.class_names is None or self.earlier_class_names is None:
            return self.labels
        places = {name: place for place, name in enumerate(self.earlier_class_names)}
        return np.array([places[name] for name in self.class_names], np.int32)[self._labels.labels]

    def _contents(self) -> list[str]:
        unread = [index for index, digest in enumerate(self._digests) if not digest]
        with bars.bar(total=len(unread), desc="reading", unit=" files", delay=bars.DELAY, leave=False) as bar:
            for _ in parallel_map(self._note, unread, os.cpu_count() or 1):
                bar.update(1)
        return self._digests

    def _note(self, index: int) -> None:
        with contextlib.suppress(BrokenImageError):
            self.read_noted(index)

    def read_noted(self, index: int) -> bytes:
        """As `read_bytes`; notes what the file holds for `fingerprint`, which need not read it again."""
        data = self.read_bytes(index)
        self._digests[index] = hashlib.blake2b(data, digest_size=16).hexdigest()
        return data

    def as_earlier(self) -> FileSource:
        """This source with the fingerprint by which earlier versions told sets apart: of names and sizes of files."""
        earlier = self._copy()
        earlier.is_earlier = True
        return earlier

    def _copy(self) -> FileSource:
        copy = object.__new__(FileSource)
        copy.__dict__.update(self.__dict__)
        return copy

    def without(self, indices: list[int]) -> FileSource:
        """This source without some of its files."""
        keep = np.setdiff1d(np.arange(self.count), indices)
        less = self._copy()
        less.names = [self.names[index] for index in keep]
        less._sizes = [self._sizes[index] for index in keep]
        less._digests = [self._digests[index] for index in keep]
        if self._labels is not None:
            less._labels = Labels(self._labels.labels[keep], self._labels.num_classes, self._labels.class_names)
        if self.captions is not None:
            less.captions = self.captions.only(keep)
        less._describe()
        return less

    def name(self, index: int) -> str:
        """The file's path below the folder or in the archive."""
        return self.names[index]

    def read_bytes(self, index: int) -> bytes:
        """The encoded image. Raises BrokenImageError."""
        try:
            return self.files.read(self.names[index])
        except OSError as error:
            raise BrokenImageError(error.strerror or str(error)) from None

    def read(self, index: int) -> tuple[Image.Image, int]:
        """The image and its label, or, where it has captions, its number. Raises BrokenImageError."""
        label = NO_LABEL if self.labels is None else int(self.labels[index])
        return decode(self.read_bytes(index)), label

    def channels(self) -> int:
        """Channels of the first image; the check before the start compares them all."""
        return natural_channels(self.read(0)[0])


def open_captions(argument: str) -> FileSource:
    """Images with captions, by `<directory or zip>`, which holds captions.csv, or `<directory or zip>:<file>.npz`."""
    place, _, file = argument.rpartition(":")
    if not file.endswith(".npz") or not place:
        place, file = argument, ""
    return FileSource(open_files(place), functools.partial(read_vectors, file) if file else read_table)

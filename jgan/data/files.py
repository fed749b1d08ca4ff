"""Image files of a folder or of a zip archive, in name order, and their labels or captions."""

from __future__ import annotations

import functools
import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from PIL import Image

from jgan.data.captions import Captions, read_table, read_vectors
from jgan.data.labels import Labels, find_labels
from jgan.data.pixels import BrokenImageError, decode, natural_channels
from jgan.data.source import NO_LABEL, fingerprint
from jgan.types import UserError
from jgan.untrusted.files import MAX_FILE_BYTES, read_file

ReadCaptions = Callable[[str, list[str], Iterable[str], Callable[[str], bytes]], Captions]

SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm"),
    *(".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)


class Files(Protocol):
    """Bytes by name. Names are relative, with `/` between folders."""

    title: str

    def sizes(self) -> dict[str, int]:
        """Every file that is not hidden, with its size in bytes."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises OSError."""
        ...


class FolderFiles:
    """Files below a directory; links to directories are followed, once each."""

    def __init__(self, directory: str, scheme: str = "folder") -> None:
        self.title = f"{scheme}:{directory}"
        self.directory = Path(directory)
        if not self.directory.is_dir():
            raise UserError(f"{self.title}: no such directory; give the path of a directory of images")

    def sizes(self) -> dict[str, int]:
        """Every file that is not hidden, with its size in bytes (-1: a link to nothing)."""
        found: dict[str, int] = {}
        try:
            self._scan(str(self.directory), "", {os.path.realpath(self.directory)}, found)
        except OSError as error:
            place = f"{self.title}: {error.filename}"
            raise UserError(f"{place}: cannot be read ({error.strerror}); mend or remove it") from None
        return found

    def _scan(self, directory: str, prefix: str, seen: set[str], found: dict[str, int]) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    found[prefix + entry.name] = entry.stat().st_size if entry.is_file() else -1
                elif not entry.is_symlink() or os.path.realpath(entry.path) not in seen:
                    seen.add(os.path.realpath(entry.path))
                    self._scan(entry.path, f"{prefix}{entry.name}/", seen, found)

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises OSError."""
        return read_file(f"{self.directory}/{name}")  # Path costs as much as a read


class ZipFiles:
    """Entries of a zip archive, read in memory: nothing is ever written, so an odd name can do no harm."""

    def __init__(self, path: str, scheme: str = "zip") -> None:
        self.title = f"{scheme}:{path}"
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        if not Path(path).is_file():
            raise UserError(f"{self.title}: no such file; give the path of a zip archive")
        try:
            self._open()
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.title}: not a zip archive ({error}); zip the images again") from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}  # each process opens the archive for itself

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None:
            self._archive = zipfile.ZipFile(self.path)
        return self._archive

    def sizes(self) -> dict[str, int]:
        """Every entry that is neither hidden nor a resource fork of macOS, with its size in bytes."""
        found = {}
        for entry in self._open().infolist():
            parts = PurePosixPath(entry.filename).parts
            if not entry.is_dir() and parts[0] != "__MACOSX" and not parts[-1].startswith("."):
                found[entry.filename] = entry.file_size
        return found

    def read(self, name: str) -> bytes:
        """The bytes of one entry. Raises OSError."""
        entry = self._open().getinfo(name)
        if entry.file_size > MAX_FILE_BYTES:
            raise OSError(f"declares {entry.file_size:,} bytes")
        try:
            return self._open().read(entry)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise OSError(str(error)) from None
        except Exception as error:  # zlib.error, lzma.LZMAError: each compression has its own
            raise OSError(f"cannot be decompressed: {error}") from None


class FileSource:
    """Images of a folder or an archive."""

    in_memory = False
    is_paired = False

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
        found_names = sorted(name for name in sizes if PurePosixPath(name).suffix.lower() in SUFFIXES)
        self.names = found_names if names is None else names
        self.other_files = len(sizes) - len(self.names)
        self.file_bytes = sum(sizes[name] for name in self.names)
        if not self.names:
            raise UserError(f"{files.title}: no image in {len(sizes)} files ({' '.join(SUFFIXES)}); add some")
        self._sizes = [sizes[name] for name in self.names]
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
        self.fingerprint = fingerprint(self.names, self._sizes, self.labels)
        if self.captions is not None:
            self.labels = np.arange(self.count, dtype=np.int32)
            words = self.captions.vocabulary
            self.fingerprint = fingerprint(self.names, self._sizes, self.captions.rows, self.captions.counts, words)

    def without(self, indices: list[int]) -> FileSource:
        """This source without some of its files."""
        keep = np.setdiff1d(np.arange(self.count), indices)
        less = object.__new__(FileSource)
        less.__dict__.update(self.__dict__)
        less.names = [self.names[index] for index in keep]
        less._sizes = [self._sizes[index] for index in keep]
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
    files = ZipFiles(place) if Path(place).is_file() else FolderFiles(place)
    return FileSource(files, functools.partial(read_vectors, file) if file else read_table)

"""What lies below a folder: the one scanner of all commands."""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jgan.data.names import is_hidden
from jgan.rundir.written import no_images, pictures_here, written_here
from jgan.types import UserError

SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm"),
    *(".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
# Folders whose names say what their images are for: in pairs, in two domains, and held out of these.
SIDES, DOMAINS, TEST_DOMAINS = ("A", "B"), ("trainA", "trainB"), ("testA", "testB")
MAX_LINKED = 100_000  # folders reached through links, which may multiply: ten that hold two links each are a thousand
NO_FILE = -1  # the size of a link to nothing, of a pipe or a device, which reading them tells

logger = logging.getLogger(__name__)


class _Folder(NamedTuple):
    path: str
    prefix: str  # of the names below it
    within: frozenset[str]  # the real paths of itself and of the folders on the way to it
    linked: bool  # whether a link is on that way


def is_image(name: str) -> bool:
    """Whether a file's ending is an image's."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def scan(directory: str | Path, title: str) -> dict[str, int]:
    """Every file below a directory that is not hidden, by name, with `/` between folders, and its size in bytes.

    The same on every machine: in the order of names. Links are followed, but for those that lead to themselves or to a
    folder that they lie in; what jgan itself has written below the directory is no part of it: see `rundir/written.py`.
    A warning tells of both. What cannot be read has the size NO_FILE.

    Raises:
      UserError, beginning with `title`: a folder cannot be read, or is itself the directory of a run.
    """
    walk = _Walk(title)
    found = dict(sorted(walk.files(str(directory))))
    walk.tell()
    return found


def top_of(directory: Path, title: str) -> tuple[set[str], set[str]]:
    """Names of the folders and of the files in a directory that are not hidden.

    Folders that hold nothing but what jgan wrote are left out. Raises UserError where it cannot be read.
    """
    entries = _entries(str(directory), title)
    folders = {entry.name for entry in entries if _is_folder(entry, title)}
    files = {entry.name for entry in entries} - folders
    return {name for name in folders if not _is_only_written(f"{directory}/{name}", title)}, files


def images_in(directory: Path, title: str) -> list[str]:
    """As `scan`, the images alone: for a directory that jgan writes in itself."""
    return sorted(name for name, _ in _Walk(title).files(str(directory)) if is_image(name))


def holds_images(directory: Path, title: str) -> bool:
    """Whether there are images below a directory that others than jgan have put there. Raises as `top_of`."""
    return any(is_image(name) for name, _ in _Walk(title, below=True).files(str(directory)))


def _is_only_written(directory: str, title: str) -> bool:
    walk = _Walk(title, below=True)
    return not any(True for _ in walk.files(directory)) and bool(walk.written)


class _Walk:
    """A walk through a directory: files as they are found, and what was left out."""

    def __init__(self, title: str, *, below: bool = False) -> None:
        """`below`: the directory lies in the one that was named."""
        self.title, self._below = title, below
        self.written: list[tuple[str, str]] = []  # folders, and what each is

    def files(self, root: str) -> Iterator[tuple[str, int]]:
        """Names below `root`, with `/` between folders, and sizes."""
        waiting, linked = [_Folder(root, "", frozenset((os.path.realpath(root),)), linked=False)], 0
        while waiting:
            folder = waiting.pop()
            linked += folder.linked
            if linked > MAX_LINKED:
                place = f"{self.title}: {folder.path}"
                raise UserError(f"{place}: more than {MAX_LINKED:,} folders lie behind links; remove some")
            entries = self._data_of(folder)
            for entry in entries:
                name = folder.prefix + entry.name
                if _is_folder(entry, self.title):
                    real = os.path.realpath(entry.path)
                    if real in folder.within:
                        logger.warning("%s: %s leads to a folder that it lies in; left out", self.title, name)
                    else:
                        within = folder.within | {real}
                        waiting.append(_Folder(entry.path, f"{name}/", within, folder.linked or entry.is_symlink()))
                elif (size := _size(entry)) is not None:
                    yield name, size

    def _data_of(self, folder: _Folder) -> list[os.DirEntry[str]]:
        """What a folder holds, without what jgan has written."""
        entries = _entries(folder.path, self.title)
        names = {entry.name for entry in entries}
        if folder.prefix or self._below:
            if what := _written(folder.path, names):
                self.written.append((folder.prefix.removesuffix("/"), what))
                return []
        elif what := no_images(names):
            raise UserError(f"{self.title}: is {what}, and no folder of images; name the images' own folder")
        pictures = pictures_here(names)
        return [entry for entry in entries if entry.name not in pictures]

    def tell(self) -> None:
        """Warns of what was left out."""
        tell_written(self.title, self.written)


def _written(folder: str, names: set[str]) -> str:
    """What jgan has made of a folder below the one that was named; images whose place is in a layout are that data."""
    return no_images(names) if folder.rpartition("/")[2] in SIDES + DOMAINS + TEST_DOMAINS else written_here(names)


def tell_written(title: str, written: list[tuple[str, str]]) -> None:
    """Warns of folders, each with what it is, that were left out since jgan has written them."""
    if written:
        name, what = min(written)
        more = f", and {len(written) - 1} more like it" if len(written) > 1 else ""
        _warn_once(f"{title}: {name} is {what}, and no data; left out{more}")


@functools.cache
def _warn_once(text: str) -> None:
    """A command opens the same data several times: to look at them, to train, to show some."""
    logger.warning("%s", text)


def without_written(title: str, names: Iterable[str]) -> set[str]:
    """The names, with `/` between folders, of the files of an archive, without those that `scan` would leave out."""
    names = set(names)
    inside: dict[str, set[str]] = {"": set()}
    for name in names:
        folder, _, file = name.rpartition("/")
        while file not in inside.setdefault(folder, set()):
            inside[folder].add(file)
            folder, _, file = folder.rpartition("/") if folder else ("", "", file)
    if what := no_images(inside[""]):
        raise UserError(f"{title}: is {what}, and no archive of images; zip the images' own folder")
    written = [(folder, what) for folder, there in inside.items() if folder and (what := _written(folder, there))]
    tell_written(title, _outermost(written))
    lost = {f"{folder}/{name}".removeprefix("/") for folder, there in inside.items() for name in pictures_here(there)}
    left_out = tuple(f"{folder}/" for folder, _ in written)
    return {name for name in names - lost if not name.startswith(left_out)}


def _outermost(written: list[tuple[str, str]]) -> list[tuple[str, str]]:
    folders = tuple(f"{folder}/" for folder, _ in written)
    return [(folder, what) for folder, what in written if not folder.startswith(folders)]


def _entries(directory: str, title: str) -> list[os.DirEntry[str]]:
    """What is in a directory and not hidden, by name."""
    with _naming(title), os.scandir(directory) as entries:
        return sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str], title: str) -> bool:
    with _naming(title):
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            logger.warning("%s: %s leads to itself; left out", title, entry.path)
            return False


@contextlib.contextmanager
def _naming(title: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = f"{title}: {error.filename}"
        raise UserError(f"{place}: cannot be read ({error.strerror}); mend or remove it") from None


def _size(entry: os.DirEntry[str]) -> int | None:
    """Bytes of a file; NO_FILE of an image that none can be read from; None of what else is neither file nor folder."""
    try:
        status = entry.stat()
    except OSError as error:
        return None if error.errno == errno.ELOOP else NO_FILE
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    return NO_FILE if is_image(entry.name) else None

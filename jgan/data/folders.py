"""What lies below a folder: the one scanner of all commands."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jgan.data.names import is_hidden
from jgan.types import UserError

SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm"),
    *(".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
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

    The same on every machine: in the order of names. Links are followed, but for those to a folder that they lie in,
    of which a warning tells; what cannot be read has the size NO_FILE.

    Raises:
      UserError, beginning with `title`: a folder cannot be read.
    """
    found: dict[str, int] = {}
    root = str(directory)
    waiting, linked = [_Folder(root, "", frozenset((os.path.realpath(root),)), linked=False)], 0
    while waiting:
        folder = waiting.pop()
        linked += folder.linked
        if linked > MAX_LINKED:
            raise UserError(f"{title}: {folder.path}: more than {MAX_LINKED:,} folders lie behind links; remove some")
        for entry in _entries(folder.path, title):
            name = folder.prefix + entry.name
            if _is_folder(entry, title):
                real = os.path.realpath(entry.path)
                if real in folder.within:
                    logger.warning("%s: %s leads to a folder that it lies in; left out", title, name)
                else:
                    within = folder.within | {real}
                    waiting.append(_Folder(entry.path, f"{name}/", within, folder.linked or entry.is_symlink()))
            elif (size := _size(entry)) is not None:
                found[name] = size
    return dict(sorted(found.items()))


def folders_in(directory: Path, title: str) -> set[str]:
    """Names of the folders in a directory that are not hidden. Raises UserError where it cannot be read."""
    return {entry.name for entry in _entries(str(directory), title) if _is_folder(entry, title)}


def _entries(directory: str, title: str) -> list[os.DirEntry[str]]:
    """What is in a directory and not hidden, by name."""
    with _naming(title), os.scandir(directory) as entries:
        return sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str], title: str) -> bool:
    with _naming(title):  # a link to itself
        return entry.is_dir()


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
    except OSError:
        return NO_FILE
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    return NO_FILE if is_image(entry.name) else None

"""Directories that a command makes for what it writes; they go again where it is refused before it wrote anything."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from jgan.types import UserError


def make_directory(path: Path, flag: str) -> None:
    """Makes a directory and those above it. Raises UserError, naming the flag or variable that it comes from."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{flag}={path}: cannot write there ({error.strerror}); choose another directory") from None


@contextlib.contextmanager
def making_directory(path: Path, flag: str) -> Iterator[None]:
    """Makes a directory and those above it for the block, after which those that are new and empty go again.

    Raises:
      UserError: it cannot be made.
    """
    new = [place for place in (path, *path.parents) if not os.path.exists(place)]  # noqa: PTH110  # Path's raises
    try:
        make_directory(path, flag)
        yield
    finally:
        for place in new:
            with contextlib.suppress(OSError):  # not empty, or not there
                place.rmdir()


@contextlib.contextmanager
def taking_back(directory: Path, names: Collection[str], made: Collection[str] = ()) -> Iterator[None]:
    """Deletes what is new in a directory where the block raises UserError, if it is no more than these names.

    They are of files that a command writes, and of directories that it makes, before it knows that it can do its work;
    new are those as well that the caller has just `made`. The caller holds the directory: what others write there at
    the same time would be taken for new.
    """
    before = {place.name for place in directory.iterdir()} - set(made)
    try:
        yield
    except UserError:
        new = [place for place in directory.iterdir() if place.name not in before]
        if all(place.name in names and not (place.is_dir() and any(place.iterdir())) for place in new):
            for place in new:
                place.rmdir() if place.is_dir() else place.unlink()
        raise


@contextlib.contextmanager
def taking_back_unless_kept(directory: Path, names: Collection[str]) -> Iterator[Callable[[], None]]:
    """Gives `keep()`. Where the block raises UserError before that, what is new of these names goes, with all in it.

    The caller holds the directory.
    """
    before = {place.name for place in directory.iterdir()}
    kept: list[bool] = []
    try:
        yield lambda: kept.append(True)
    except UserError:
        new = [] if kept else [directory / name for name in names if name not in before]
        for place in new:
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        raise

"""Directories with one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from jgan.rundir.atomic_files import make_directory, writing
from jgan.types import UserError


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Holds the directory of a run for this process; the lock goes with the process, however it ends.

    Raises:
      UserError: the directory cannot be written, or another process trains in it.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        file = (workdir / ".lock").open("a")
    except OSError as error:
        raise UserError(f"--workdir={workdir}: cannot write there ({error.strerror})") from None
    with file:
        _hold(file.fileno(), f"--workdir={workdir}", "trains in it")
        yield


@contextlib.contextmanager
def writing_alone(directory: Path, flag: str = "--out", *, waits: bool = False) -> Iterator[None]:
    """Makes a directory for what a command writes and holds it, as `locked`, without a file of its own in it.

    With `waits` it waits for another process, where that writes for a moment.

    Raises:
      UserError: the directory cannot be made, or another process writes there.
    """
    make_directory(directory, flag)
    with writing(directory):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _hold(descriptor, f"{flag}={directory}", "writes there", waits=waits)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int, place: str, doing: str, *, waits: bool = False) -> None:
    """Takes the lock of an open file or directory; warns where its file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{place}: another process {doing}; stop it, or choose another directory") from None
    except OSError as error:  # NFS without its lock daemon, some overlays
        logging.getLogger("jgan").warning(
            "%s: its file system has no locks (%s); nothing would stop a second process that %s",
            *(place, error.strerror, doing),
        )

"""Directories with one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from jgan.rundir.atomic_files import writing
from jgan.rundir.new_directories import making_directory, taking_back
from jgan.types import UserError

LOCK = ".lock"


@contextlib.contextmanager
def locked(workdir: Path, first_files: Collection[str] = ()) -> Iterator[None]:
    """Holds the directory of a run for this process; the lock goes with the process, however it ends.

    Where the block is refused by a UserError before it has written more than `first_files`, nothing new stays.

    Raises:
      UserError: the directory cannot be written, or another process trains in it.
    """
    with contextlib.ExitStack() as stack, making_directory(workdir, "--workdir"):
        new = {LOCK} - {path.name for path in workdir.iterdir()}
        try:
            file = stack.enter_context((workdir / LOCK).open("a"))
        except OSError as error:
            raise UserError(f"--workdir={workdir}: cannot write there ({error.strerror})") from None
        _hold(file.fileno(), f"--workdir={workdir}", "trains in it")
        with taking_back(workdir, {LOCK, *first_files}, new):
            yield


@contextlib.contextmanager
def writing_alone(
    directory: Path, flag: str = "--out", *, waits: bool = False, first_files: Collection[str] = ()
) -> Iterator[None]:
    """Makes a directory for what a command writes and holds it, as `locked`, without a file of its own in it.

    With `waits` it waits for another process, where that writes for a moment.

    Raises:
      UserError: the directory cannot be made, or another process writes there.
    """
    with contextlib.ExitStack() as stack, making_directory(directory, flag):
        with writing(directory):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        _hold(descriptor, f"{flag}={directory}", "writes there", waits=waits)
        with taking_back(directory, first_files):
            yield


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
    if os.fstat(descriptor).st_nlink == 0:
        raise UserError(f"{place}: another process was refused there, and has just removed it; run the command again")

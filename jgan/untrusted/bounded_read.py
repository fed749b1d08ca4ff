"""Files that others name: read whole, if they are files and no larger than a stated limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_FILE_BYTES = 2**30  # of an image, a table, an entry of a zip
MAX_TEXT_BYTES = 2**26  # of captions, one a line
MAX_WEIGHTS_BYTES = 2**35  # of a file of weights: 32 GiB


def reason(error: Exception) -> str:
    """Why a file cannot be read, without its name, which messages begin with."""
    return getattr(error, "strerror", None) or str(error)


def read_file(path: str | Path, most: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a regular file of `most` bytes at most.

    Raises OSError, of what is no file too: a pipe or a device would be waited for, or have no end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe's own open would wait as well
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a regular file")
        if found.st_size > most:
            raise OSError(f"{found.st_size:,} bytes, more than {most:,}")
        data = file.readall()
    if len(data) > most:  # files of /proc say that they are empty
        raise OSError(f"more than {most:,} bytes")
    return data

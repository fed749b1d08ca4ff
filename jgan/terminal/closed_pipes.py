"""Work that goes on where nobody reads its output any more, as of `jgan train ... | head` or a closed terminal."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from typing import Any


class _Surviving:
    """A stream whose writes are lost, and raise nothing, once its reader has gone."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream's own."""
        self._unless_closed(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """As the stream's own."""
        self._unless_closed(self._stream.flush)

    def _unless_closed(self, act: Any) -> None:
        if not self._closed:
            try:
                act()
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.ENOSPC):  # a log on a full disk is lost as well
                    raise
                self._closed = True


@contextlib.contextmanager
def surviving_closed_pipes() -> Iterator[None]:
    """While it is entered, output that nobody reads is lost; what is written to files is not."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_Surviving, before)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before

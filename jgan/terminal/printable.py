"""What is printed as a terminal may show it, whatever names and texts of files are in it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from jgan.errors import printable

LAYOUT = "\n\t"


class _Printable:
    """A stream without control characters, and whose encoding has no gaps."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream's own, with other characters escaped."""
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(printable(text, LAYOUT).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)


@contextlib.contextmanager
def printing_printable() -> Iterator[None]:
    """While it is entered, what a terminal would obey or could not show is escaped on its way to standard output."""
    before = sys.stdout
    sys.stdout = _Printable(before)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        sys.stdout = before

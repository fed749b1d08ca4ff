"""Progress bars of long work: a bar on a terminal; in a file, now and then a line."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

Bar = tqdm
DELAY = 2.0  # seconds before a bar of work that may be short appears
SECONDS_BETWEEN_LINES = 30.0  # of a bar in a file


class _Lines(io.TextIOBase):
    """What a bar writes, as lines: a file has nothing to write over, so moves and blanks are left out."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Takes the whole bar, and the return before it, as one line."""
        if line := text.replace("\x1b[A", "").strip():
            self._file.write(f"{line}\n")
        return len(text)

    def flush(self) -> None:
        """What was written is on its way."""
        self._file.flush()


def bar(**settings: Any) -> Bar:
    """A tqdm bar on stderr with tqdm's own settings; where stderr is a file, a line every half a minute."""
    if sys.stderr.isatty():
        return tqdm(**settings)
    return tqdm(**settings | {"file": _Lines(sys.stderr), "mininterval": SECONDS_BETWEEN_LINES, "miniters": 1})


def say(text: str) -> None:
    """A line on stdout, above the bars of a terminal."""
    if sys.stderr.isatty():
        tqdm.write(text)
    else:
        print(text, flush=True)


@contextlib.contextmanager
def describing(shown: Bar, text: str) -> Iterator[None]:
    """While the block lasts, the bar begins with `text` and its seconds, if it lasts longer than DELAY seconds."""
    started, ended = time.perf_counter(), threading.Event()

    def tick() -> None:
        pause = DELAY
        while not ended.wait(pause):
            shown.set_description_str(f"{text} ... {time.perf_counter() - started:.0f} s")
            pause = 1.0 if sys.stderr.isatty() else SECONDS_BETWEEN_LINES

    ticking = threading.Thread(target=tick, name="progress bar", daemon=True)
    if not shown.disable:
        ticking.start()
    try:
        yield
    finally:
        ended.set()
        if ticking.ident is not None:
            ticking.join()
            if shown.desc:
                shown.set_description_str("", refresh=sys.stderr.isatty())


@contextlib.contextmanager
def clock(text: str, *, visible: bool = True) -> Iterator[None]:
    """While the block lasts, a line says `text` and counts the seconds, if it lasts longer than DELAY seconds."""
    with bar(bar_format="{desc}", leave=False, disable=not visible) as line, describing(line, text):
        yield


def duration(seconds: float) -> str:
    """For people: "41 s", "3 min 05 s", "2 h 07 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """As `duration`, of two digits, for what is only estimated: "41 seconds", "9.1 minutes", "12 hours"."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"
    return f"{seconds:.0f} seconds"

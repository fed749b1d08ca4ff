"""What an input may do: be taken, or be refused in one line; within limits of time and memory, and in its folder."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import re
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jgan.command import OneLine
from jgan.errors import UserError, one_line

SECONDS, GIB = 20.0, 2.0  # of the processor and of memory, that an input may take
TAKEN, REFUSED, FAULT = "taken", "refused", "fault"
SHOWN = 5
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "socket.connect")
HIGH_WATER = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Stopped(BaseException):  # no error: an input was good enough to be computed with
    """Raised where a command would begin to compute."""


class Verdict(NamedTuple):
    """What became of an input, and why."""

    outcome: str
    reason: str = ""


class Fence:
    """Notes what leaves a folder while it is up: files written, or read beside it, programs, connections.

    There is one, since Python's audit hooks stay for as long as the process lasts.
    """

    def __init__(self) -> None:
        self.left: list[str] = []
        self._inside = self._beside = ""  # nowhere: it is down
        self._may_write: tuple[str, ...] = ()

    @classmethod
    @functools.cache
    def of_process(cls) -> Fence:
        """The one."""
        fence = cls()
        sys.addaudithook(fence._look)
        return fence

    @contextlib.contextmanager
    def around(self, inside: Path, may_write: Iterable[Path]) -> Iterator[None]:
        """While the block lasts, nothing is to be read beside `inside`, nor written out of it but in `may_write`."""
        self.left, self._may_write = [], ("/dev", "/proc/self", *map(os.path.realpath, (inside, *may_write)))
        self._inside, self._beside = os.path.realpath(inside), os.path.realpath(inside.parent)
        try:
            yield
        finally:
            self._inside = ""

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._inside:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = bool(isinstance(flags, int) and flags & WRITING) or any(
                letter in (mode or "") for letter in "wax+"
            )
            self._reached(event, path, writes=writes)
        elif event in CHANGES:
            for path in arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]:
                self._reached(event, path, writes=True)
        elif event.startswith(STARTS):
            self.left.append(f"{event} {arguments[0]!r}")

    def _reached(self, event: str, path: Any, *, writes: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike) or "__pycache__" in os.fsdecode(path):
            return
        place = os.path.realpath(os.fsdecode(path))
        allowed = self._may_write if writes else (self._inside,)
        if (writes or _lies_in(place, self._beside)) and not any(_lies_in(place, root) for root in allowed):
            self.left.append(f"{event} {place}")


def _lies_in(place: str, root: str) -> bool:
    return place == root or place.startswith(f"{root}/")


def judge(take: Callable[[], None], names: tuple[str, ...], inside: Path, may_write: Iterable[Path] = ()) -> Verdict:
    """Runs `take` in the folder `inside`. It is refused by a UserError whose line holds one of `names`."""
    fence, error = Fence.of_process(), None
    said, before = io.StringIO(), _peak(reset=True)
    handler = logging.StreamHandler(said)
    handler.setFormatter(OneLine())
    start = time.process_time()
    try:
        with fence.around(inside, may_write), _captured(handler, said):
            take()
    except Stopped:
        pass
    except UserError as refusal:
        error = one_line(str(refusal))
    except OSError as refusal:
        if refusal.filename is None:
            return _fault(refusal)
        error = f"{refusal.filename}: {refusal.strerror}"  # as jgan.command prints it
    except KeyboardInterrupt:
        raise
    except BaseException as refusal:
        return _fault(refusal)
    seconds, gib = time.process_time() - start, (_peak() - before) / 2**30
    problems = [f"left its folder: {', '.join(fence.left[:SHOWN])}"] if fence.left else []
    problems += [f"took {seconds:.0f} s"] if seconds > SECONDS else []
    problems += [f"took {gib:.1f} GiB"] if gib > GIB else []
    problems += [] if error is None else _problems_of(error, names)
    if odd := re.search(r"[^\n\r\t\x20-\x7e\xa0-\U0010ffff]|[\u202a-\u202e\ud800-\udfff]", said.getvalue()):
        around = said.getvalue()[max(0, odd.start() - 40) : odd.end() + 10]
        problems.append(f"printed the control character {odd[0]!r}, in {around!r}")
    if problems:
        return Verdict(FAULT, "; ".join(problems))
    return Verdict(TAKEN) if error is None else Verdict(REFUSED, error)


def _problems_of(error: str, names: tuple[str, ...]) -> list[str]:
    if not error.strip() or "\n" in error.strip() or not error.strip().isprintable():
        return [f"no single line: {error!r}"]
    return [] if any(name in error for name in names) else [f"names neither file nor flag: {error}"]


def _fault(error: BaseException) -> Verdict:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/jgan/" in frame.filename]
    last = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return Verdict(FAULT, f"{type(error).__name__} in {last}: {' '.join(str(error).split())[:200]}")


@contextlib.contextmanager
def _captured(handler: logging.Handler, said: io.StringIO) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers, root.level = [handler], logging.WARNING
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.handlers, root.level = handlers, level


def _peak(*, reset: bool = False) -> int:
    """Bytes that the process held at most, since it was last reset where the system can."""
    if reset:
        with contextlib.suppress(OSError):
            HIGH_WATER[0].write_text("5")
    with contextlib.suppress(OSError):
        line = re.search(r"VmHWM:\s+(\d+) kB", HIGH_WATER[1].read_text())
        if line:
            return int(line[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

"""Commands run one after the other, each in a process of its own, until this one is told to stop."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Sequence
from typing import IO

TAIL = 10_000  # characters of a process's errors that are kept
READER_SECONDS = 5.0  # for the last of its output, which a grandchild may hold open


@dataclasses.dataclass(frozen=True)
class ProcessResult:
    """How a process ended: its exit code (minus the number of the signal that killed it), its last line on stderr."""

    code: int
    last_line: str

    def __str__(self) -> str:
        """In one line, for people."""
        number = -self.code if self.code < 0 else self.code - 128
        if self.code < 0 or number in (signal.SIGINT, signal.SIGTERM):
            return f"was stopped by {signal.Signals(number).name}"
        return self.last_line.removeprefix("error: ") or f"ended with code {self.code}"


class Subprocesses:
    """Runs subprocesses. While it is entered, SIGINT and SIGTERM go to the process and are kept in `signal`.

    One that was ignored before, as SIGINT in the background of a script, stays so, there and here.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Subprocesses:
        numbers = [n for n in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(n) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._pass_on) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str]) -> ProcessResult:
        """Runs a command to its end; what it writes on stderr, its progress, is shown as it comes."""
        columns, lines = shutil.get_terminal_size()
        # A session of its own: Ctrl-C reaches this process alone, which passes it on once.
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"COLUMNS": str(columns), "LINES": str(lines)},
            start_new_session=True,
        ) as process:
            self._process = process
            if self.signal:  # it came while the process was being started
                process.send_signal(self.signal)
            reader = _Reader(process.stderr)
            code = process.wait()
            self._process = None
            return ProcessResult(code, reader.last_line())

    def _pass_on(self, number: int, frame: types.FrameType | None) -> None:
        del frame
        self.signal = number
        if self._process is not None:
            self._process.send_signal(number)


class _Reader:
    """Shows a stream as it comes, and keeps its end."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None, "the process has a pipe"
        self._stream = stream
        self._tail = ""
        self._thread = threading.Thread(target=self._read, name="stderr of a run", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := os.read(self._stream.fileno(), 65536):
            text = chunk.decode(errors="replace")
            sys.stderr.write(text)
            sys.stderr.flush()
            self._tail = (self._tail + text)[-TAIL:]

    def last_line(self) -> str:
        """The last line with something in it; of a line that was written over, the last state."""
        self._thread.join(READER_SECONDS)
        lines = [line.strip() for line in self._tail.replace("\r", "\n").split("\n")]
        return next((line for line in reversed(lines) if line), "")

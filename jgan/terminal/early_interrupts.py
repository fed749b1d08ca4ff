"""Ctrl-C while a command's libraries are imported, which takes seconds: one line, not the traceback of an import."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn


def is_command(words: Sequence[str] = sys.orig_argv) -> bool:
    """Whether Python was started to run a command of jgan: `jgan ...`, `python -m jgan ...`, `python -m jgan.main ...`.

    Not the processes that one starts to decode images, nor a program that imports jgan.
    """
    rest = list(words[1:])
    while rest and rest[0].startswith("-") and not rest[0].startswith(("-m", "-c")):
        rest.pop(0)
    first = rest[0] if rest else ""
    if first.startswith("-m"):
        module = first.removeprefix("-m") or "".join(rest[1:2])
        return module.partition(".")[0] == "jgan"
    return os.path.basename(first) == "jgan"  # noqa: PTH119  # pathlib takes a while to import


def expect_interrupts() -> None:
    """Until the command begins: `command.run` then sets Python's own handler. One that was ignored stays so."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    """In the midst of an import an exception may get lost; nothing is written yet."""
    os.write(2, b"interrupted; nothing has begun\n")
    os._exit(130)

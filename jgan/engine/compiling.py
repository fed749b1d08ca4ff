"""Compilation that can be left: XLA's cannot be interrupted, so a thread does it while the main one looks about."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import jax

from jgan.engine import processes

POLL_SECONDS = 0.25  # between looks at whether to stop
THREAD = "compilation"  # the name of its thread

Lower = Callable[[], jax.stages.Lowered]  # `jitted.lower(...)`: traces a program
Compile = Callable[[str, Lower], jax.stages.Compiled]  # (what is compiled, in a few words; its tracing)


class StoppedError(Exception):
    """What was going on was told to stop before its end; it left nothing behind."""


def compile_here(what: str, lower: Lower) -> jax.stages.Compiled:
    """Compiles in this thread."""
    del what
    return lower().compile()


def compile_apart(lower: Lower, stop: Callable[[], bool]) -> jax.stages.Compiled:
    """Traces and compiles a program in a thread, and asks `stop()` meanwhile; what is compiled is cached as ever.

    Several processes call this at the same point, and leave it together: each asks `stop()` equally often. JAX's
    context managers, `jax.transfer_guard` and the like, hold in their own thread alone: `lower` has to enter them.

    Raises:
      StoppedError: `stop()` was true. The thread goes on until XLA is done, see `exit_at_once_if_compiling`.
    """
    compiled: list[jax.stages.Compiled] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            compiled.append(lower().compile())
        except BaseException as error:
            errors.append(error)

    # Not a daemon: Python would end it inside of XLA when it exits, which aborts the process.
    thread = threading.Thread(target=work, name=THREAD)
    thread.start()
    while True:
        thread.join(POLL_SECONDS)
        if stop():
            raise StoppedError
        if not processes.any_process(thread.is_alive()):
            break
    if errors:
        raise errors[0]
    return compiled[0]


def exit_at_once_if_compiling(code: str | int | None) -> None:
    """Ends the process if a program that nobody waits for any more is still being compiled; to be called at the end.

    XLA cannot be told to stop: `sys.exit` would wait for it, minutes on end, and a thread that Python ends inside of it
    aborts the process. What the process wrote has to be closed by now; other processes are left in step.
    """
    if not any(thread.name == THREAD for thread in threading.enumerate()):
        return
    if jax.process_count() > 1:
        jax.distributed.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)

"""What every decoding process does first."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import parent_process


def follow_parent(*_: int) -> None:
    """Ends this worker with its parent, even a killed one, and leaves Ctrl-C to it.

    By itself a worker would wait for ever for a parent that is gone.
    """
    parent = parent_process()
    assert parent is not None, "runs in a worker"
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


@contextlib.contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Processes started within leave Ctrl-C to their parent from their first instruction on, imports included."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

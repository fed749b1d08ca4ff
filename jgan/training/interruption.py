"""SIGTERM and SIGINT, noted and looked at between steps; one that was ignored at the start stays so, as of nohup."""

from __future__ import annotations

import signal
import threading
import types
from typing import NoReturn

from jgan.engine import processes


class Interruption:
    """Notes SIGTERM and SIGINT; a second one acts at once, as if nobody had noted the first."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __enter__(self) -> Interruption:
        # In another thread, as where a server trains, Python allows no handlers.
        in_main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGTERM, signal.SIGINT) if in_main else ()
        heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._catch) for number in heard}
        self._caught: int | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def agreed(self) -> bool:
        """Whether any process was told to stop; every process must ask at the same step."""
        if processes.any_process(self._caught is not None):
            self.signal = self._caught or signal.SIGTERM
        return self.signal is not None

    def act(self) -> NoReturn:
        """Does what the agreed signal would have done, had nobody noted it: where there is nothing to save."""
        assert self.signal is not None, "agreed before"
        self._restore()
        signal.raise_signal(self.signal)
        raise KeyboardInterrupt  # of a handler that returns

    def _catch(self, number: int, frame: types.FrameType | None) -> None:
        del frame
        self._caught = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

"""The bar of a run, and its clock: what a step takes, and how long the rest will."""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Iterator

from jgan.terminal import bars

PLAYER_PHASES = ("discriminator", "generator", "reconstruction")  # whose losses the bar shows
MEASURED_SECONDS = 5.0  # of steps, before a forecast is made of them,
MEASURED_STEPS = 3  # and as many steps
MARKS = 100  # at least a second, and at least a step, from each other


class Progress:
    """The bar of a run: step, time left, images/s, the losses. It also times, leaving out what is `doing`."""

    def __init__(self, total: int, first_step: int, visible: bool) -> None:
        self._bar = bars.bar(
            total=total,
            initial=first_step,
            disable=not visible,
            dynamic_ncols=True,
            mininterval=0.5,
            bar_format="{l_bar}{bar}| step {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        )
        self._started = self._window_start = time.perf_counter()
        self._window_images = 0
        self._rate = 0.0
        self._step = first_step
        self._idle = 0.0  # seconds that no step took
        self._marks: collections.deque[tuple[float, int]] = collections.deque(maxlen=MARKS)  # of seconds and steps

    def show(self, finished: int, batch_size: int, latest: dict[str, float]) -> None:
        """`finished` steps are done and these are the newest metrics."""
        steps, self._step = finished - self._step, finished
        self._window_images += steps * batch_size
        seconds = time.perf_counter() - self._window_start
        if seconds > 1.0:
            self._rate = self._window_images / seconds
        self._mark(steps)
        losses = [(name.split("/")[0], value) for name, value in latest.items() if name.endswith("/loss")]
        text = " ".join(f"{phase} {value:.3f}" for phase, value in losses if phase in PLAYER_PHASES)
        if text:
            self._bar.set_postfix_str(f"{self._left()}{self._rate:.0f} images/s, loss: {text}", refresh=False)
        self._bar.update(steps)

    @property
    def seconds_per_step(self) -> float | None:
        """What a step of this stage takes of late, without compilation and evaluation; None before two are done."""
        if len(self._marks) < 2:
            return None
        (first_clock, first_step), (clock, step) = self._marks[0], self._marks[-1]
        return (clock - first_clock) / (step - first_step)

    def forecast(self, steps: int) -> str | None:
        """What so many more steps will take, once enough of them are measured: "a step takes 0.31 s; about ..."."""
        seconds = self.seconds_per_step
        if seconds is None or self._measured_steps < MEASURED_STEPS:
            return None
        if self._measured_steps * seconds < MEASURED_SECONDS:
            return None
        return f"a step takes {seconds:.2g} s; about {bars.about(steps * seconds)} for the {steps} steps"

    def timings(self) -> dict[str, float]:
        """Images per second since the last call, where some were shown, and seconds since training began here."""
        now = time.perf_counter()
        rate = self._window_images / max(now - self._window_start, 1e-9)
        rates = {"time/images_per_second": rate} if self._window_images else {}
        self._window_start, self._window_images = now, 0
        return {**rates, "time/seconds": now - self._started}

    @contextlib.contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """What is done meanwhile, which the bar names, is no step: the rates and the time left leave it out."""
        start = time.perf_counter()
        try:
            with bars.describing(self._bar, text):
                yield
        finally:
            seconds = time.perf_counter() - start
            self._window_start += seconds
            self._idle += seconds

    def begin_stage(self) -> None:
        """Steps from here on take another time."""
        self._marks.clear()

    def rewind(self, step: int) -> None:
        """The run went back to `step`."""
        self._bar.n = self._step = step
        self._marks.clear()
        self._bar.refresh()

    def say(self, text: str) -> None:
        """A line above the bar."""
        if not self._bar.disable:
            bars.say(text)

    def close(self) -> None:
        """Leaves the bar on the screen."""
        self._bar.close()

    @property
    def _measured_steps(self) -> int:
        return self._marks[-1][1] - self._marks[0][1] if self._marks else 0

    def _mark(self, steps: int) -> None:
        """The first step of all, which starts what the others find running, stands before the first mark."""
        clock = time.perf_counter() - self._idle
        if steps > 0 and (not self._marks or clock - self._marks[-1][0] >= 1.0):
            self._marks.append((clock, self._step))

    def _left(self) -> str:
        seconds = self.seconds_per_step
        return "" if seconds is None else f"{bars.duration((self._bar.total - self._step) * seconds)} left, "

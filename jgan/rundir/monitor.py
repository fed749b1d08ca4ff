"""What a run writes down: metrics as JSON lines and TensorBoard events, pictures."""

from __future__ import annotations

import collections
import datetime
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan.rundir.atomic_files import append_line, as_number, keep_lines_up_to, read_lines, writing
from jgan.rundir.events import Events
from jgan.rundir.pictures import plot_metrics, save_png
from jgan.types import NONFINITE, Metrics, PyTree, UserError

EVALUATIONS = "evaluations.jsonl"
PLOT_SECONDS = 30  # at least, between two looks at the curves of a run that goes on
MAX_STEPS_IN_FLIGHT = 16  # dispatched and not yet read back; bounds the memory of queued work


class NonFiniteError(UserError):
    """A loss, a gradient or a weight stopped being finite."""


class MetricWindow:
    """Collects the metrics of each step without waiting for the device, and averages them over `every` steps.

    Values are read once they are ready (or `MAX_STEPS_IN_FLIGHT` steps later), so the loop runs ahead of the device and
    `write` is called late. The unfinished window travels in the checkpoint, so a resumed run logs the same numbers.
    """

    def __init__(
        self,
        every: int,
        gradient_names: dict[str, list[str]],
        write: Callable[[int, dict[str, float]], None],
    ) -> None:
        """`gradient_names` lists the parameter paths for each phase; `write` takes finished steps and means."""
        self._every = every
        self._gradient_names = gradient_names
        self._write = write
        self._pending: collections.deque[tuple[int, Metrics]] = collections.deque()
        self._values: dict[str, list[float]] = {}
        self._start = 0  # finished steps before the window
        self.finished = 0  # steps whose metrics were read
        self.latest: dict[str, float] = {}

    def add(self, step: int, metrics: Metrics) -> None:
        """Queues the metrics of the step numbered `step`, and reads those that are ready.

        Raises:
          NonFiniteError: an earlier step's loss or gradient was not finite.
        """
        for value in metrics.values():
            value.copy_to_host_async()
        self._pending.append((step, metrics))
        while self._pending and self._is_due():
            self._read()

    def drain(self) -> None:
        """Waits for every queued step. Raises as `add` does."""
        while self._pending:
            self._read()

    def write_rest(self) -> None:
        """Writes the means of a window that the run ends in; it stays unfinished, for a run that is made longer."""
        self.drain()
        if self._values:
            self._write(self.finished, self._means())

    def record(self) -> dict[str, Any]:
        """The unfinished window, as data: the finished steps before it and its values. Waits for every queued step."""
        self.drain()
        return {"start": self._start, "values": {name: list(values) for name, values in self._values.items()}}

    def resume(self, step: int, record: dict[str, Any]) -> None:
        """Continues a recorded window after `step` finished steps; what was queued is undone."""
        self._pending.clear()
        self._start = record["start"]
        self._values = {name: [as_number(value) for value in values] for name, values in record["values"].items()}
        self.finished, self.latest = step, {}

    def _is_due(self) -> bool:
        if len(self._pending) > MAX_STEPS_IN_FLIGHT:
            return True
        # Processes must find a bad value at the same step, so with several only the count decides.
        metrics: dict[str, Any] = self._pending[0][1]  # jax.Array's stub does not know is_ready
        return jax.process_count() == 1 and all(value.is_ready() for value in metrics.values())

    def _read(self) -> None:
        step, metrics = self._pending.popleft()
        values = {name: value.item() for name, value in jax.device_get(metrics).items()}
        for name, value in values.items():
            phase, _, last = name.partition("/")
            if last == NONFINITE and value >= 0:
                raise NonFiniteError(self._describe(step, phase, value, values))
        self.latest = {name: value for name, value in values.items() if not name.endswith(f"/{NONFINITE}")}
        for name, value in self.latest.items():
            self._values.setdefault(name, []).append(value)
        self.finished = step + 1
        if self.finished % self._every == 0:
            means = self._means()
            self._start, self._values = self.finished, {}
            self._write(self.finished, means)

    def _means(self) -> dict[str, float]:
        return {name: math.fsum(values) / len(values) for name, values in sorted(self._values.items())}

    def _describe(self, step: int, phase: str, index: int, values: dict[str, float]) -> str:
        if index == 0:
            return f"step {step}: the loss of phase {phase!r} is {values[f'{phase}/loss']}"
        name = self._gradient_names[phase][index - 1]
        return f"step {step}: the gradient of {name} in phase {phase!r} is not finite, or its square is not"


def gradient_names(params: PyTree) -> list[str]:
    """Paths of the leaves, in the order of `jax.tree.leaves`: "conv_16/kernel"."""
    paths = jax.tree_util.tree_flatten_with_path(params)[0]
    return ["/".join(str(getattr(key, "key", key)) for key in path) for path, _ in paths]


class RunLog:
    """Writes metrics.jsonl, evaluations.jsonl, timings.jsonl, events.jsonl and TensorBoard events of a run directory.

    The first two hold what the run computed, equal for equal runs; timings.jsonl holds wall-clock figures. All of its
    methods raise UserError where the disk refuses.
    """

    def __init__(self, workdir: Path, first_step: int, last_line: int) -> None:
        """Goes on at `first_step`; lines of steps after `last_line` are dropped, to be written again."""
        self._workdir, self._plotted = workdir, time.monotonic()
        for name in ("metrics.jsonl", "timings.jsonl"):
            keep_lines_up_to(workdir / name, last_line)
        if (workdir / EVALUATIONS).exists():
            keep_lines_up_to(workdir / EVALUATIONS, first_step)
        self._events = Events(workdir / "tensorboard", first_step)

    def write(self, step: int, metrics: dict[str, float], timings: dict[str, float]) -> None:
        """One line of each file and one event per value. `step` is the number of finished steps."""
        append_line(self._workdir / "metrics.jsonl", {"step": step, **metrics})
        append_line(self._workdir / "timings.jsonl", {"step": step, **timings})
        self._events.write_scalars(step, {**metrics, **timings})

    def write_images(self, step: int, name: str, grid: np.ndarray) -> None:
        """A picture [height, width, channels], uint8, as a PNG under samples/ and as an event."""
        path = self._picture(step, name)
        with writing(path.parent):
            path.parent.mkdir(exist_ok=True)
        save_png(path, grid)
        self._events.write_image(step, name, grid)

    def has_images(self, step: int, name: str = "samples") -> bool:
        """Whether the picture of a step was written."""
        return self._picture(step, name).is_file()

    def write_scores(self, step: int, images_seen: int, settings: dict[str, Any], scores: dict[str, float]) -> None:
        """One line of evaluations.jsonl, with what the scores depend on, and one event per score."""
        line = {"step": step, "images_seen": images_seen, "settings": settings, **scores}
        append_line(self._workdir / EVALUATIONS, line)
        self._events.write_scalars(step, {f"eval/{name}": value for name, value in scores.items()})

    def evaluated(self, step: int) -> bool:
        """Whether evaluations.jsonl has the scores of a step."""
        return any(line["step"] == step for line in read_lines(self._workdir / EVALUATIONS))

    def note(self, step: int, text: str) -> None:
        """One line of events.jsonl: what happened to the run, and when."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        append_line(self._workdir / "events.jsonl", {"step": step, "time": now, "event": text})

    def plot_now_and_then(self) -> None:
        """`plot`, where the last one is `PLOT_SECONDS` old: it takes a moment that short runs would notice."""
        if time.monotonic() - self._plotted > PLOT_SECONDS:
            self.plot()

    def plot(self) -> None:
        """Loss curves and the rest, from metrics.jsonl and evaluations.jsonl to plots/."""
        self._plotted = time.monotonic()
        for name in ("metrics.jsonl", EVALUATIONS):
            plot_metrics(read_lines(self._workdir / name), self._workdir / "plots")

    def close(self) -> None:
        """Closes the event file."""
        self._events.close()

    def _picture(self, step: int, name: str) -> Path:
        return self._workdir / "samples" / f"{name}_{step:08d}.png"

"""What a run says and writes down while it trains: metrics, notes, pictures, scores, curves, and its bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from jgan.engine import processes
from jgan.rundir.animation import write_progress
from jgan.rundir.monitor import MetricWindow, RunLog, gradient_names
from jgan.rundir.pictures import make_grid, to_uint8, with_legend
from jgan.rundir.progress import Progress
from jgan.setup import Setup
from jgan.types import Images, UserError, stage_ending


class Reporting:
    """One process's reports of its run: all of them show a bar's numbers, the main one writes.

    `window` collects the metrics of the steps; `progress`, the bar, is there from `begin` on.
    """

    progress: Progress

    def __init__(self, setup: Setup, workdir: Path) -> None:
        """Nothing is written before `open`."""
        self._setup, self._workdir = setup, workdir
        self._log: RunLog | None = None  # in the main process
        self._advised = False
        self.window = MetricWindow(setup.config.log_every, _gradient_names(setup), self._write)

    def begin(self, step: int) -> Progress:
        """The bar of a run that is at a step; close it when done."""
        total = sum(stage.steps for stage in self._setup.stages)
        self.progress = Progress(total, step, visible=processes.is_main())
        return self.progress

    def open(self, step: int, last_line: int) -> None:
        """Goes on writing at a step; lines of steps after `last_line` are dropped, to be written again."""
        self.close()
        if processes.is_main():
            self._log = RunLog(self._workdir, step, last_line)

    def close(self) -> None:
        """Closes what is open."""
        if self._log:
            self._log.close()

    def note(self, step: int, text: str) -> None:
        """Says what happened to the run, and writes it down, once a run has been opened."""
        if self._log:
            self._log.note(step, text)
            self.progress.say(f"{self._workdir}: {text}")

    def warn(self, text: str) -> None:
        """Says something that is no event of the run."""
        self.progress.say(text)

    def lacks_images(self, step: int) -> bool:
        """Whether this process writes and the picture of a step is not there."""
        return self._log is not None and not self._log.has_images(step)

    def lacks_scores(self, step: int) -> bool:
        """Whether this process writes and the scores of a step are not there."""
        return self._log is not None and not self._log.evaluated(step)

    def write_images(self, step: int, images: Images) -> None:
        """The picture [rows, columns, h, w, c] of a step."""
        if not self._log:
            return
        game = self._setup.config.game
        legend = game.preview_legend(self._setup.dataset.class_names)
        grid = make_grid(to_uint8(jax.device_get(images)))
        grid = with_legend(grid, images.shape[1], legend, enlarge=game.generates_from == "images")
        self._log.write_images(step, "samples", grid)
        self._log.plot_now_and_then()

    def write_scores(self, step: int, settings: dict[str, Any], scores: dict[str, float]) -> None:
        """The scores of a step, and what they depend on."""
        if self._log:
            self._log.write_scores(step, self._images_seen(step), settings, scores)
            self._log.plot_now_and_then()

    def plot(self) -> None:
        """The curves of all that was written."""
        if self._log:
            self._log.plot()

    def animate(self, step: int) -> None:
        """The moving picture. Everything of the run is saved by now: a damaged grid costs it this picture alone."""
        if not self._log:
            return
        try:
            with self.progress.doing("making the moving picture"):
                write_progress(self._workdir)
        except UserError as error:
            self.note(step, f"no moving picture: {error}")

    def _write(self, step: int, means: dict[str, float]) -> None:
        self.progress.show(step, stage_ending(self._setup.stages, step).batch_size, self.window.latest)
        if self._log:
            self._log.write(step, {"images_seen": self._images_seen(step), **means}, self.progress.timings())
        advice = self._setup.config.game.advice(means)
        if advice and not self._advised:
            self._advised = True
            self.note(step, advice)

    def _images_seen(self, step: int) -> int:
        stage = stage_ending(self._setup.stages, step)
        return stage.start_images + (step - stage.start) * stage.batch_size


def _gradient_names(setup: Setup) -> dict[str, list[str]]:
    phases = [phase for stage in setup.stages for phase in setup.config.game.phases(stage)]
    return {phase.name: gradient_names(getattr(setup.target, phase.player).params) for phase in phases}

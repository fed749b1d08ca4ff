"""What a run has logged and drawn so far, and what it does while the page is open."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jgan.explore.events import BUTTON
from jgan.explore.offline import gr
from jgan.explore.shown import note, nothing
from jgan.reports.groups import Group
from jgan.reports.markup import Markup, element, join
from jgan.reports.page import Plot, draw_plots
from jgan.reports.runs import Run, read_run
from jgan.reports.sections import data_uri
from jgan.rundir.pictures import read_thumbnail
from jgan.types import UserError

SECONDS = 5.0  # between two looks at the run
PICTURE_SIDE = 960  # pixels
FIRST = 6  # curves that are open
STAMPED = ("metrics.jsonl", "evaluations.jsonl", "samples", "config.json", "checkpoints")


class Training:
    """A run directory as the page shows it: read again only where something was written."""

    def __init__(self, workdir: Path) -> None:
        self._workdir = workdir
        self._stamp: object = None
        self._shown: tuple[Markup, Markup, Markup] = (note(""), nothing(""), Markup(""))

    def __call__(self) -> tuple[Markup, Markup, Markup]:
        """(a line, the newest samples, the curves)."""
        stamp = self._written()
        if stamp != self._stamp:
            run = read_run(self._workdir, self._workdir.resolve().name)
            self._shown = (_line(run), _samples(run), _curves(run))
            self._stamp = stamp
        return self._shown

    @property
    def stamp(self) -> object:
        """What has changed when there is something new to show."""
        return self._written()

    def _written(self) -> object:
        found = []
        for name in STAMPED:
            try:
                status = (self._workdir / name).stat()
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_size))
        return tuple(found)


def add_training_page(workdir: Path) -> None:
    """Adds it to the `gr.Blocks` that is open."""
    training = Training(workdir)
    line = gr.HTML(training()[0], elem_id="training-line")
    samples = gr.HTML(training()[1], elem_classes="samples", elem_id="samples")
    curves = gr.HTML(training()[2], elem_id="curves")
    seen = gr.State(training.stamp)

    def look(before: object) -> Any:
        now = training.stamp
        if before == now:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return (now, *training())

    timer = gr.Timer(SECONDS)
    timer.tick(look, seen, [seen, line, samples, curves], **BUTTON)


def _line(run: Run) -> Markup:
    of = f" of {run.total:,}" if run.total is not None else ""
    steps = [line["step"] for line in run.metrics]
    logged = f"logged to step {int(max(steps)):,}" if steps else "nothing logged yet"
    parts = [run.status, f"checkpoint of step {run.step:,}{of}" if run.step is not None else f"no checkpoint yet{of}"]
    if run.images_per_second is not None:
        parts.append(f"{run.images_per_second:.0f} images/s")
    problems = [element("p", problem, class_="bad") for problem in run.problems]
    return join(note(", ".join([*parts, logged, f"looked at {time.strftime('%H:%M:%S')}"])), *problems)


def _samples(run: Run) -> Markup:
    if run.picture is None:
        return nothing("No samples yet.")
    try:
        shown = read_thumbnail(run.picture, PICTURE_SIDE)
    except UserError as error:
        return element("p", error, class_="bad")
    image = element("img", src=data_uri("jpeg", shown), alt=f"samples of step {run.picture_step}")
    return join(image, note(f"samples of step {run.picture_step:,}"))


def _curves(run: Run) -> Markup:
    plots = draw_plots([Group(1, run.name, {}, [run])])
    if not plots:
        return note("No curves yet.")
    first, rest = plots[:FIRST], plots[FIRST:]
    folded = [element("details", element("summary", f"{len(rest)} more"), _cards(rest))] if rest else []
    return join(_cards(first), *folded)


def _cards(plots: list[Plot]) -> Markup:
    return element("div", *[_both(plot) for plot in plots], class_="curves")


def _both(plot: Plot) -> Markup:
    """Of which the page shows one, by its theme."""
    light = element("img", src=data_uri("png", plot.light), alt=f"{plot.name} over images seen", class_="light")
    dark = element("img", src=data_uri("png", plot.dark), alt="", class_="darkly")
    return element("figure", light, dark)

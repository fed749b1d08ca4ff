"""What points found of a mixture, as numbers, as a table and as a picture."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from modes_methods import BATCH_SIZE, MIXTURES, STD, VANILLA, Mixture
from PIL import Image

from jgan.metrics.manifold import nearest
from jgan.metrics.modes import class_modes, mixture_modes
from jgan.reports.tables import Table, to_markdown
from jgan.rundir.atomic_files import replacing
from jgan.terminal.bars import duration

POINTS = 2500  # as VEEGAN and PacGAN draw
FAIR_SHARE = 0.25  # of points / modes, for a mode to count as covered
SHOWN, COLORS = 500, 32  # points in a panel of the picture; its palette
PANEL, LABEL, HEADING, INCHES = 2.15, 7.3, 1.1, 0.42  # of the picture; all but the last in units of images' values


@dataclasses.dataclass(frozen=True)
class Score:
    """Of one method on one mixture, a number for each seed."""

    covered: list[int]  # modes with a quarter of their fair share of high-quality points
    touched: list[int]  # modes with one, as VEEGAN and PacGAN count
    high_quality: list[float]  # share of the points, 0 to 1
    kl: list[float]  # nats, of the nearest modes of all points from the uniform distribution


@dataclasses.dataclass(frozen=True)
class Result:
    """Of one method: its score on each mixture, in the order of MIXTURES, and the time of all its runs."""

    title: str
    seconds: float
    scores: list[Score]


def score(points: np.ndarray, mixture: Mixture) -> Score:
    """Of points [seeds, n, 2]; a point is of high quality within 3 standard deviations of its nearest centre."""
    covered, touched, high_quality, kl = zip(*(_score_seed(seed, mixture) for seed in points), strict=True)
    return Score(list(covered), list(touched), list(high_quality), list(kl))


def _score_seed(points: np.ndarray, mixture: Mixture) -> tuple[int, int, float, float]:
    """Covered, touched, high quality, KL; a run that ended in numbers that are not finite found nothing."""
    if not np.isfinite(points).all():
        return 0, 0, 0.0, math.inf
    modes = len(mixture.centres)
    quarter = math.ceil(FAIR_SHARE * len(points) / modes)
    found = mixture_modes(points, mixture.centres, STD, at_least=quarter)
    touched = mixture_modes(points, mixture.centres, STD).captured
    return found.captured, touched, found.high_quality, class_modes(nearest(points, mixture.centres)[0][:, 0], modes).kl


# --- The table ---


def verdict(method: Score, vanilla: Score) -> str:
    """Whether a method helps, by the rule of the table's note: only what holds for every seed counts."""
    modes = list(zip(method.covered, vanilla.covered, strict=True))
    quality = list(zip(method.high_quality, vanilla.high_quality, strict=True))
    findings = {
        "more modes": all(mine > theirs for mine, theirs in modes),
        "fewer modes": all(mine < theirs for mine, theirs in modes),
        "better points": all(mine > theirs for mine, theirs in quality),
        "worse points": all(mine < theirs for mine, theirs in quality),
    }
    no_fewer = all(mine >= theirs for mine, theirs in modes)
    helps = findings["more modes"] or (findings["better points"] and no_fewer)
    said = ", ".join(finding for finding, holds in findings.items() if holds)
    return ("yes" if helps else "no") + (f": {said}" if said else "")


def to_text(results: Mapping[str, Result], steps: int, seeds: Sequence[int]) -> str:
    """A table for each mixture and one of times, as Markdown."""
    tables = [_table(index, mixture, results) for index, mixture in enumerate(MIXTURES)]
    times = [[result.title, duration(result.seconds)] for result in results.values()]
    tables.append(Table("Time of all runs of a method, compilation included", ["method", "time"], times))
    notes = [
        f"{steps:,} steps of {BATCH_SIZE} points, discriminator steps where the players take turns; seeds "
        f"{', '.join(map(str, seeds))}, a number for each; {POINTS:,} points drawn from the trained weights.",
        "A point is of high quality within 3 standard deviations of its nearest mode. A mode is covered with a quarter "
        "of its fair share of such points, touched with one. KL: of the nearest modes of all points from the uniform "
        "distribution, mean over seeds.",
        "The number behind a penalty is its weight; small ones were found by trial on these points.",
        "helps: yes with more modes covered than vanilla in every seed, or a larger share of high quality in every "
        "seed and no fewer modes in any. After the colon stands what holds in every seed.",
    ]
    return to_markdown([tables[0], *tables[1:-1], tables[-1]._replace(notes=notes)])


def _table(index: int, mixture: Mixture, results: Mapping[str, Result]) -> Table:
    rows = []
    for name, result in results.items():
        mine, vanilla = result.scores[index], results[VANILLA].scores[index]
        quality = ", ".join(f"{share:.0%}" for share in mine.high_quality)
        numbers = [_list(mine.covered), _list(mine.touched), quality, f"{statistics.fmean(mine.kl):.2f}"]
        rows.append([result.title, *numbers, "" if name == VANILLA else verdict(mine, vanilla)])
    header = ["method", "modes covered", "modes touched", "high quality", "KL", "helps"]
    return Table(f"The {mixture.title}", header, rows)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


# --- The picture ---


def draw_picture(points: Mapping[str, np.ndarray], steps: Sequence[int], path: Path) -> None:
    """A row of panels for each method's points [mixtures, snapshots, n, 2], the mixture in gray behind them."""
    # All panels are in one pair of axes, each 2 wide and 2 high as images' values are: 200 pairs would take a minute.
    snapshots, lines = len(steps), len(points)
    lefts = [PANEL * (column + 0.3 * (column // snapshots)) for column in range(len(MIXTURES) * snapshots)]
    left, right, bottom, top = -LABEL, lefts[-1] + PANEL / 2, PANEL * (0.5 - lines), PANEL / 2 + HEADING
    figure = Figure(figsize=(INCHES * (right - left), INCHES * (top - bottom)), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(bottom, top))
    axes.axis("off")
    for index, (title, drawn) in enumerate(points.items()):
        axes.text(-1.4, -PANEL * index, title, ha="right", va="center", fontsize=9)
        for middle, panel in zip(lefts, drawn.reshape(-1, *drawn.shape[2:]), strict=True):
            _draw_panel(axes, (middle, -PANEL * index), MIXTURES[lefts.index(middle) // snapshots], panel)
    for middle, step in zip(lefts, [*steps] * len(MIXTURES), strict=True):
        axes.text(middle, PANEL / 2, f"{step:,} steps", ha="center", va="bottom", fontsize=8)
    for index, mixture in enumerate(MIXTURES):
        axes.text(lefts[index * snapshots] - 1, top - 0.1, mixture.title, va="top", fontsize=9, weight="bold")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(COLORS)
    with replacing(path) as partial:
        picture.save(partial, format="PNG", optimize=True)


def _draw_panel(axes: Axes, middle: tuple[float, float], mixture: Mixture, points: np.ndarray) -> None:
    centres = mixture.centres + middle
    axes.add_patch(Rectangle((middle[0] - 1, middle[1] - 1), 2, 2, fill=False, linewidth=0.4, edgecolor="#a0a0a0"))
    axes.scatter(*centres.T, s=26, color="#d0d0d0", linewidths=0)
    axes.scatter(*(points[:SHOWN] + middle).T, s=1.2, color="#c8102e", linewidths=0)

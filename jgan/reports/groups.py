"""Runs that belong together - the seeds of a sweep's point - and their means and spreads."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jgan.metrics.comparison import better_way
from jgan.metrics.scores import Better
from jgan.reports.markup import as_text, plain
from jgan.reports.record import RECORD, SweepRun, read_failures, read_record, short_path
from jgan.reports.runs import Numbers, Run, is_run, read_run
from jgan.reports.settings import disagreement, left_out
from jgan.rundir.paths import nearest_path
from jgan.rundir.pictures import Curve
from jgan.types import UserError


@dataclasses.dataclass(frozen=True)
class Group:
    """A point of a sweep with its seeds, or one run by itself."""

    number: int  # from 1
    title: str
    values: dict[str, Any]  # path to value of the grid's fields; {} for a run by itself
    runs: list[Run]

    @property
    def finished(self) -> list[Run]:
        """The runs that count for means."""
        return [run for run in self.runs if run.is_finished]

    @property
    def disagreement(self) -> str | None:
        """How the evaluations of its runs were measured differently, so that they have no mean; None: all alike."""
        return disagreement(self.runs)

    def short(self, run: Run) -> str:
        """The run's name where room is scarce: "2", or "2, seed 1"."""
        return f"{self.number}" if run.seed is None else f"{self.number}, seed {run.seed}"


class Spread(NamedTuple):
    """Mean and sample standard deviation (ddof 1; None of a single value), and of how many runs."""

    mean: float
    std: float | None
    runs: int

    @classmethod
    def over(cls, values: Sequence[float]) -> Spread | None:
        """Of some finite values; None of none."""
        if not values:
            return None
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))

    def __str__(self) -> str:
        return f"{self.mean:.4g}" + ("" if self.std is None else f" ± {self.std:.2g}")


@dataclasses.dataclass(frozen=True)
class Standing:
    """A score of a group's finished runs: at their last evaluation, and at each one's best.

    There is neither of runs that were measured differently.
    """

    runs: int  # that have the score, be it infinite
    final: Spread | None
    best: Spread | None
    best_steps: list[int]


def collect(workdirs: Sequence[Path]) -> list[Group]:
    """The runs of all directories; one of a sweep stands for its runs.

    Raises:
      UserError: a directory is neither a run nor a sweep, or is given twice.
    """
    groups: list[Group] = []
    for index, workdir in enumerate(workdirs):
        if workdir.resolve() in [other.resolve() for other in workdirs[:index]]:
            raise UserError(f"--workdir={workdir}: given twice; give it once")
        if (workdir / RECORD).exists():
            groups += _sweep(workdir, len(groups), f"{workdir}/" if len(workdirs) > 1 else "")
        elif is_run(workdir):
            groups.append(Group(len(groups) + 1, str(workdir), {}, [read_run(workdir, str(workdir))]))
        else:
            hint = nearest_path(workdir)
            raise UserError(f"--workdir={workdir}: neither a run (config.json) nor a sweep ({RECORD}) is there{hint}")
    return groups


def _sweep(workdir: Path, before: int, prefix: str) -> list[Group]:
    record, failures = read_record(workdir), read_failures(workdir)
    assert record is not None, "the caller has seen it"
    points: dict[str, list[SweepRun]] = {}
    for run in record.runs:
        points.setdefault(run.point, []).append(run)
    fields = list(dict.fromkeys(field for run in record.runs for field in run.values))
    groups = []
    for number, planned in enumerate(points.values(), start=before + 1):
        runs = [read_run(workdir / run.name, prefix + run.name, run.seed, failures.get(run.name)) for run in planned]
        groups.append(Group(number, prefix + _title(planned[0].values, fields), planned[0].values, runs))
    return groups


def _title(values: dict[str, Any], fields: Sequence[str]) -> str:
    parts = [f"{short_path(field, fields)}={as_text(value)}" for field, value in values.items()]
    return ", ".join(parts) or "the config as it is"


def ranked_scores(groups: Iterable[Group]) -> list[str]:
    """The scores that rank runs, as in "averaged/fid": the one that chooses best checkpoints first, averages first."""
    runs = [run for group in groups for run in group.runs]
    names = {name for run in runs for line in run.comparable for name in line if "/" in name and _ranks(name)}
    chosen = {_chosen_score(run) for run in runs}
    return sorted(names, key=lambda name: (name not in chosen, not name.startswith("averaged/"), name))


def _chosen_score(run: Run) -> str | None:
    """The score by which a run keeps its best checkpoint: the one its config names, or its first."""
    if best := run.config.get("evaluation.best"):
        return f"averaged/{best}"
    return next((name for line in run.comparable for name in line if "/" in name and _ranks(name)), None)


def side_figures(groups: Iterable[Group]) -> list[str]:
    """What evaluations.jsonl says beside the scores that rank runs."""
    lines = [line for group in groups for run in group.runs for line in run.comparable]
    return sorted({name for line in lines for name in line if "/" in name and not _ranks(name)})


def _ranks(name: str) -> bool:
    return way_of(name) is not None


def way_of(name: str) -> Better | None:
    """Which way a score improves, as in "averaged/fid"; None: it does not rank runs."""
    return better_way(name.partition("/")[2])


def standing(group: Group, score: str) -> Standing:
    """How the group's finished runs did by a score."""
    evaluated = [points for run in group.finished if (points := _points(run.comparable, score))]
    if group.disagreement:
        return Standing(runs=len(evaluated), final=None, best=None, best_steps=[])
    finite = [[point for point in points if math.isfinite(point[1])] for points in evaluated]
    choose = max if way_of(score) == "higher" else min
    best = [choose(points, key=lambda point: point[1]) for points in finite if points]  # the first of equal ones
    return Standing(
        runs=len(evaluated),
        final=Spread.over([points[-1][1] for points in evaluated if math.isfinite(points[-1][1])]),
        best=Spread.over([value for _, value in best]),
        best_steps=[step for step, _ in best],
    )


def _points(lines: Numbers, name: str) -> list[tuple[int, float]]:
    return [(int(line["step"]), line[name]) for line in lines if name in line]


def notes(groups: Sequence[Group]) -> list[str]:
    """Which scores are left out of means and curves, and which do not compare, since they were measured differently."""
    lines = [f"{run.name}: {note}." for group in groups for run in group.runs if (note := left_out(run))]
    for group in groups:
        if group.disagreement:
            title = f"{group.number}  {group.title}"
            lines.append(f"{title}: measured differently, so it has no mean: {group.disagreement}.")
    alike = [run for group in groups if not group.disagreement for run in group.runs]
    if difference := disagreement(alike):
        lines.append(f"Not all rows compare, since they were measured differently: {difference}.")
    return lines


def curve(group: Group, name: str) -> Curve | None:
    """Mean and sample standard deviation, at every number of images, over the runs with a finite `name` there.

    Scores of runs that were measured differently have none.
    """
    values: dict[float, list[float]] = {}
    for run in group.runs:
        for line in [*run.metrics, *([] if group.disagreement else run.comparable)]:
            if math.isfinite(line.get(name, math.nan)):
                values.setdefault(line["images_seen"], []).append(line[name])
    if not values:
        return None
    x = sorted(values)
    spreads = [np.std(values[images], ddof=1) if len(values[images]) > 1 else 0.0 for images in x]
    means = np.array([np.mean(values[images]) for images in x])
    return Curve(group.number, plain(group.title), np.array(x), means, np.array(spreads))

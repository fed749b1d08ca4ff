"""A run directory as data. What cannot be read is named among the problems, and the rest is read all the same."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jgan import config as configs
from jgan.errors import shown
from jgan.reports.offline import Result, provenance, result_files
from jgan.rundir.animation import grids
from jgan.rundir.atomic_files import NOT_FINITE, read_lines
from jgan.rundir.checkpoints import newest_step
from jgan.types import UserError
from jgan.untrusted.json_data import read_json

Part = TypeVar("Part")
Numbers = list[dict[str, float]]  # lines by step: "step", "images_seen", "discriminator/loss", ...

STARTS = ("starting", "resuming")  # how events.jsonl notes the start of a process


class Evaluation(NamedTuple):
    """A line of evaluations.jsonl."""

    scores: dict[str, float]  # "averaged/fid", ...; "step" and "images_seen" too
    settings: dict[str, Any]  # path to value of all that the scores depend on; {} of a line that does not say


@dataclasses.dataclass(frozen=True)
class Run:
    """One run directory."""

    name: str
    workdir: Path
    config: dict[str, Any]  # path to value of config.json, the types included; {} where there is none
    step: int | None  # of the newest checkpoint
    total: int | None  # steps that the config asks for
    metrics: Numbers
    timings: Numbers
    evaluations: list[Evaluation]
    events: list[dict[str, Any]]
    starts: list[dict[str, Any]]  # environment.json, an entry for every start
    offline: list[Result]  # of eval/, the newest first
    picture: Path | None  # the newest grid of samples
    problems: list[str]
    seed: int | None  # of a run of a sweep
    failure: str | None  # how it ended, where a sweep saw it fail

    @property
    def is_finished(self) -> bool:
        """Whether its newest checkpoint is that of its last step."""
        return self.step is not None and self.total is not None and self.step >= self.total

    @property
    def status(self) -> str:
        """In one word or two."""
        if self.is_finished:
            return "finished"
        if self.failure is not None:
            return "failed"
        if not is_run(self.workdir):
            return "not started"
        return "unfinished" if self.total is not None else "damaged"

    @property
    def settings(self) -> dict[str, Any]:
        """What the last evaluation was measured with: path to value; {} where it does not say."""
        return self.evaluations[-1].settings if self.evaluations else {}

    @property
    def comparable(self) -> Numbers:
        """The evaluations that were measured as the last one was; others do not compare with them."""
        return [line.scores for line in self.evaluations if line.settings == self.settings]

    @property
    def picture_step(self) -> int | None:
        """The step of the newest grid of samples."""
        return int(self.picture.stem.rpartition("_")[2]) if self.picture else None

    @property
    def seconds(self) -> float:
        """Training time over all starts, compilation included; of steps that were lost and done again, only once."""
        begins = [event["step"] for event in self.events if event["event"].startswith(STARTS)]
        by_start: dict[int, float] = {}
        for line in self.timings:
            start = max((index for index, begin in enumerate(begins) if begin < line["step"]), default=-1)
            by_start[start] = max(by_start.get(start, 0.0), line.get("time/seconds", 0.0))
        return math.fsum(by_start.values())

    @property
    def images_per_second(self) -> float | None:
        """Median over the log's windows."""
        rates = [line["time/images_per_second"] for line in self.timings if "time/images_per_second" in line]
        return statistics.median(rates) if rates else None


def is_run(workdir: Path) -> bool:
    """Whether a run has begun in the directory."""
    return any((workdir / name).exists() for name in ("config.json", "metrics.jsonl", "checkpoints"))


def read_run(workdir: Path, name: str, seed: int | None = None, failure: str | None = None) -> Run:
    """Reads what is there; a directory in which no run has begun is read as one without steps."""
    problems: list[str] = []

    def part(read: Callable[[Path], Part], file: str, empty: Part) -> Part:
        path = workdir / file
        try:
            return read(path) if path.exists() else empty
        except (UserError, OSError, RecursionError) as error:
            problems.append(str(error) if isinstance(error, UserError) else f"{path}: {error}")
            return empty

    results = [part(_read_results, f"eval/{path.name}", []) for path in part(result_files, "eval", [])]
    if is_run(workdir) and not (workdir / "config.json").exists():
        problems.append(f"{workdir / 'config.json'}: no such file")
    return Run(
        name=name,
        workdir=workdir,
        config=part(lambda path: configs.flatten_data(configs.read_saved(path)), "config.json", {}),
        step=newest_step(workdir),
        total=part(_total, "config.json", None),
        metrics=part(_read_curves, "metrics.jsonl", []),
        timings=part(_read_numbers, "timings.jsonl", []),
        evaluations=part(_read_evaluations, "evaluations.jsonl", []),
        events=part(_read_events, "events.jsonl", []),
        starts=part(_read_starts, "environment.json", []),
        offline=[result for file in results for result in file],
        picture=part(_newest_picture, "samples", None),
        problems=list(dict.fromkeys(problems)),  # the config is read twice
        seed=seed,
        failure=failure,
    )


def _total(path: Path) -> int:
    return sum(stage.steps for stage in configs.load(path.parent).stages)


def _read_curves(path: Path) -> Numbers:
    return [_curve_numbers(path, line) for line in read_lines(path)]


def _read_evaluations(path: Path) -> list[Evaluation]:
    evaluations = []
    for line in read_lines(path):
        settings = line.pop("settings", {})
        if not isinstance(settings, dict):
            raise UserError(f"{path}: settings={shown(settings)} is not an object; mend it, or move the file away")
        evaluations.append(Evaluation(_curve_numbers(path, line), configs.flatten_data(settings)))
    return evaluations


def _curve_numbers(path: Path, line: dict[str, Any]) -> dict[str, float]:
    numbers = _numbers(path, line)
    if not 0 <= numbers.get("images_seen", -1.0) < math.inf:
        raise UserError(f"{path}: step {numbers['step']:.0f} has no images_seen; mend it, or move the file away")
    return numbers


def _read_numbers(path: Path) -> Numbers:
    return [_numbers(path, line) for line in read_lines(path)]


def _numbers(path: Path, data: dict[str, Any]) -> dict[str, float]:
    """Raises UserError where a value is not a number that a float can hold."""
    numbers = {}
    for name, value in data.items():
        try:
            if isinstance(value, bool) or not (isinstance(value, (int, float)) or value in NOT_FINITE):
                raise ValueError
            numbers[name] = float(value)
        except (ValueError, OverflowError):
            raise UserError(f"{path}: {name}={shown(value)} is not a number; mend it, or move the file away") from None
    return numbers


def _read_events(path: Path) -> list[dict[str, Any]]:
    lines = read_lines(path)
    for line in lines:
        if not isinstance(line.get("event"), str):
            raise UserError(f"{path}: step {line['step']} has no event; mend it, or move the file away")
    return lines


def _read_starts(path: Path) -> list[dict[str, Any]]:
    starts = read_json(path, "move the file away")
    if not isinstance(starts, list) or not all(isinstance(start, dict) for start in starts):
        raise UserError(f"{path}: expected a list of starts; move the file away")
    return starts


def _read_results(path: Path) -> list[Result]:
    """Of one file. Raises UserError where it is not what jgan evaluate writes."""
    data = read_json(path, "move the file away")
    if not isinstance(data, dict) or not isinstance(data.get("scores"), dict):
        raise UserError(f"{path}: expected the scores of jgan evaluate; move the file away")
    warnings = data.get("warnings", [])
    if not isinstance(warnings, list):
        raise UserError(f"{path}: warnings={shown(warnings)} is not a list; move the file away")
    return [Result(path.name, _numbers(path, data["scores"]), provenance(data), list(map(str, warnings)))]


def _newest_picture(directory: Path) -> Path | None:
    return max(grids(directory), default=(0, None))[1]

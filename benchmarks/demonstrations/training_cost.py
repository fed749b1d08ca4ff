"""Trainings of demonstrations, as processes, and what they cost in all: a run that goes on adds to what it has cost."""

from __future__ import annotations

import dataclasses
import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from jgan.ablation.subprocesses import ProcessResult, Subprocesses
from jgan.reports.runs import is_run
from jgan.rundir.atomic_files import write_json
from jgan.rundir.new_directories import make_directory

COST = "cost.json"


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of training, start and compilation included."""

    seconds: float
    cpu_seconds: float  # of one core


def train(subprocesses: Subprocesses, workdir: Path, words: Sequence[str]) -> ProcessResult:
    """Trains, and adds the cost to what the run has cost before."""
    before = read_cost(workdir)
    make_directory(workdir, "--out")
    # Until the end is known: should this process be killed, the cost is said to be unknown.
    write_json(workdir / COST, None)
    wall, cpu = time.perf_counter(), cpu_seconds_of_children()
    ending = subprocesses.run(words)
    if before is not None:
        seconds, cpu_seconds = time.perf_counter() - wall, cpu_seconds_of_children() - cpu
        total = Cost(before.seconds + seconds, before.cpu_seconds + cpu_seconds)
        write_json(workdir / COST, dataclasses.asdict(total))
    return ending


def read_cost(workdir: Path) -> Cost | None:
    """Of training so far; None where it is not known."""
    path = workdir / COST
    if not path.exists():
        return None if is_run(workdir) else Cost(0.0, 0.0)
    found = json.loads(path.read_text())
    return Cost(**found) if found else None


def cpu_seconds_of_children() -> float:
    """Of those that have ended, on all cores."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

"""sweep.json: which runs a sweep consists of, and failures.json: why some of them did not finish."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jgan.rundir.files import as_json, write_json
from jgan.rundir.renames import with_new_names
from jgan.types import UserError

RECORD, FAILURES = "sweep.json", "failures.json"


@dataclasses.dataclass(frozen=True)
class SweepRun:
    """One run of a sweep, in the directory `name` of it: a point of the grid (path to value) and a seed."""

    name: str
    values: dict[str, Any]
    seed: int

    @property
    def key(self) -> str:
        """Equal for runs of the same values and seed."""
        return as_json([self.values, self.seed], indent=None, sort_keys=True)

    @property
    def point(self) -> str:
        """Equal for runs of the same values."""
        return as_json(self.values, indent=None, sort_keys=True)


@dataclasses.dataclass(frozen=True)
class Record:
    """What sweep.json holds."""

    config: str  # the config file, as it was named last
    overrides: list[str]  # of all runs
    grid: list[str]  # as given last
    seeds: int  # as given last
    base: Any  # the config without the grid, as data
    runs: list[SweepRun]  # of every grid so far


def short_path(path: str, paths: Iterable[str]) -> str:
    """The shortest end of a config field's path that none of the other paths has."""
    parts = path.split(".")
    ends = [".".join(parts[start:]) for start in reversed(range(len(parts)))]
    others = [other for other in paths if other != path]
    return next((end for end in ends if not any(f".{other}".endswith(f".{end}") for other in others)), path)


def read_record(workdir: Path) -> Record | None:
    """The record of a sweep's directory; None where there is none.

    Raises:
      UserError: the file is not what a sweep writes.
    """
    path = workdir / RECORD
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_bytes())
        data["base"] = with_new_names(data["base"])
        runs = [SweepRun(**run) for run in data.pop("runs")]
        record = Record(**data, runs=runs)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: not what a sweep writes ({error}); mend it, or move it away") from None
    for run in runs:
        _check_run(path, run)
    return record


def _check_run(path: Path, run: SweepRun) -> None:
    """Raises UserError for a run of another shape, or one that lies outside of the sweep's directory."""
    typed = isinstance(run.name, str) and isinstance(run.values, dict) and isinstance(run.seed, int)
    if not typed or run.name in ("", "..") or Path(run.name).name != run.name:
        raise UserError(f"{path}: {run.name!r} is not a run that a sweep writes; mend it, or move it away")


def write_record(workdir: Path, record: Record) -> None:
    """Writes sweep.json, whole or not at all."""
    write_json(workdir / RECORD, dataclasses.asdict(record))


def read_failures(workdir: Path) -> dict[str, str]:
    """Why runs ended without finishing, by name.

    Raises:
      UserError: the file is not what a sweep writes.
    """
    path = workdir / FAILURES
    if not path.exists():
        return {}
    try:
        failures = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not what a sweep writes ({error}); remove it") from None
    if not isinstance(failures, dict):
        raise UserError(f"{path}: not what a sweep writes; remove it")
    return {name: str(reason) for name, reason in failures.items()}


def write_failures(workdir: Path, failures: dict[str, str]) -> None:
    """Writes failures.json, whole or not at all."""
    write_json(workdir / FAILURES, failures)

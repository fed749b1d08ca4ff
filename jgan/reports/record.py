"""sweep.json: which runs a sweep consists of, and failures.json: why some of them did not finish."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jgan.rundir.atomic_files import as_json, write_json
from jgan.rundir.renames import with_new_names
from jgan.types import UserError
from jgan.untrusted.fields import Rule, checked_file, list_of, map_of, matching, text, whole
from jgan.untrusted.json_data import read_json

RECORD, FAILURES = "sweep.json", "failures.json"
MEND = "mend it, or move it away"
MAX_RUNS = 100_000
# A run lies in the directory of its sweep, under its name there.
NAME = matching(r"(?!\.{1,2}$)[^/\\\x00-\x1f]{1,255}", "the name of a folder in that of the sweep")
VALUE = Rule(lambda value: value is None or isinstance(value, bool | int | float | str | list), "a value")
RUN_FIELDS = {"name": NAME, "values": map_of(VALUE, MAX_RUNS), "seed": whole(-(2**63))}
FIELDS = {
    "config": text(),
    "overrides": list_of(text(), MAX_RUNS),
    "grid": list_of(text(), MAX_RUNS),
    "seeds": whole(0),
    "base": Rule(lambda value: isinstance(value, dict), "an object"),
    "runs": list_of(Rule(lambda value: isinstance(value, dict), "an object"), MAX_RUNS),
}


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
    data = checked_file(path, read_json(path, MEND), FIELDS, MEND)
    runs = [SweepRun(**checked_file(path, run, RUN_FIELDS, MEND)) for run in data["runs"]]
    return Record(**data | {"base": with_new_names(data["base"]), "runs": runs})


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
    failures = read_json(path, "remove it")
    if not isinstance(failures, dict):
        raise UserError(f"{path}: expected an object with a reason for each run; remove it")
    return {name: str(reason) for name, reason in failures.items()}


def write_failures(workdir: Path, failures: dict[str, str]) -> None:
    """Writes failures.json, whole or not at all."""
    write_json(workdir / FAILURES, failures)

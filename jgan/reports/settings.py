"""What evaluations were measured with. Scores of different settings are neither averaged nor ranked together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jgan.reports.markup import as_text
from jgan.reports.runs import Run

NOT_RECORDED = "not recorded"


def disagreement(runs: Sequence[Run]) -> str | None:
    """The first setting in which the evaluations of runs differ: "num_samples is 500 in a, 512 in b"; None: in none."""
    evaluated = [run for run in runs if run.evaluations]
    for run in evaluated[1:]:
        first = evaluated[0]
        if (path := _first_difference(first.settings, run.settings)) is not None:
            was, now = _value(first.settings, path), _value(run.settings, path)
            return f"{path} is {was} in {first.name}, {now} in {run.name}"
    return None


def left_out(run: Run) -> str | None:
    """Which evaluations of a run do not count since its last one has other settings; None: all count."""
    others = [line.settings for line in run.evaluations if line.settings != run.settings]
    if not others:
        return None
    path = _first_difference(others[0], run.settings)
    assert path is not None, "the settings differ"
    change = f"{path} was {_value(others[0], path)}, and is {_value(run.settings, path)} at the last one"
    return f"{len(others)} of {len(run.evaluations)} evaluations do not count: {change}"


def _first_difference(some: dict[str, Any], others: dict[str, Any]) -> str | None:
    both = some.keys() & others.keys()
    return next((path for path in {**some, **others} if path not in both or some[path] != others[path]), None)


def _value(settings: dict[str, Any], path: str) -> str:
    return as_text(settings[path]) if path in settings else NOT_RECORDED

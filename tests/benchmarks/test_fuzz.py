"""A few inputs of every kind that jgan reads; `make fuzz` tries thousands."""

import subprocess
from pathlib import Path

import fuzz
import pytest
from fuzz_judging import FAULT, judge

from jgan.types import UserError


@pytest.mark.parametrize("name", fuzz.KINDS)
def test_odd_inputs_are_taken_or_refused_in_one_line(name):
    tally = fuzz.Tally()
    fuzz.try_kind(name, 3, 0, lambda given, verdict: verdict and tally.add(repr(given), verdict))
    assert tally.outcomes.total() == 3
    assert not tally.faults, next(iter(tally.faults.values()))


def refuse(error):
    raise error


@pytest.mark.parametrize(
    ("take", "reason"),
    [
        (lambda: refuse(ZeroDivisionError("no")), "ZeroDivisionError"),
        (lambda: refuse(UserError("expected something else")), "names neither file nor flag"),
        (lambda: Path("../beside").write_text("x"), "left its folder"),
        (lambda: Path("../canary.png").read_bytes(), "left its folder"),
        (lambda: subprocess.run(["true"], check=True), "left its folder: subprocess.Popen"),
        (lambda: print("\x1b[2J"), "control character"),
    ],
    ids=["exception", "no name", "writes", "reads", "program", "control"],
)
def test_faults_are_seen(take, reason, tmp_path, monkeypatch):
    (tmp_path / "canary.png").touch()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    verdict = judge(take, ("a.json",), tmp_path / "work")
    assert verdict.outcome == FAULT
    assert reason in verdict.reason
    assert judge(lambda: refuse(UserError("a.json: not so")), ("a.json",), tmp_path / "work").outcome == "refused"

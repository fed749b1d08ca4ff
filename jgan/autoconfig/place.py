"""The directory of a run that was not given one: runs/<data>-<family>-<n>, never one that is there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from jgan import config as configs
from jgan.config import Config
from jgan.rundir.atomic_files import make_directory, replacing
from jgan.types import UserError

RUNS = Path("runs")
CONFIG = "config.py"
SAVED = "config.json"  # what a run goes on from, which is there before config.py
BEFORE_TRAINING = {CONFIG, SAVED, ".lock"}  # a directory of no more than these holds nothing that was trained


def new_workdir(name: str, runs: Path = RUNS) -> tuple[Path, Path | None]:
    """Makes `<runs>/<name>-<n>` with the first n above all others, and returns it and the run before, if any.

    Raises:
      UserError: it cannot be made.
    """
    make_directory(runs, "--workdir")
    while True:
        numbers = [
            int(match[1]) for path in runs.iterdir() if (match := re.fullmatch(re.escape(name) + r"-(\d+)", path.name))
        ]
        last = max(numbers, default=0)
        workdir = runs / f"{name}-{last + 1}"
        try:
            workdir.mkdir()  # fails where another process has just made it
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"--workdir={workdir}: cannot write there ({error.strerror}); give another") from None
        earlier = runs / f"{name}-{last}"
        return workdir, earlier if (earlier / SAVED).is_file() else None


def check_unused(workdir: Path, resume: str) -> None:
    """Raises UserError, with the command that resumes, where a directory holds a run or its config."""
    if (workdir / SAVED).exists() or (workdir / CONFIG).exists():
        raise UserError(f"--workdir={workdir}: holds a run; go on with it by `{resume}`, or give another directory")


@contextlib.contextmanager
def holding_config(workdir: Path, config: Config, text: str) -> Iterator[Path]:
    """Writes config.json, then `text` as config.py; they go again where the block raises before there is more.

    In this order, each whole: a start killed after the first goes on by `--workdir`, one killed before begins anew.
    """
    make_directory(workdir, "--workdir")
    configs.save(config, workdir / SAVED)
    path = workdir / CONFIG
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    try:
        yield path
    except UserError:
        left = {entry.name for entry in workdir.iterdir()}
        if left <= BEFORE_TRAINING:
            for name in left:
                (workdir / name).unlink()
            workdir.rmdir()
        raise

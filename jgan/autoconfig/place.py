"""The directory of a run that was not given one: runs/<data>-<family>-<n>, never one that is there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from jgan import config as configs
from jgan.config import Config
from jgan.rundir.atomic_files import replacing
from jgan.rundir.new_directories import making_directory, taking_back
from jgan.types import UserError

RUNS = Path("runs")
CONFIG = "config.py"
SAVED = "config.json"  # what a run goes on from, which is there before config.py
BEFORE_TRAINING = {CONFIG, SAVED}  # a directory of no more than these holds nothing that was trained


@contextlib.contextmanager
def new_workdir(name: str, runs: Path = RUNS) -> Iterator[tuple[Path, Path | None]]:
    """Makes `<runs>/<name>-<n>` with the first n above all others, for it and the run before, if any.

    After the block it goes again where it is empty.

    Raises:
      UserError: it cannot be made.
    """
    with making_directory(runs, "--workdir"):
        workdir, earlier = _made(name, runs)
        try:
            yield workdir, earlier if (earlier / SAVED).is_file() else None
        finally:
            with contextlib.suppress(OSError):  # not empty
                workdir.rmdir()


def _made(name: str, runs: Path) -> tuple[Path, Path]:
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
        return workdir, runs / f"{name}-{last}"


def check_unused(workdir: Path, resume: str) -> None:
    """Raises UserError, with the command that resumes, where a directory holds a run or its config."""
    if (workdir / SAVED).exists() or (workdir / CONFIG).exists():
        raise UserError(f"--workdir={workdir}: holds a run; go on with it by `{resume}`, or give another directory")


@contextlib.contextmanager
def holding_config(workdir: Path, config: Config, text: str) -> Iterator[Path]:
    """Writes config.json, then `text` as config.py; they go again where the block raises before there is more.

    In this order, each whole: a start killed after the first goes on by `--workdir`, one killed before begins anew.
    """
    with making_directory(workdir, "--workdir"), taking_back(workdir, BEFORE_TRAINING):
        configs.save(config, workdir / SAVED)
        path = workdir / CONFIG
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
        yield path

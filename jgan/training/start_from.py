"""From where a new run takes its first state: a run, its best one, a checkpoint; start.json remembers it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from jgan import config as configs
from jgan.config import Config, from_data
from jgan.rundir.atomic_files import write_json
from jgan.rundir.checkpoints import CHECKPOINTS, Checkpoints, newest_step
from jgan.rundir.paths import nearest_path
from jgan.rundir.renames import with_new_names
from jgan.setup import Setup, shapes_from_data, state_target
from jgan.types import TrainState, UserError, schedule
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.json_data import MAX_JSON_BYTES, parse_json

START = "start.json"  # of a run directory: from where its first state came, and what of it


@dataclasses.dataclass(frozen=True)
class StartFrom:
    """From where a new run takes its first state."""

    path: Path  # a run, its checkpoints/ or best/, or one checkpoint there
    keep_step: bool = False  # count on from its step, so that stages and schedules go on; otherwise from 0

    @property
    def given(self) -> dict[str, Any]:
        """As start.json holds it, by which the same command is known again."""
        return {"from": str(self.path.absolute()), "keep_step": self.keep_step}


def find_start(workdir: Path, given: StartFrom | None) -> StartFrom | None:
    """From where the first state of `workdir` comes; None where it is there already, or is a new one.

    A directory whose start was cut short before its first checkpoint remembers it.

    Raises:
      UserError: the directory holds a run that was not started so.
    """
    recorded = recorded_start(workdir)
    if newest_step(workdir) is None:
        start = given or recorded
        if start is not None:
            _check_origin(start, "" if given else f"{workdir / START}: ")
        return start
    if given is not None and (recorded is None or recorded.given != given.given):
        raise UserError(
            f"--from={given.path}: --workdir={workdir} holds a run that began otherwise; go on with it without --from, "
            "or choose another directory"
        )
    return None


def _check_origin(start: StartFrom, said_by: str) -> None:
    """Raises UserError, before anything is written, where there is nothing to start from."""
    try:
        open_origin(start.path)
    except UserError as error:
        raise UserError(f"{said_by}{error}") from None


def recorded_start(workdir: Path) -> StartFrom | None:
    """What start.json of a directory says; None where there is none.

    Raises:
      UserError: it is not what was written.
    """
    path = workdir / START
    if not path.is_file():
        return None
    try:
        data = parse_json(read_file(path, MAX_JSON_BYTES))
        if not isinstance(data["keep_step"], bool):
            raise TypeError("keep_step is neither true nor false")
        return StartFrom(Path(data["from"]), data["keep_step"])
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{path}: not what was written; move it away, and give --from again") from None


def write_start(workdir: Path, start: StartFrom, more: dict[str, Any] | None = None) -> None:
    """Writes start.json, whole or not at all."""
    write_json(workdir / START, {**start.given, **(more or {})})


@dataclasses.dataclass(frozen=True)
class Origin:
    """The checkpoint that a run begins from."""

    checkpoint: Path
    step: int
    config: Config
    record: dict[str, Any]
    checkpoints: tuple[Path, str]  # its run, and the folder of it

    def target(self, setup: Setup) -> TrainState:
        """Shapes of its state, laid out on the devices of `setup`."""
        batches = shapes_from_data(self.record["batches"])
        return state_target(self.config, schedule(self.config.stages), batches, setup.sharding)

    def restore(self, setup: Setup) -> TrainState:
        """Its state, on the devices of `setup`, without frozen weights."""
        target = self.target(setup)
        checkpoints = Checkpoints(*self.checkpoints, read_only=True)
        checkpoint = checkpoints.restore(target, self.step)
        checkpoints.close()
        assert checkpoint is not None, "open_origin found it"
        return checkpoint.state


def open_origin(path: Path) -> Origin:
    """The newest whole checkpoint that a path means, and the config of its run.

    Raises:
      UserError: there is none.
    """
    run, folder, step = _place(path)
    checkpoints = Checkpoints(run, folder, read_only=True)
    steps = checkpoints.steps()
    record = checkpoints.newest_record(step)
    checkpoints.close()
    if record is None:
        raise UserError(f"--from={path}: no checkpoint there; expected a run, or one of its checkpoints/")
    step = step if step is not None else record.get("step", max(steps))
    saved = record.get("config")  # of a checkpoint that an earlier version wrote its run knows
    config: Any = configs.load(run) if saved is None else from_data(with_new_names(saved))
    return Origin(checkpoints.directory / str(step), step, config, record, (run, folder))


def _place(path: Path) -> tuple[Path, str, int | None]:
    """The run, the folder of its checkpoints and, where one alone is meant, its step."""
    if not path.is_dir():
        hint = nearest_path(path)
        raise UserError(f"--from={path}: no such directory; expected a run, or one of its checkpoints/{hint}")
    path = path.absolute()
    if (path / CHECKPOINTS).is_dir():
        return path, CHECKPOINTS, None
    if (path / "state").is_dir() and path.name.isdecimal():
        return path.parents[1], path.parent.name, int(path.name)
    return path.parent, path.name, None

"""A new run from another run's state: what of it fits is taken, and start.json says what."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan import config as configs
from jgan.config import Config, from_data
from jgan.engine.matching import Matching, by_path, match
from jgan.engine.step import PLAYERS
from jgan.rundir.atomic_files import write_json
from jgan.rundir.checkpoints import CHECKPOINTS, Checkpoints, newest_step
from jgan.rundir.paths import nearest_path
from jgan.rundir.renames import with_new_names
from jgan.setup import Setup, shapes_from_data, state_target
from jgan.types import Player, PlayerName, TrainState, UserError, schedule
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.json_data import MAX_JSON_BYTES, parse_json

START = "start.json"  # of a run directory: from where its first state came, and what of it
NAMED = 4  # tensors that a note names; start.json names all


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
    recorded = _recorded(workdir / START)
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


def _recorded(path: Path) -> StartFrom | None:
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

    def restore(self, setup: Setup) -> TrainState:
        """Its state, on the devices of `setup`, without frozen weights."""
        batches = shapes_from_data(self.record["batches"])
        target = state_target(self.config, schedule(self.config.stages), batches, setup.sharding)
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


def begin(setup: Setup, state: TrainState, origin: Origin, start: StartFrom) -> tuple[TrainState, Matching]:
    """The fresh `state` of a run with all that fits of another's: weights, averages, optimizers, extras.

    A player's optimizer is taken whole or not at all: moments that are new beside a count that is not would make steps
    many times too long.

    Raises:
      UserError: nothing fits, or the step to count on from is not before the end of the run.
    """
    total = sum(stage.steps for stage in setup.stages)
    if start.keep_step and origin.step >= total:
        raise UserError(
            f"--keep_step: {origin.checkpoint} is at step {origin.step}, and this run ends at {total}; make it longer "
            f"by --config.stages[{len(setup.stages) - 1}].steps, or leave --keep_step out"
        )
    source = origin.restore(setup)
    matchings: list[Matching] = []
    players = {}
    for name in PLAYERS:
        players[name], matching = _match_player(name, source, state, _same_optimizer(name, origin.config, setup.config))
        matchings.append(matching)
    extras, matching = match(source.extras, state.extras, "extras/")
    if not any("/params/" in path for part in matchings for path in part.taken):
        raise UserError(
            f"--from={start.path}: no tensor of its networks has the name and the shape of one of this config's; "
            "take the config of that run, or one near it"
        )
    step = jax.device_put(np.int32(origin.step), state.step.sharding) if start.keep_step else state.step
    return state.replace(step=step, extras=extras, **players), Matching.joined([*matchings, matching])


def _match_player(name: PlayerName, source: TrainState, state: TrainState, same: bool) -> tuple[Player, Matching]:
    theirs, ours = getattr(source, name), getattr(state, name)
    weights, matching = match(theirs.replace(opt_state=()), ours.replace(opt_state=()), f"{name}/")
    prefix = f"{name}/opt_state/"
    opt_state, moments = match(theirs.opt_state, ours.opt_state, prefix)
    if not same or moments.new or moments.left:
        offered, wanted = by_path(theirs.opt_state, prefix), by_path(ours.opt_state, prefix)
        opt_state = ours.opt_state
        shapes = ({path: leaf.shape for path, leaf in leaves.items()} for leaves in ({}, offered, wanted))
        moments = Matching(*shapes)
    return weights.replace(opt_state=opt_state), Matching.joined([matching, moments])


def _same_optimizer(name: PlayerName, theirs: Config, ours: Config) -> bool:
    return type(getattr(theirs, f"{name}_optimizer")) is type(getattr(ours, f"{name}_optimizer"))


def in_words(origin: Origin, matching: Matching) -> str:
    """What was taken, left and made anew, in a line that names a few."""
    numbers = sum(math.prod(shape) for shape in matching.taken.values())
    text = f"started from {origin.checkpoint}: {len(matching.taken)} tensors taken ({numbers:,} numbers)"
    for what, shapes in (("left there", matching.left), ("made anew", matching.new)):
        names = [f"{path} {list(shape)}" for path, shape in shapes.items()]
        more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
        text += f"; {len(names)} {what}" + (f" ({', '.join(names[:NAMED])}{more})" if names else "")
    return f"{text}; {START} names all"

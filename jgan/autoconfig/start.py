"""The start of a run from a source alone: the choice, shown, and its config as a file that can be edited."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from jgan.autoconfig.calls import make
from jgan.autoconfig.choose import choose
from jgan.autoconfig.detect import data_name
from jgan.autoconfig.facts import look_at
from jgan.autoconfig.follow import follow_data
from jgan.autoconfig.machine import look_at_machine
from jgan.autoconfig.place import check_unused, holding_config, new_workdir
from jgan.autoconfig.plan import Plan, to_file, to_table
from jgan.autoconfig.wishes import Wishes
from jgan.config import Config, override
from jgan.data.registry import check_place
from jgan.engine import processes
from jgan.types import UserError

SKIP = "--config.data.on_error=skip"
RESOLUTION = ".resolution="  # of a stage's flag: the networks would not follow it


class Chosen(NamedTuple):
    """A plan with the user's flags, and the config that it makes."""

    plan: Plan
    config: Config
    name: str  # of a run on these data, for its directory


def choose_config(source: str, wishes: Wishes, overrides: Sequence[str]) -> Chosen:
    """The config for a source, with flags such as "--config.seed=1" applied.

    Raises:
      UserError: the data cannot be used, or the flags do not fit them.
    """
    for flag in overrides:
        if flag.startswith("--config.stages[") and RESOLUTION in flag:
            raise UserError(f"{flag}: the networks depend on it; give --resolution={flag.partition('=')[2]}")
        if flag.startswith("--config.data.source="):
            raise UserError(f"{flag}: SOURCE={source!r} says so already; leave one of them out")
    data = look_at(source, whole=wishes.takes_whole_images)
    if data.unusable and SKIP not in overrides:
        raise UserError(f"{data.unusable}; mend or remove them, or leave them out by {SKIP}")
    plan = choose(data, look_at_machine(), wishes)
    config = override(make(plan.config), overrides)
    _, followed = follow_data(config, overrides)
    plan = plan.with_flags([*overrides, *followed])
    return Chosen(plan, make(plan.config), f"{data_name(data.source)}-{plan.family}")


def show(chosen: Chosen) -> None:
    """Prints the choice, in the first process."""
    if processes.is_main():
        print(to_table(chosen.plan), flush=True)


@contextlib.contextmanager
def place(chosen: Chosen, workdir: Path | None, argv: Sequence[str], train: str) -> Iterator[Path]:
    """The directory of the run, `workdir` or a new one, with its config.py, and says how to go on with an earlier one.

    `train` is the command, as "jgan train", and `argv` what followed it. Of several processes the first one writes.

    Raises:
      UserError: the directory holds a run, or cannot be written; several processes were given none.
    """
    if workdir is None and jax.process_count() > 1:
        raise UserError("--workdir: expected one directory for all processes of this run")
    if workdir is not None and not processes.is_main():
        yield workdir
        return
    with contextlib.ExitStack() as stack:
        if workdir is None:
            workdir, earlier = stack.enter_context(new_workdir(chosen.name))
            if earlier:
                print(f"An earlier run is in {earlier}; to go on with it: {_resume(train, earlier)}")
        else:
            check_unused(workdir, _resume(train, workdir))
            check_place(chosen.config.data.source, workdir)
        text = to_file(chosen.plan, shlex.join([*train.split(), *argv]))
        path = stack.enter_context(holding_config(workdir, chosen.config, text))
        print(f"Training in {workdir}; to change more, edit a copy of {path} and give it as --config", flush=True)
        yield workdir


def _resume(train: str, workdir: Path) -> str:
    return f"{train} --workdir {shlex.quote(str(workdir))}"

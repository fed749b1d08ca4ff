"""Checkpoints: the whole TrainState and a small record, written whole or not at all. The only import of Orbax."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from jgan.rundir.atomic_files import sha256, without_infinities, write_json
from jgan.rundir.checkpoint_record import checked_record
from jgan.rundir.orbax_errors import clear_errors
from jgan.rundir.paths import nearest_path
from jgan.rundir.stored_arrays import check_arrays, check_descriptions
from jgan.types import PyTree, TrainState, UserError
from jgan.untrusted.json_data import read_json

CHECKPOINTS, BEST = "checkpoints", "best"  # folders of a run directory
STATE, RECORD, SUMS = "state", "record", "sha256.json"
STEP_NAME = re.compile("[0-9]{1,18}")  # of the folder of a checkpoint

_ADVICE = {
    CHECKPOINTS: "expected the directory of a run",
    BEST: "the run was never evaluated (evaluate_every)",
}

Whole = TypeVar("Whole")


def newest_step(workdir: Path) -> int | None:
    """The step of a run directory's newest finished checkpoint; None where there is none."""
    return max(_finished_steps(workdir / CHECKPOINTS), default=None)


def _finished_steps(directory: Path) -> list[int]:
    return [int(path.name) for path in directory.glob("*") if STEP_NAME.fullmatch(path.name)]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A train state and the JSON record beside it (data fingerprint, pending metrics, roll-backs)."""

    state: TrainState
    record: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run directory, numbered by step.

    A checkpoint appears under its final name once all of it is on disk, so one that was interrupted is never seen.
    """

    def __init__(
        self, workdir: Path, folder: str = CHECKPOINTS, keep: int | None = 2, *, read_only: bool = False
    ) -> None:
        """`keep` is how many of the newest stay; None: all of them.

        Raises:
          UserError: the directory cannot be written or, with `read_only`, is not there.
        """
        self.directory = workdir / folder
        self._read_only = read_only
        if self.directory.exists() and not self.directory.is_dir():
            raise UserError(f"{self.directory}: expected a directory; move the file away")
        self._replaced = workdir / f"{folder}.replaced"
        if read_only and self._replaced.is_dir() and not _finished_steps(self.directory):
            self.directory = self._replaced
        if read_only and not self.directory.is_dir():
            hint = nearest_path(workdir)
            raise UserError(f"{self.directory}: no such directory; {_ADVICE[folder]}{hint}")
        if not read_only:
            self._settle_replaced()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            create=not read_only,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
        )
        with clear_errors(self.directory):
            self._manager = ocp.CheckpointManager(self.directory.absolute(), options=options)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, newest first."""
        return sorted(self._manager.all_steps(), reverse=True)

    def save(self, state: TrainState, step: int, record: dict[str, Any]) -> None:
        """Saves all but the frozen weights.

        On accelerators it returns as soon as the arrays are copied; on CPU it waits, since there the arrays are not
        copied and the next step writes over them.

        Raises:
          UserError: the directory cannot be written (full disk, no permission); earlier checkpoints are intact.
        """
        args = ocp.args.Composite(
            **{
                STATE: ocp.args.StandardSave(state.replace(frozen=())),
                RECORD: ocp.args.JsonSave(without_infinities({**record, "step": step})),
            }
        )
        _check_space(self.directory, state)
        with clear_errors(self.directory):
            self._manager.save(step, args=args, force=True)  # waits for the save before it
            if jax.default_backend() == "cpu":
                self._manager.wait_until_finished()
            self._seal()

    def replace_all(self, state: TrainState, step: int, record: dict[str, Any]) -> None:
        """Saves as `save` does, waits, and then deletes all others; at every moment one of them is whole on disk."""
        if step in self.steps():
            self._put_aside(step)
        try:
            self.save(state, step, record)
            self._manager.wait_until_finished()
            self._seal()
        finally:
            self._settle_replaced()
            self._manager.reload()
        self.delete_all_but(step)

    def delete_all_but(self, step: int) -> None:
        """Deletes the checkpoints of other steps."""
        for other in self.steps():
            if other != step:
                self._manager.delete(other)

    def _put_aside(self, step: int) -> None:
        """Makes room for another checkpoint of a step, whose place the one that is there keeps until that is whole."""
        multihost_utils.sync_global_devices("before putting a checkpoint aside")
        if jax.process_index() == 0:
            with clear_errors(self.directory):
                self._replaced.mkdir(exist_ok=True)
                (self.directory / str(step)).rename(self._replaced / str(step))
        multihost_utils.sync_global_devices("after putting a checkpoint aside")
        self._manager.reload()

    def _settle_replaced(self) -> None:
        """Deletes what was put aside, or puts it back where nothing has taken its place."""
        if jax.process_index() == 0 and self._replaced.is_dir():
            with clear_errors(self.directory):
                for path in self._replaced.iterdir():
                    if _finished_steps(self.directory):
                        shutil.rmtree(path)
                    else:
                        path.rename(self.directory / path.name)
                self._replaced.rmdir()
        multihost_utils.sync_global_devices("after settling what was put aside")

    def records(self) -> dict[int, dict[str, Any]]:
        """The record of every checkpoint that reads back whole, by step; the others are reported."""
        records = {}
        for step in self.steps():
            try:
                records[step] = self._read_record(step)
            except Exception as error:  # Orbax raises many kinds for damaged files
                _report(step, error)
        return records

    def peek(self) -> dict[str, Any] | None:
        """The newest record that can be read, without a look at the state beside it; None where there is none."""
        for step in self.steps():
            with contextlib.suppress(Exception):  # of many kinds; what is damaged, `restore` reports
                return self._record(step)
        return None

    def newest_record(self, step: int | None = None) -> dict[str, Any] | None:
        """The record of the newest checkpoint that reads back whole, or that of `step`; None where there is none.

        Raises:
          UserError: all of them are damaged.
        """
        return self._first_whole(self._read_record, step)

    def _read_record(self, step: int) -> dict[str, Any]:
        self._verify(step)
        return self._record(step)

    def _record(self, step: int) -> dict[str, Any]:
        check_descriptions(self.directory / str(step))
        record = ocp.args.Composite(**{RECORD: ocp.args.JsonRestore()})
        return checked_record(self._manager.restore(step, args=record)[RECORD], step)

    def restore(self, target: TrainState, step: int | None = None) -> Checkpoint | None:
        """The newest checkpoint that reads back whole, or that of `step`, laid out like `target`; None without any.

        `target` is a state of arrays or of ShapeDtypeStructs with shardings; its frozen weights are kept. A damaged
        checkpoint is reported by name and the one before it is used.

        Raises:
          UserError: the checkpoints belong to another network, or all of them are damaged.
        """
        return self._first_whole(lambda step: self._restore_step(step, target), step)

    def _first_whole(self, read: Callable[[int], Whole], only: int | None) -> Whole | None:
        """What `read` makes of the newest step that it can read, or of one alone; those passed over are reported."""
        errors = []
        for step in self.steps():
            if only not in (None, step):
                continue
            try:
                return read(step)
            except Exception as error:  # Orbax raises many kinds for damaged files
                errors.append(f"step {step}: {_report(step, error)}")
        if errors:
            raise UserError(f"{self.directory}: no checkpoint could be read ({'; '.join(errors)})")
        return None

    def _restore_step(self, step: int, target: TrainState) -> Checkpoint:
        self._verify(step)
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, target.replace(frozen=()))
        check_descriptions(self.directory / str(step))
        numbers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(abstract))
        check_arrays(self.directory / str(step) / STATE, numbers)
        args = ocp.args.Composite(**{STATE: ocp.args.StandardRestore(abstract), RECORD: ocp.args.JsonRestore()})
        restored = self._manager.restore(step, args=args)
        return Checkpoint(restored[STATE].replace(frozen=target.frozen), checked_record(restored[RECORD], step))

    def _seal(self) -> None:
        """Writes the checksums of finished checkpoints that have none yet; Orbax itself checks only their structure."""
        for step in self.steps() if jax.process_index() == 0 else []:
            sums = self.directory / str(step) / SUMS
            if sums.parent.is_dir() and not sums.exists():  # one still on its way has no directory of its name yet
                write_json(sums, _checksums(sums.parent))

    def _verify(self, step: int) -> None:
        """Raises ValueError where a file of a sealed checkpoint is not what was written."""
        sums = self.directory / str(step) / SUMS
        if not sums.exists():
            return
        found = _checksums(sums.parent)
        for name, digest in read_json(sums, "remove the checkpoint").items():
            if found.get(name) != digest:
                raise ValueError(f"{name} is not what was written")

    def set_aside_after(self, step: int) -> None:
        """Moves later checkpoints, damaged ones that a restore has passed over, to `damaged/`, out of the way."""
        later = [number for number in self.steps() if number > step]
        multihost_utils.sync_global_devices("before setting checkpoints aside")
        if later and jax.process_index() == 0:
            aside = self.directory.parent / "damaged"
            aside.mkdir(exist_ok=True)
            for number in later:
                (self.directory / str(number)).rename(aside / f"{number}-{time.time_ns()}")
        multihost_utils.sync_global_devices("after setting checkpoints aside")
        self._manager.reload()

    def close(self) -> None:
        """Waits for the last save."""
        with clear_errors(self.directory):
            self._manager.wait_until_finished()
            if not self._read_only:
                self._seal()
            self._manager.close()


def _report(step: int, error: Exception) -> str:
    """Warns of a checkpoint that was passed over; gives the reason."""
    reason = " ".join(str(error).split())[:300]
    logging.getLogger("jgan").warning("checkpoint %s could not be read: %s", step, reason)
    return reason


def _check_space(directory: Path, state: TrainState) -> None:
    """Raises UserError where the disk has no room for the state, before Orbax's threads fail one after the other."""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state.replace(frozen=())))
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise UserError(
            f"{directory}: cannot write a checkpoint (No space left on device: it takes {needed / 1e6:.1f} MB, "
            f"{free / 1e6:.1f} MB are free); earlier ones are intact"
        )


def _checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below a directory but of the checksums themselves."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != SUMS)
    return {str(path.relative_to(directory)): sha256(path) for path in files}


def shapes_and_shardings(shapes: PyTree, shardings: PyTree) -> PyTree:
    """ShapeDtypeStructs that carry a sharding: what `Checkpoints.restore` takes as a target."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        shardings,
    )

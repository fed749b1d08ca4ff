"""Checkpoints: the whole TrainState and a small record, written whole or not at all. The only import of Orbax."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from jgan.types import PyTree, TrainState, UserError

CHECKPOINTS, STATE, RECORD = "checkpoints", "state", "record"


def has_checkpoints(workdir: Path) -> bool:
    """Whether a run directory holds a finished checkpoint."""
    return any(path.name.isdigit() for path in (workdir / CHECKPOINTS).glob("*"))


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A train state and the JSON record beside it (data fingerprint, pending metrics, roll-backs)."""

    state: TrainState
    record: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run directory, numbered by step.

    A checkpoint appears under its final name once all of it is on disk, so one that was interrupted is never seen.
    """

    def __init__(self, workdir: Path, keep: int = 2, *, read_only: bool = False) -> None:
        """`keep` is how many of the newest stay.

        Raises:
          UserError: the directory cannot be written or, with `read_only`, is not there.
        """
        self.directory = workdir / CHECKPOINTS
        if read_only and not self.directory.is_dir():
            raise UserError(f"{self.directory}: no such directory; --workdir expects the directory of a run")
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            create=not read_only,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
        )
        with _clear_errors(self.directory):
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
            **{STATE: ocp.args.StandardSave(state.replace(frozen=())), RECORD: ocp.args.JsonSave(record)}
        )
        with _clear_errors(self.directory):
            self._manager.save(step, args=args, force=True)
            if jax.default_backend() == "cpu":
                self._manager.wait_until_finished()

    def newest_record(self) -> dict[str, Any] | None:
        """The record of the newest checkpoint; None where there is none."""
        steps = self.steps()
        if not steps:
            return None
        return self._manager.restore(steps[0], args=ocp.args.Composite(**{RECORD: ocp.args.JsonRestore()}))[RECORD]

    def restore(self, target: TrainState) -> Checkpoint | None:
        """The newest checkpoint that reads back whole, laid out like `target`; None where there is none.

        `target` is a state of arrays or of ShapeDtypeStructs with shardings; its frozen weights are kept. A damaged
        checkpoint is reported by name and the one before it is used.

        Raises:
          UserError: the checkpoints belong to another network, or all of them are damaged.
        """
        steps = self.steps()
        errors = []
        for step in steps:
            try:
                return self._restore_step(step, target)
            except Exception as error:  # Orbax raises many kinds for damaged files
                reason = " ".join(str(error).split())[:300]
                errors.append(f"step {step}: {reason}")
                logging.getLogger("jgan").warning("checkpoint %s could not be read: %s", step, reason)
        if steps:
            raise UserError(f"{self.directory}: no checkpoint could be read ({'; '.join(errors)})")
        return None

    def _restore_step(self, step: int, target: TrainState) -> Checkpoint:
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, target.replace(frozen=()))
        args = ocp.args.Composite(**{STATE: ocp.args.StandardRestore(abstract), RECORD: ocp.args.JsonRestore()})
        restored = self._manager.restore(step, args=args)
        return Checkpoint(restored[STATE].replace(frozen=target.frozen), restored[RECORD])

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
        with _clear_errors(self.directory):
            self._manager.wait_until_finished()
            self._manager.close()


def shapes_and_shardings(shapes: PyTree, shardings: PyTree) -> PyTree:
    """ShapeDtypeStructs that carry a sharding: what `Checkpoints.restore` takes as a target."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        shardings,
    )


@contextlib.contextmanager
def _clear_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{directory}: cannot write a checkpoint ({error}); earlier ones are intact") from None
    except ValueError as error:  # TensorStore's kind for a failed write
        if "RESOURCE_EXHAUSTED" not in str(error) and "PERMISSION_DENIED" not in str(error):
            raise
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{directory}: cannot write a checkpoint ({reason}); earlier ones are intact") from None

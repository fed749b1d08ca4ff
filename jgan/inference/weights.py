"""Which of a run's weights are used, and reading them back without the run's data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax

from jgan.config import Config
from jgan.data.vocabulary import Vocabulary, from_data
from jgan.engine.sharding import make_sharding
from jgan.rundir.checkpoints import BEST, CHECKPOINTS, Checkpoints
from jgan.setup import BatchShapes, check_same_run, shapes_from_data, state_target
from jgan.types import Player, UserError, schedule


@dataclasses.dataclass(frozen=True)
class Weights:
    """The EMA weights of the newest checkpoint, unless told otherwise."""

    raw: bool = False  # the trained ones
    best: bool = False  # of the best checkpoint (evaluate_every)
    step: int | None = None  # of the checkpoint of this step

    @property
    def kind(self) -> str:
        """What they are called in a record, as in eval.json."""
        return "trained" if self.raw else "averaged"

    @property
    def title(self) -> str:
        """What they are called in a sentence."""
        return "trained weights" if self.raw else "EMA weights"


NEWEST = Weights()


def restore_generator(config: Config, workdir: Path, weights: Weights = NEWEST) -> tuple[Player, int]:
    """The generator with these weights, and the step of its checkpoint.

    Raises:
      UserError: the directory has no such checkpoint.
    """
    checkpoints, record = _open(workdir, weights)
    check_same_run(record, config, checkpoints.directory)
    sharding = make_sharding()
    target = state_target(config, schedule(config.stages), shapes_from_data(record["batches"]), sharding, frozen=False)
    checkpoint = checkpoints.restore(target, weights.step)
    assert checkpoint is not None, "newest_record found one"
    checkpoints.close()
    generator = checkpoint.state.generator
    return generator if weights.raw else generator.averaged(), int(jax.device_get(checkpoint.state.step))


def batch_shapes(workdir: Path, weights: Weights = NEWEST) -> tuple[BatchShapes, ...]:
    """What the data of a run were like at each stage, from its checkpoint.

    Raises:
      UserError: the directory has no such checkpoint.
    """
    checkpoints, record = _open(workdir, weights)
    checkpoints.close()
    return shapes_from_data(record["batches"])


def read_vocabulary(workdir: Path, weights: Weights = NEWEST) -> Vocabulary:
    """The words that a run with captions knows.

    Raises:
      UserError: the directory has no checkpoint, or its captions are no words.
    """
    checkpoints, record = _open(workdir, weights)
    checkpoints.close()
    if record.get("captions") is None:
        raise UserError(f"{workdir}: this run was not trained on captions of words")
    return from_data(record["captions"])


def _open(workdir: Path, weights: Weights) -> tuple[Checkpoints, dict[str, Any]]:
    """The checkpoints, and the record of the one that is wanted."""
    checkpoints = Checkpoints(workdir, BEST if weights.best else CHECKPOINTS, read_only=True)
    record = checkpoints.newest_record(weights.step)
    if record is None:
        there, step = ", ".join(map(str, checkpoints.steps()[::-1])), weights.step
        if step is not None and there:
            raise UserError(f"--step={step}: {checkpoints.directory} has no checkpoint of it; expected one of {there}")
        raise UserError(f"{checkpoints.directory}: no checkpoint yet; train first")
    return checkpoints, record

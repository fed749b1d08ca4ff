"""Which of a run's weights are used, and reading them back without the run's data."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan.config import Config
from jgan.data.classes import Numbering, numbering_of
from jgan.data.vocabulary import Vocabulary, from_data
from jgan.engine.matching import by_path
from jgan.engine.sharding import Sharding, make_sharding
from jgan.errors import shown
from jgan.rundir.checkpoints import BEST, CHECKPOINTS, Checkpoints
from jgan.setup import BatchShapes, check_same_run, shapes_from_data, state_target
from jgan.types import Player, TrainState, UserError, schedule


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
    state, step = restore_state(config, workdir, weights)
    return state.generator if weights.raw else state.generator.averaged(), step


def restore_state(config: Config, workdir: Path, weights: Weights = NEWEST) -> tuple[TrainState, int]:
    """The whole state of a checkpoint but frozen weights, and its step; of `weights` only what chooses it counts.

    Raises:
      UserError: the directory has no such checkpoint.
    """
    checkpoints, record = _open(workdir, weights)
    check_same_run(record, config, checkpoints.directory)
    sharding = make_sharding()
    shapes = _shapes(config, record, checkpoints.directory)
    target = _target(config, shapes, sharding, checkpoints.directory)
    checkpoint = checkpoints.restore(target, weights.step)
    assert checkpoint is not None, "newest_record found one"
    checkpoints.close()
    return checkpoint.state, int(jax.device_get(checkpoint.state.step))


def batch_shapes(config: Config, workdir: Path, weights: Weights = NEWEST) -> tuple[BatchShapes, ...]:
    """What the data of a run were like at each stage, from its checkpoint.

    Raises:
      UserError: the directory has no such checkpoint, or one of another game.
    """
    checkpoints, record = _open(workdir, weights)
    checkpoints.close()
    return _shapes(config, record, checkpoints.directory)


def _shapes(config: Config, record: dict[str, Any], directory: Path) -> tuple[BatchShapes, ...]:
    """The batches of a record, which hold the images that the config's game takes, one batch for each stage."""
    sides = ("images_a", "images_b") if config.game.directions else ("inputs", "targets")
    names = ("images",) if config.game.generates_from == "latents" else sides
    batches = shapes_from_data(record["batches"])
    alike = all(name in batch and len(batch[name].shape) == 4 for batch in batches for name in names)
    if len(batches) != len(config.stages) or not alike:
        raise UserError(
            f"{directory}: its record has {shown(record['batches'])}; expected {' and '.join(names)} for each of the "
            f"{len(config.stages)} stages of config.json; is it the checkpoint of another run?"
        )
    return batches


def _target(config: Config, shapes: tuple[BatchShapes, ...], sharding: Sharding, directory: Path) -> TrainState:
    """The state that the checkpoint should hold."""
    try:
        return state_target(config, schedule(config.stages), shapes, sharding, frozen=False)
    except UserError:
        raise
    except Exception as error:  # whatever the networks raise for images they do not take
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{directory}: its record does not fit the networks of config.json ({reason})") from error


def read_record(workdir: Path, weights: Weights = NEWEST) -> dict[str, Any]:
    """The record of a checkpoint, as `checked_record` has it.

    Raises:
      UserError: the directory has no such checkpoint.
    """
    checkpoints, record = _open(workdir, weights)
    checkpoints.close()
    return record


def read_vocabulary(workdir: Path, weights: Weights = NEWEST) -> Vocabulary:
    """The words that a run with captions knows.

    Raises:
      UserError: the directory has no checkpoint, or its captions are no words.
    """
    record = read_record(workdir, weights)
    if record.get("captions") is None:
        raise UserError(f"{workdir}: this run was not trained on captions of words")
    return from_data(record["captions"])


def read_numbering(workdir: Path, weights: Weights = NEWEST) -> Numbering:
    """How a run numbers its classes.

    Raises:
      UserError: the directory has no such checkpoint, or its record is damaged.
    """
    checkpoints, record = _open(workdir, weights)
    checkpoints.close()
    try:
        return numbering_of(record)
    except UserError as error:
        raise UserError(f"{checkpoints.directory}: {error}") from None


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


def digest_of(generator: Player) -> str:
    """The SHA-256 of a generator's weights."""
    weights = hashlib.sha256()
    for path, leaf in by_path((generator.params, generator.variables)).items():
        weights.update(path.encode())
        weights.update(np.ascontiguousarray(jax.device_get(leaf)).tobytes())
    return weights.hexdigest()

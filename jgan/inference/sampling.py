"""Images drawn from a run's newest checkpoint: what `sample` writes and `evaluate` measures."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.data.vocabulary import Vocabulary, from_data
from jgan.engine import processes
from jgan.engine.sharding import make_sharding
from jgan.games.latent import LatentGAN
from jgan.layers.norm import BATCH_STATS
from jgan.layers.resample import upsample
from jgan.rundir.checkpoints import BEST, CHECKPOINTS, Checkpoints
from jgan.rundir.pictures import to_uint8
from jgan.setup import BatchShapes, shapes_from_data, state_target
from jgan.types import (
    Images,
    PixelBatch,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    Stage,
    UserError,
    schedule,
    stage_ending,
)

STANDING = 2**30  # the first of the images that standing statistics are those of


def latent_game(config: Config, field: str, truncation: float | None = None) -> LatentGAN:
    """The run's game, which must draw from latents, and, with `truncation`, from normal ones that it can truncate.

    Raises:
      UserError: it does not, naming the `field` that asks for it, or the truncation.
    """
    game = config.game
    if not isinstance(game, LatentGAN):
        raise UserError(f"{field}: {type(game).__name__} does not draw from latents")
    if truncation is not None and not 0 < truncation < math.inf:
        raise UserError(f"--truncation={truncation}: expected a positive number")
    if truncation is not None:
        game.check_truncation(truncation)
    return game


def restore_generator(
    config: Config, workdir: Path, *, raw: bool = False, best: bool = False, step: int | None = None
) -> tuple[Player, int]:
    """The generator of the newest checkpoint, or of the best, or of `step`, averaged or `raw`, and its step.

    Needs no data.

    Raises:
      UserError: the directory has no such checkpoint.
    """
    checkpoints, record = _open(workdir, best=best, step=step)
    sharding = make_sharding()
    target = state_target(config, schedule(config.stages), shapes_from_data(record["batches"]), sharding, frozen=False)
    checkpoint = checkpoints.restore(target, step)
    assert checkpoint is not None, "newest_record found one"
    checkpoints.close()
    generator = checkpoint.state.generator
    return generator if raw else generator.averaged(), int(jax.device_get(checkpoint.state.step))


def batch_shapes(workdir: Path, *, best: bool = False, step: int | None = None) -> tuple[BatchShapes, ...]:
    """What the data of a run were like at each stage, from its newest checkpoint. Needs no data.

    Raises:
      UserError: the directory has no such checkpoint.
    """
    checkpoints, record = _open(workdir, best=best, step=step)
    checkpoints.close()
    return shapes_from_data(record["batches"])


def read_vocabulary(workdir: Path, *, best: bool = False) -> Vocabulary:
    """The words that a run with captions knows. Needs no data.

    Raises:
      UserError: the directory has no checkpoint, or its captions are no words.
    """
    checkpoints, record = _open(workdir, best=best)
    checkpoints.close()
    if record.get("captions") is None:
        raise UserError(f"{workdir}: this run was not trained on captions of words")
    return from_data(record["captions"])


def _open(workdir: Path, *, best: bool, step: int | None = None) -> tuple[Checkpoints, dict[str, Any]]:
    """The checkpoints and the record of the newest of them, or of `step`."""
    checkpoints = Checkpoints(workdir, BEST if best else CHECKPOINTS, read_only=True)
    record = checkpoints.newest_record(step)
    if record is None:
        there = ", ".join(map(str, checkpoints.steps()[::-1]))
        if step is not None and there:
            raise UserError(f"--step={step}: {checkpoints.directory} has no checkpoint of it; expected one of {there}")
        raise UserError(f"{checkpoints.directory}: no checkpoint yet; train first")
    return checkpoints, record


class Sampler:
    """Draws images from a generator: image i comes from the key `fold_in(key(seed), i)` and its label or caption."""

    def __init__(
        self,
        game: LatentGAN,
        stages: tuple[Stage, ...],
        seed: int,
        batch_size: int,
        truncation: float | None = None,
        *,
        enlarge: bool = False,
    ) -> None:
        """Batches hold `batch_size` images, rounded up to a multiple of the devices.

        Images are as large as those of the stage of their generator or, to `enlarge`, of the last stage: every pixel
        is repeated.
        """
        self._game, self._stages = game, schedule(stages)
        self._sharding = make_sharding()
        devices = self._sharding.mesh.size
        self._batch_size = -(-batch_size // devices) * devices

        def keys(indices: jax.Array) -> Rngs:
            return jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(seed)))(indices)

        @functools.partial(jax.jit, static_argnames="stage")
        def draw_batch(
            generator: Player, indices: jax.Array, labels: jax.Array | None, step: jax.Array, stage: ScheduledStage
        ) -> jax.Array:
            images = game.sample(generator, keys(indices), labels, truncation, game.growth(stage, step))
            return _repeat_pixels(images, stages[-1].resolution) if enlarge else images

        @functools.partial(jax.jit, static_argnames="stage")
        def batch_moments(
            generator: Player, indices: jax.Array, labels: jax.Array | None, step: jax.Array, stage: ScheduledStage
        ) -> PyTree:
            return game.batch_moments(generator, keys(indices), labels, truncation, game.growth(stage, step))

        self._draw_batch, self._batch_moments = draw_batch, batch_moments

    def __call__(self, generator: Player, step: int, labels: np.ndarray | None, num: int) -> Iterator[PixelBatch]:
        """Batches of images uint8 [n, h, w, c] and their labels, `num` in all; image i is of class `labels[i]`.

        Captions [num, words or features] may take the place of labels; they do not come back. The generator has been
        trained for so many steps.
        """
        stage = stage_ending(self._stages, step)
        for first in range(0, num, self._batch_size):
            # The last batch is cut, not compiled anew.
            indices = np.arange(first, first + self._batch_size, dtype=np.int32)
            chosen = None if labels is None else labels[indices % num]
            images = self._draw_batch(
                generator, *self._sharding.put_batch((indices, chosen)), np.int32(step), stage=stage
            )
            count = min(self._batch_size, num - first)
            classes = None if chosen is None or chosen.ndim > 1 else chosen[:count]
            yield to_uint8(processes.fetch(images))[:count], classes

    def with_standing_statistics(self, generator: Player, step: int, labels: np.ndarray | None, batches: int) -> Player:
        """The generator with the mean statistics of so many batches in place of batch norm's running ones.

        Those of other images than it will draw (Brock et al. 2019, https://arxiv.org/abs/1809.11096, appendix B.2), of
        the classes `labels`, from the start again where they are fewer.

        Raises:
          UserError: it has no batch norm, or statistics of other truncations.
        """
        if self._game.truncation_tables:
            raise UserError("--standing_batches: this run has batch statistics for every truncation; leave it out")
        stage, total = stage_ending(self._stages, step), None
        for batch in range(batches):
            places = np.arange(batch * self._batch_size, (batch + 1) * self._batch_size, dtype=np.int32)
            chosen = None if labels is None else labels[places % len(labels)]
            inputs = self._sharding.put_batch((STANDING + places, chosen))
            moments = self._batch_moments(generator, *inputs, np.int32(step), stage=stage)
            total = moments if total is None else jax.tree.map(jnp.add, total, moments)
        if not jax.tree.leaves(total):
            raise UserError("--standing_batches: this run's generator has no batch norm; leave it out")
        means = jax.tree.map(lambda leaf: leaf / batches, total)
        return generator.replace(variables={**generator.variables, BATCH_STATS: means})


def _repeat_pixels(images: Images, resolution: int) -> Images:
    while images.shape[1] < resolution:
        images = upsample(images)
    return images


def classes_in_turn(game: LatentGAN, num: int) -> np.ndarray | None:
    """Labels int32 [num] that take every class in turn; None for an unconditional game."""
    return np.arange(num, dtype=np.int32) % game.num_classes if game.num_classes else None

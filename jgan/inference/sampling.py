"""Images generated from latents by a run's checkpoint: what `sample` writes and `evaluate` measures."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.engine import processes
from jgan.engine.memory import check_bytes, within_memory
from jgan.engine.sharding import make_sharding
from jgan.games.latent import LatentGAN
from jgan.layers.norm import BATCH_STATS
from jgan.layers.resample import upsample
from jgan.rundir.pictures import to_uint8
from jgan.types import (
    Array,
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

STANDING = 2**30  # the first of the images that standing statistics are those of; 2**31 is no number of an image
SMALLER = "make it smaller; images do not depend on it"


def latent_game(config: Config, field: str, truncation: float | None = None) -> LatentGAN:
    """The run's game, which must start from latents, and, with `truncation`, from normal ones that it can truncate.

    Raises:
      UserError: it does not, naming the `field` that asks for it, or the truncation.
    """
    if config.game.generates_from != "latents":
        command = config.game.how_to_sample().split()[0]
        raise UserError(f"{field}: this run generates images from images, not from latents; take jgan {command}")
    game = cast(LatentGAN, config.game)
    if truncation is not None:
        check_truncation(game, truncation)
    return game


def check_truncation(game: LatentGAN, truncation: float) -> None:
    """Raises UserError where latents cannot be truncated, or not so."""
    if not 0 < truncation < math.inf:
        raise UserError(f"--truncation={truncation}: expected a positive number")
    game.check_truncation(truncation)


def check_standing_batches(count: int, batch_size: int) -> None:
    """Raises UserError for what is not a number of batches, or for more images than are numbered."""
    most = STANDING // batch_size - 1  # a batch may be rounded up
    if not 0 <= count <= most:
        raise UserError(f"--standing_batches={count}: expected 0 to {most:,} of {batch_size} images")


class Sampler:
    """Images of a generator: image i comes from the key `fold_in(key(seed), i)` and its label or caption."""

    def __init__(
        self,
        game: LatentGAN,
        stages: tuple[Stage, ...],
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

        def keys(seed_key: Array, indices: jax.Array) -> Rngs:
            return jax.vmap(functools.partial(jax.random.fold_in, seed_key))(indices)

        @functools.partial(jax.jit, static_argnames="stage")
        def generate_batch(
            generator: Player, seed_key: Array, inputs: tuple[Array, Array | None], step: Array, stage: ScheduledStage
        ) -> Images:
            indices, labels = inputs
            images = game.sample(generator, keys(seed_key, indices), labels, truncation, game.growth(stage, step))
            return _repeat_pixels(images, stages[-1].resolution) if enlarge else images

        @functools.partial(jax.jit, static_argnames="stage")
        def batch_moments(
            generator: Player, seed_key: Array, inputs: tuple[Array, Array | None], step: Array, stage: ScheduledStage
        ) -> PyTree:
            indices, labels = inputs
            return game.batch_moments(generator, keys(seed_key, indices), labels, truncation, game.growth(stage, step))

        what = f"--batch_size={self._batch_size}: so many images at once"
        check_bytes(4 * self._batch_size * stages[-1].resolution ** 2, what, SMALLER)
        self._generate_batch = within_memory(generate_batch, what, SMALLER)
        self._batch_moments = within_memory(batch_moments, what, SMALLER)

    def __call__(
        self, generator: Player, step: int, labels: np.ndarray | None, num: int, seed: int, first: int = 0
    ) -> Iterator[PixelBatch]:
        """Batches of images uint8 [n, h, w, c] and their labels, `first` to `num` - 1; image i is of class `labels[i]`.

        Captions [num, words or features] may take the place of labels; they do not come back. The generator has been
        trained for so many steps.
        """
        stage, seed_key = stage_ending(self._stages, step), self._seed_key(seed)
        begun = first - first % self._batch_size if first < num else num
        for start in range(begun, num, self._batch_size):
            # The last batch is cut, not compiled anew; so is the first, whose images are then the same to the last bit.
            indices = np.arange(start, start + self._batch_size, dtype=np.int32)
            chosen = None if labels is None else labels[indices % num]
            inputs = self._sharding.put_batch((indices, chosen))
            images = self._generate_batch(generator, seed_key, inputs, np.int32(step), stage=stage)
            wanted = slice(max(0, first - start), min(self._batch_size, num - start))
            classes = None if chosen is None or chosen.ndim > 1 else chosen[wanted]
            yield to_uint8(processes.fetch(images))[wanted], classes

    def _seed_key(self, seed: int) -> Array:
        """On every device; an argument of the compiled programs, so that one serves all seeds."""
        return jax.jit(lambda: jax.random.key(seed), out_shardings=self._sharding.replicated)()

    def with_standing_statistics(
        self, generator: Player, step: int, labels: np.ndarray | None, batches: int, seed: int
    ) -> Player:
        """The generator with the mean statistics of so many batches in place of batch norm's running ones.

        Those of other images than it will generate (Brock et al. 2019, https://arxiv.org/abs/1809.11096, appendix B.2),
        of the classes `labels`, from the start again where they are fewer.

        Raises:
          UserError: it has no batch norm, or statistics of other truncations.
        """
        if self._game.truncation_tables:
            raise UserError("--standing_batches: this run has batch statistics for every truncation; leave it out")
        stage, seed_key, total = stage_ending(self._stages, step), self._seed_key(seed), None
        for batch in range(batches):
            places = np.arange(batch * self._batch_size, (batch + 1) * self._batch_size, dtype=np.int32)
            chosen = None if labels is None else labels[places % len(labels)]
            inputs = self._sharding.put_batch((STANDING + places, chosen))
            moments = self._batch_moments(generator, seed_key, inputs, np.int32(step), stage=stage)
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

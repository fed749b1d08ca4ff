"""Images drawn from a run's newest checkpoint: what `sample` writes and `evaluate` measures."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from jgan.checkpoint import Checkpoints
from jgan.config import Config
from jgan.games.latent import LatentGAN
from jgan.pictures import to_uint8
from jgan.setup import shapes_from_data, state_target
from jgan.sharding import make_sharding
from jgan.types import Player, UserError, schedule


def latent_game(config: Config, truncation: float | None) -> LatentGAN:
    """The run's game, which must draw from latents, and, with `truncation`, from normal ones. Raises UserError."""
    game = config.game
    if not isinstance(game, LatentGAN):
        raise UserError(f"--workdir: {type(game).__name__} does not draw from latents")
    if truncation is not None and not 0 < truncation < math.inf:
        raise UserError(f"--truncation={truncation}: expected a positive number")
    if truncation is not None and game.latent_distribution != "normal":
        raise UserError("--truncation: this run's latents are uniform; only normal ones can be truncated")
    return game


def restore_generator(config: Config, workdir: Path, *, raw: bool = False) -> tuple[Player, int]:
    """The generator of the newest checkpoint, averaged or `raw`, and its step. Needs no data.

    Raises:
      UserError: the directory has no checkpoint.
    """
    checkpoints = Checkpoints(workdir, read_only=True)
    record = checkpoints.newest_record()
    if record is None:
        raise UserError(f"{workdir}/checkpoints: no checkpoint yet; train first")
    sharding = make_sharding()
    target = state_target(config, schedule(config.stages), shapes_from_data(record["batches"]), sharding, frozen=False)
    checkpoint = checkpoints.restore(target)
    assert checkpoint is not None, "newest_record found one"
    checkpoints.close()
    generator = checkpoint.state.generator
    return generator if raw else generator.averaged(), int(jax.device_get(checkpoint.state.step))


def draw(
    game: LatentGAN,
    generator: Player,
    seed: int,
    labels: np.ndarray | None,
    num: int,
    batch_size: int,
    truncation: float | None = None,
) -> Iterator[np.ndarray]:
    """Batches of at most `batch_size` images, uint8 [n, h, w, c], `num` in all, over all devices.

    Image i comes from the key `fold_in(key(seed), i)` and `labels[i]`.
    """
    sharding = make_sharding().batch
    devices = jax.device_count()
    size = -(-batch_size // devices) * devices

    @jax.jit
    def draw_batch(generator: Player, indices: jax.Array, labels: jax.Array | None) -> jax.Array:
        rngs = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(seed)))(indices)
        return game.sample(generator, rngs, labels, truncation)

    for first in range(0, num, size):
        indices = np.arange(first, first + size)  # the last batch is cut, not compiled anew
        chosen = None if labels is None else jax.device_put(labels[indices % num], sharding)
        images = draw_batch(generator, jax.device_put(indices.astype(np.int32), sharding), chosen)
        yield to_uint8(jax.device_get(images))[: num - first]

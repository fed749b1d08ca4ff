"""A run's generator as a pure function of arrays."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.games.latent import LatentGAN
from jgan.games.translation import image_to_image, player_of
from jgan.inference.sampling import latent_game
from jgan.inference.weights import NEWEST, Weights, batch_shapes, restore_generator
from jgan.setup import BatchShapes
from jgan.types import (
    Array,
    Direction,
    Images,
    ImageToImage,
    Labels,
    Latents,
    Player,
    PyTree,
    UserError,
    schedule,
    stage_ending,
)


class Generator(Protocol):
    """A `LatentGenerator` or an `ImageGenerator`."""

    variables: PyTree
    step: int

    def __call__(self, *inputs: Any, **options: Any) -> Images:
        """Images float32 [n, h, w, c] in [-1, 1]."""
        ...


class LatentGenerator:
    """Latents (and labels, or captions) to images. It can be traced: by `jax.jit`, `jax.grad`, `jax.vmap`.

    `variables` are its weights, {"params": ..., "batch_stats": ...}, `step` is that of their checkpoint.
    """

    def __init__(self, config: Config, player: Player, step: int) -> None:
        self._game = game = latent_game(config, "--workdir")
        self.step = step
        growth = game.growth(stage_ending(schedule(config.stages), step), jnp.int32(step))
        self.variables: PyTree = {"params": player.params, **player.variables}

        @functools.partial(jax.jit, static_argnames="truncation")
        def generate(variables: PyTree, latents: Latents, labels: Labels | None, truncation: float | None) -> Images:
            return game.images_from(player_of(variables), latents, labels, truncation, growth, rng=jax.random.key(0))

        self._generate = generate

    def __call__(
        self,
        latents: Latents,
        labels: Labels | None = None,
        *,
        variables: PyTree | None = None,
        truncation: float | None = None,
    ) -> Images:
        """Images float32 [n, h, w, c] in [-1, 1] of latents [n, z] and, where the run has some, labels int32 [n].

        Of a run with captions, word ids int32 [n, words] or vectors [n, features] take the place of labels.
        `variables` stand in for its own, as where they are differentiated or should not be constants of a compiled
        program. `truncation` chooses the batch statistics of published BigGANs; other generators do not look at it.

        Raises:
          UserError: arrays of other shapes than the run takes, or labels that are missing or too many.
        """
        self._check(latents, labels)
        if truncation is not None:
            self._game.check_truncation(truncation)
        return self._generate(self.variables if variables is None else variables, latents, labels, truncation)

    def _check(self, latents: Latents, labels: Labels | None) -> None:
        game = self._game
        if latents.ndim != 2 or latents.shape[1] != game.latent_dim:
            raise UserError(f"latents: an array {list(latents.shape)}; this run takes [n, {game.latent_dim}]")
        example = game.example_labels(1)
        if (example is None) != (labels is None):
            what = "captions" if game.captions != "none" else f"labels, 0 to {game.num_classes - 1}"
            hint = "this run is unconditional; leave them out" if example is None else f"this run takes {what}"
            raise UserError(f"labels: {hint}")
        if example is not None and labels is not None:
            wanted = (latents.shape[0], *example.shape[1:])
            if labels.shape != wanted:
                raise UserError(f"labels: an array {list(labels.shape)}; expected {list(wanted)}, one for each latent")


class ImageGenerator:
    """Images from the inputs of an image-to-image run. It can be traced: by `jax.jit`, `jax.grad`, `jax.vmap`.

    `variables` are its weights, {"params": ..., "batch_stats": ...}, `step` is that of their checkpoint.
    """

    def __init__(self, config: Config, player: Player, step: int, batch: BatchShapes) -> None:
        """`batch` are the shapes of a batch of the run."""
        self._game, self._batch, self.step = cast(ImageToImage, config.game), batch, step
        self.variables: PyTree = {"params": player.params, **player.variables}
        game = self._game

        @functools.partial(jax.jit, static_argnames="way")
        def generate(variables: PyTree, inputs: Images, rng: Array, way: Direction | None) -> Images:
            return game.translate(player_of(variables), inputs, rng, way)

        self._generate = generate

    def __call__(
        self, inputs: Images, *, direction: str | None = None, variables: PyTree | None = None, rng: Array | None = None
    ) -> Images:
        """Images float32 [n, h, w, c] in [-1, 1] of inputs [n, h, w, c] in [-1, 1], of a size that the network takes.

        `direction` is "a_to_b" or "b_to_a" of a run between two domains; `rng` is the key of dropout.

        Raises:
          UserError: no such direction, or inputs of other channels.
        """
        _, way = image_to_image(self._game, direction, "direction")
        channels = self._batch[self._game.input_name(way)].shape[-1]
        if inputs.ndim != 4 or inputs.shape[-1] != channels:
            raise UserError(f"inputs: an array {list(inputs.shape)}; this run takes [n, height, width, {channels}]")
        rng = jax.random.key(0) if rng is None else rng
        return self._generate(self.variables if variables is None else variables, inputs, rng, way)


def open_generator(config: Config, workdir: Path, weights: Weights = NEWEST) -> Generator:
    """The generator of a run with these weights. Raises UserError where the directory has no such checkpoint."""
    player, step = restore_generator(config, workdir, weights)
    if config.game.generates_from == "latents":
        return LatentGenerator(config, player, step)
    return ImageGenerator(config, player, step, batch_shapes(config, workdir, weights)[-1])


def latents_of(game: LatentGAN, num: int, seed: int, truncation: float | None) -> np.ndarray:
    """The latents float32 [num, z] of the images that `Sampler` generates for a seed."""
    seed_key = jax.random.key(seed)
    rngs = jax.vmap(lambda index: jax.random.fold_in(seed_key, index))(jnp.arange(num, dtype=jnp.int32))
    return jax.device_get(game.sample_latents(rngs, truncation))

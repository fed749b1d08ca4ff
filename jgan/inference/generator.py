"""A run's generator as a pure function of arrays."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.errors import in_python, shown
from jgan.games.latent import LatentGAN
from jgan.games.translation import image_to_image, player_of, sides_of
from jgan.inference.given_arrays import check_key, check_variables, floats, whole_numbers
from jgan.inference.sampling import check_truncation, latent_game
from jgan.inference.weights import NEWEST, Weights, batch_shapes, restore_generator
from jgan.layers.blend import Blend
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
          UserError: arrays of other types or shapes than the run takes, or labels that are missing or too many; where
            arrays are not traced, values that it does not take.
        """
        latents = floats("latents", latents, ("n", self._game.latent_dim))
        labels = checked_labels(self._game, labels, latents.shape[0])
        if truncation is not None:
            truncation = _checked_truncation(self._game, truncation)
        variables = _checked_variables(variables, self.variables)
        return self._generate(variables, latents, labels, truncation)


def checked_labels(game: LatentGAN, labels: Any, count: int) -> PyTree:
    """The labels, or captions, of so many latents, or a `Blend` of two rows of them.

    Raises:
      UserError: the game's generator takes others.
    """
    example, limit = game.example_labels(1), game.label_limit
    what = {
        "none": f"labels, 0 to {limit - 1}",
        "words": "captions, as run.encode gives them",
        "vectors": "captions",
    }
    if (example is None) != (labels is None):
        takes = f"this run takes {what.get(game.captions, 'captions')}"
        raise UserError(f"labels: {'this run is unconditional; leave them out' if example is None else takes}")
    if example is None:
        return None
    if isinstance(labels, Blend):
        first, second = (checked_labels(game, part, count) for part in (labels.first, labels.second))
        return Blend(first, second, floats("labels.share", labels.share, (count, 1), most=1.0))
    if game.captions == "vectors":
        return floats("labels", labels, (count, example.shape[1]))
    if game.captions == "words":
        return whole_numbers("labels", labels, (count, "words"), limit, "word ids")
    return whole_numbers("labels", labels, (count,), limit, "labels")


def _checked_truncation(game: LatentGAN, truncation: Any) -> float:
    """Raises UserError, in Python's words, for what is not a number by which this game truncates."""
    if isinstance(truncation, bool) or not isinstance(truncation, int | float | np.integer | np.floating):
        raise UserError(f"truncation={shown(truncation)}: expected a number")
    try:
        check_truncation(game, float(truncation))
    except UserError as error:
        raise UserError(in_python(str(error))) from None
    return float(truncation)


def _checked_variables(given: PyTree | None, own: PyTree) -> PyTree:
    """The weights to generate with: those that were given, where there are some."""
    if given is None or given is own:
        return own
    check_variables(given, own)
    return given


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
          UserError: no such direction, inputs that are no floats in [-1, 1] of this shape, or other weights.
        """
        _, way = image_to_image(self._game, direction, "direction")
        channels = self._batch[self._game.input_name(way)].shape[-1]
        inputs = floats("inputs", inputs, ("n", "height", "width", channels), most=1.0)
        self._check_sides(inputs)
        rng = jax.random.key(0) if rng is None else rng
        check_key("rng", rng)
        return self._generate(_checked_variables(variables, self.variables), inputs, rng, way)

    def _check_sides(self, inputs: Images) -> None:
        multiple, smallest = sides_of(self._game)
        if any(side % multiple or side < smallest for side in inputs.shape[1:3]):
            raise UserError(
                f"inputs: {inputs.shape[2]} x {inputs.shape[1]} pixels; this network takes sides that are multiples of "
                f"{multiple}, from {max(multiple, smallest)} up; run.translate and run.upscale take any"
            )


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

"""What is exported of a run: a function of arrays, what its inputs mean, and inputs to compare with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.configuration.data import from_data, to_data
from jgan.games.latent import LatentGAN
from jgan.games.translation import image_to_image, sides_of
from jgan.inference.generator import latents_of
from jgan.inference.sampling import check_truncation, classes_in_turn, latent_game
from jgan.inference.weights import Weights, batch_shapes, read_vocabulary, restore_generator
from jgan.layers.norm import BATCH_STATS
from jgan.types import DTYPES, Array, Game, Player, UserError, schedule, stage_ending

BATCH, SIDES = "n", ("h", "w")  # symbols of sizes that are free: images, and rows and columns
EXAMPLES = 3  # images that the comparison looks at
PSI = 0.7  # that it takes for StyleGANs
OUTPUT = "images [n, height, width, channels], from -1 (black) to 1 (white); what is beyond is to be cut off"


class Shapes(NamedTuple):
    """The sizes that are asked for; None where they are to be free."""

    batch: int | None = None
    size: tuple[int, int] | None = None  # (height, width) of input images


class Input(NamedTuple):
    """An input of the exported function. A size that is free is an expression of one symbol: "n", "32*h"."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    meaning: str  # with its range


@dataclasses.dataclass(frozen=True)
class Network:
    """A generator as a function of arrays; all but its inputs is fixed.

    `examples` are inputs as the function takes them, of each shape that they are to be compared at.
    """

    function: Callable[..., Array]
    inputs: tuple[Input, ...]
    examples: tuple[tuple[np.ndarray, ...], ...]
    player: Player
    step: int
    multiple: int = 1  # of sides that are free
    least: int = 1  # of their symbols


def open_network(
    config: Config,
    workdir: Path,
    weights: Weights,
    shapes: Shapes,
    *,
    direction: str | None = None,
    truncation: float | None = None,
) -> Network:
    """The generator of a run, in float32 whatever it was trained in.

    Raises:
      UserError: there is no such checkpoint, or the run has no such option.
    """
    if config.game.generates_from == "images":
        if truncation is not None:
            raise UserError(f"--truncation={truncation}: this run translates images, it has no latents; leave it out")
        return _of_images(config, workdir, weights, shapes, direction)
    for flag, given in (("--direction", direction), ("--size", shapes.size)):
        if given is not None:
            raise UserError(f"{flag}: this run generates images from latents, not from images; leave it out")
    return _of_latents(config, workdir, weights, shapes.batch, truncation)


def in_float32(game: Game) -> Any:
    """The game whose generator computes in float32, as every runtime can: parameters are float32 anyway."""
    fields: Any = game
    return dataclasses.replace(fields, generator=from_data(_with_float32(to_data(fields.generator))))


def _with_float32(data: Any) -> Any:
    if isinstance(data, list):
        return [_with_float32(item) for item in data]
    if not isinstance(data, dict):
        return data
    return {
        name: "float32" if name == "dtype" and value in DTYPES else _with_float32(value) for name, value in data.items()
    }


def _of_latents(
    config: Config, workdir: Path, weights: Weights, batch: int | None, truncation: float | None
) -> Network:
    game: LatentGAN = in_float32(latent_game(config, "--workdir"))
    if truncation is not None:
        _check_fixed(game, truncation)
    player, step = restore_generator(config, workdir, weights)
    growth = game.growth(stage_ending(schedule(config.stages), step), jnp.int32(step))
    has_psi = game.has_styles and truncation is None

    def generate(latents: Array, *rest: Array) -> Array:
        labels = rest[0] if condition is not None else None
        psi: Any = rest[-1] if has_psi else truncation
        return game.images_from(player, latents, labels, psi, growth, rng=jax.random.key(0))

    condition = _condition(game, workdir, weights)
    size = BATCH if batch is None else batch
    inputs = [
        Input("latents", "float32", (size, game.latent_dim), f"{LAWS[game.latent_distribution]}, one row an image")
    ]
    if condition is not None:
        inputs.append(condition._replace(shape=(size, *condition.shape)))
    if has_psi:
        meaning = "psi: how far styles are from their average; 1 leaves them, 0 gives the average image"
        inputs.append(Input("truncation", "float32", (), meaning))
    examples = [
        _latent_example(game, count, condition, has_psi) for count in ((1, EXAMPLES) if batch is None else (batch,))
    ]
    return Network(generate, tuple(inputs), tuple(examples), player, step)


def _check_fixed(game: LatentGAN, truncation: float) -> None:
    """Raises UserError where a truncation is none of the network's, but of the latents that it is given."""
    check_truncation(game, truncation)
    if not (game.has_styles or game.truncation_tables):
        raise UserError(
            f"--truncation={truncation}: of this run the latents are truncated, which are an input of the file; leave "
            "it out, and give the file truncated latents"
        )


LAWS = {
    "normal": "independent standard normal numbers",
    "uniform": "independent numbers, uniform in [-1, 1]",
    "truncated_normal": "independent normal numbers in [-2, 2], times a truncation of at most 1",
}


def _condition(game: LatentGAN, workdir: Path, weights: Weights) -> Input | None:
    """The labels or captions of one image; None of an unconditional run."""
    example = game.example_labels(1)
    if example is None:
        return None
    if game.captions == "vectors":
        return Input("captions", "float32", example.shape[1:], "vectors of the encoder that the run was trained with")
    if game.captions == "words":
        length = read_vocabulary(workdir, weights).length
        meaning = "ids of words: their place in `vocabulary` from 1 on, filled up with 0"
        return Input("captions", "int32", (length,), meaning)
    return Input("labels", "int32", (), f"classes, 0 to {game.num_classes - 1}")


def _latent_example(game: LatentGAN, count: int, condition: Input | None, has_psi: bool) -> tuple[np.ndarray, ...]:
    """The first images of `jgan sample`."""
    example = [np.asarray(latents_of(game, count, 0, None))]
    if condition is not None:
        random, shape = np.random.default_rng(0), (count, *map(int, condition.shape))
        if condition.name == "labels":
            example.append(np.asarray(classes_in_turn(game, count)))
        elif condition.dtype == "int32":
            example.append(random.integers(1, game.label_limit, shape, np.int32))
        else:
            example.append(random.standard_normal(shape).astype(np.float32))
    return (*example, np.asarray(PSI, np.float32)) if has_psi else tuple(example)


def _of_images(config: Config, workdir: Path, weights: Weights, shapes: Shapes, direction: str | None) -> Network:
    game, way = image_to_image(in_float32(config.game), direction, "--direction")
    multiple, smallest = sides_of(game)
    least = -(-smallest // multiple)
    if shapes.size is not None and any(side % multiple or side < smallest for side in shapes.size):
        raise UserError(
            f"--size={shapes.size[1]}x{shapes.size[0]}: this network takes sides that are multiples of {multiple}, "
            f"from {multiple * least} up"
        )
    channels = batch_shapes(config, workdir, weights)[-1][game.input_name(way)].shape[-1]
    player, step = restore_generator(config, workdir, weights)
    if game.test_as_trained and BATCH_STATS in player.variables and shapes.batch != 1:
        raise UserError(
            "--batch_size: this run translates as it was trained, by the statistics of each batch, and an image would "
            "change with its neighbours; give --batch_size 1"
        )

    def translate(inputs: Array) -> Array:
        return game.translate(player, inputs, jax.random.key(0), way)

    free = [symbol if multiple == 1 else f"{multiple}*{symbol}" for symbol in SIDES]
    batch, sides = shapes.batch or BATCH, shapes.size or free
    meaning = "images from -1 (black) to 1 (white)"
    if config.data.task.name == "inpainting":
        meaning += "; the last channel is the mask, 1 where the image is to be filled and -1 elsewhere"
    inputs = Input("inputs", "float32", (batch, *sides, channels), meaning)
    heights = [shapes.size] if shapes.size else [(multiple * least * 2, multiple * least * 3), (multiple * least,) * 2]
    counts = [shapes.batch] * 2 if shapes.batch else [1, 2]
    random = np.random.default_rng(0)
    examples = [
        (random.uniform(-1.0, 1.0, (count, *size, channels)).astype(np.float32),)
        for count, size in zip(counts, heights, strict=False)
    ]
    return Network(translate, (inputs,), tuple(examples), player, step, multiple, least)

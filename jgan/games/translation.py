"""What the image-to-image games share: their adversarial loss, their augmentation, and their pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from jgan.augment.diffaugment import augment, check_policy
from jgan.games.networks import AUGMENT, fold
from jgan.losses.adversarial import ADVERSARIAL, Adversarial
from jgan.types import (
    Batch,
    Direction,
    Game,
    Images,
    ImageToImage,
    Player,
    PyTree,
    Rngs,
    Stage,
    UserError,
)

SHOWN_CHANNELS = 3


@dataclasses.dataclass(frozen=True)
class Translation:
    """A generator of images from images; a preset of a subclass is a family."""

    generator: nn.Module
    discriminator: nn.Module
    adversarial: str = "non_saturating"  # a name in jgan.losses.adversarial.ADVERSARIAL
    adversarial_weight: float = 1.0  # of the generator's side
    discriminator_weight: float = 0.5  # of its loss: slows it relative to the generator
    augment: tuple[
        str, ...
    ] = ()  # names of AUGMENTATIONS in jgan/augment/diffaugment.py, of what the discriminator sees

    @property
    def generates_from(self) -> Literal["images"]:
        """What the generator starts from."""
        return "images"

    @property
    def directions(self) -> tuple[Direction, ...]:
        """One way, from inputs to targets."""
        return ()

    @property
    def num_classes(self) -> int:
        """No labels."""
        return 0

    def advice(self, metrics: Mapping[str, float]) -> str | None:
        """None."""
        del metrics

    @property
    def captions(self) -> Literal["none"]:
        """No captions."""
        return "none"

    def example_caption(self) -> None:
        """No caption."""

    @property
    def loss(self) -> Adversarial:
        """Of both sides."""
        return ADVERSARIAL[self.adversarial]

    def check_loss(self, stages: tuple[Stage, ...]) -> None:
        """Raises UserError for a loss, an augmentation or a stage that these games do not have."""
        if self.adversarial not in ADVERSARIAL:
            raise UserError(f"game.adversarial={self.adversarial!r}: expected one of {', '.join(ADVERSARIAL)}")
        check_policy(self.augment, "game.augment")
        for index, stage in enumerate(stages):
            if stage.fade_images:
                raise UserError(f"stages[{index}].fade_images={stage.fade_images}: nothing grows here; set it to 0")

    def init_extras(self, batch: Batch) -> PyTree:
        """Nothing is carried between steps."""
        del batch
        return {}

    def load_frozen(self) -> PyTree:
        """No frozen weights."""
        return ()

    def augmented(self, images: Images, rngs: Rngs) -> Images:
        """What the discriminator sees of images, transformed alike where their keys are."""
        return augment(images, fold(rngs, AUGMENT), self.augment) if self.augment else images


def image_to_image(game: Game, direction: str | None, field: str) -> tuple[ImageToImage, Direction | None]:
    """The game, which must start from images, and the direction that it is to go, the value of `field`.

    Raises:
      UserError: it starts from latents, or goes both ways and is given no direction, or one way and is given one.
    """
    if game.generates_from != "images":
        raise UserError("--workdir: this run generates images from latents and translates none; take jgan sample")
    given = f"{field}={direction}" if direction else field
    if direction and not game.directions:
        raise UserError(f"{given}: this run has one direction; leave it out")
    if game.directions and direction not in game.directions:
        raise UserError(f"{given}: this run goes both ways; expected {' or '.join(game.directions)}")
    return cast(ImageToImage, game), cast(Direction | None, direction or None)


def sides_of(game: ImageToImage) -> tuple[int, int]:
    """What the sides of the network's inputs are multiples of, and the least that they may be."""
    return getattr(game.generator, "multiple", 1), getattr(game.generator, "smallest", 1)


def check_shape(outputs: PyTree, expected: Images, what: str) -> None:
    """Raises UserError where the generator's images are not of the shape of those they should resemble."""
    if outputs.shape[1:] != expected.shape[1:]:
        sizes = [" x ".join(map(str, side.shape[1:])) for side in (outputs, expected)]
        raise UserError(
            f"game.generator: makes images of {sizes[0]} (height x width x channels), {what} are {sizes[1]}; "
            "set its image_channels and scale, or data.channels and data.task.scale, to the same"
        )


def player_of(variables: PyTree) -> Player:
    """A player with these Flax variables and no optimizer, to trace a network with."""
    rest = dict(variables)
    return Player(rest.pop("params"), rest, None)


def as_picture(images: Images, like: Images) -> Images:
    """Images [n, h, w, c] of any channels to the height, width and colours of others, to be looked at side by side.

    Pixels are repeated; of other channels than one the first three are shown.
    """
    channels = like.shape[-1]
    images = images[..., :SHOWN_CHANNELS]
    if images.shape[-1] != channels:
        images = jnp.repeat(images[..., :1], channels, axis=-1) if images.shape[-1] < 3 else images[..., :channels]
    return jax.image.resize(images, (images.shape[0], *like.shape[1:]), "nearest")


def in_columns(columns: list[Images], across: int) -> Images:
    """Images of several kinds, an example's beside each other and `across` examples a row: [rows, columns, ...]."""
    cells = jnp.stack(columns, axis=1)
    rows = cells.shape[0] // across
    return cells[: rows * across].reshape(rows, across * len(columns), *cells.shape[2:])

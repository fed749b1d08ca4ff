"""What engine and science agree on: arrays, players, phases, stages and the Game protocol. No training logic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jgan.errors import UserError as UserError
from jgan.errors import did_you_mean as did_you_mean

Array = jax.Array
PyTree = Any
Images = jax.Array  # [n, height, width, channels], float32 in [-1, 1]
Latents = jax.Array  # [n, latent_dim], float32
Labels = jax.Array  # [n], int32 in [0, num_classes)
Logits = jax.Array  # [n], or [n, height, width] of a patch critic, float32
Rngs = jax.Array  # [n], one key per example of the batch
# "images", "labels" or "captions"; "inputs", "targets"; "images_a", "images_b"; each [n, ...]
Batch = Mapping[str, Any]
PixelBatch = tuple[np.ndarray, np.ndarray | None]  # on the host: images uint8 [n, h, w, c], labels int32 [n]
Metrics = dict[str, jax.Array]  # name: float32 scalar

DTYPES = ("float32", "bfloat16")  # that networks compute in; parameters and what leaves them are float32
SPECTRAL = "spectral"  # the Flax collection of power iteration's vectors
CONSTANTS = "constants"  # that of noise and the like, which stays as it is
AVERAGES = "averages"  # that of the average style and the like: averages themselves
COPIED = (CONSTANTS, AVERAGES)  # collections that the averaged generator has as the trained one has them
NONFINITE = "nonfinite"  # last part of the metric that says which quantity of a phase is not finite; -1: none

PlayerName = Literal["generator", "discriminator"]


class Player(struct.PyTreeNode):
    """One side of the game: its weights, their average, and its optimizer's state.

    `variables` are the Flax collections that no optimizer trains (batch statistics, spectral-norm vectors). The
    averages `params_ema` and `variables_ema` are kept for the generator and are None for the discriminator.
    """

    params: PyTree
    variables: PyTree
    opt_state: PyTree
    params_ema: PyTree = None
    variables_ema: PyTree = None

    def averaged(self) -> Player:
        """This player with its averaged weights in place of the trained ones."""
        return self.replace(params=self.params_ema, variables=self.variables_ema)


class TrainState(struct.PyTreeNode):
    """All that training changes, plus `frozen`: read-only weights a game needs, which checkpoints leave out."""

    step: Array  # int32 scalar, train steps finished
    generator: Player
    discriminator: Player
    extras: PyTree  # what a game carries between steps: image pools, running means
    frozen: PyTree


# The scalar loss, and (metrics, state) with batch statistics and extras advanced
LossOutput = tuple[Array, tuple[Metrics, TrainState]]
# Of (params of the phase's player, state, batch, one key per example). Only `params` is differentiated.
LossFunction = Callable[[PyTree, TrainState, Batch, Rngs], LossOutput]


@dataclasses.dataclass(frozen=True)
class Phase:
    """One move of the game: `player` minimises `loss` on every step that `every` divides.

    `lazy` marks a regulariser that stands for one applied on every step (StyleGAN2, https://arxiv.org/abs/1912.04958,
    appendix B): the loss carries the factor `every` itself, and the player's optimizer is slowed by k / (k + 1).
    Those of the loss's metrics that `reused` names are no scalars but arrays with a row for each example: the moves
    after it in the step find them in their batch.
    """

    name: str
    player: PlayerName
    loss: LossFunction
    every: int = 1
    lazy: bool = False
    reused: tuple[str, ...] = ()

    def is_active(self, step: int) -> bool:
        """Whether the phase runs on this step, counted from its stage's start; a subclass may have its own rule."""
        return step % self.every == 0


@dataclasses.dataclass(frozen=True)
class Stage:
    """A span of steps with fixed shapes. Most runs have one; ProGAN has one per resolution."""

    steps: int
    batch_size: int  # over all devices and processes
    resolution: int  # pixels of a side; of generated images that are no squares, of their height
    name: str = "train"
    fade_images: int = 0  # new layers fade in over this many images, from the start of the stage
    adversarial: bool = True  # False: the pre-training stage of a super-resolution GAN
    accumulate: int = 1  # microbatches a step; the gradients are their mean
    learning_rate_scale: float = 1.0  # of both players
    reset_optimizers: bool = False  # at the start of the stage
    own_batches: bool = False  # each player has real images and latents of its own, `batch_size` of them, in every step

    @property
    def examples(self) -> int:
        """Examples of the data that a step takes, over all devices and processes."""
        return self.batch_size * (2 if self.own_batches else 1)


@dataclasses.dataclass(frozen=True)
class ScheduledStage(Stage):
    """A stage that knows where it begins in the run."""

    start: int = 0  # steps before it
    start_images: int = 0  # images before it

    def images_seen(self, step: Array) -> Array:
        """Images seen after `step` steps of the whole run, as float32 (exact up to 2**24 images of a stage)."""
        since_start = jnp.asarray(step - self.start, jnp.float32) * self.batch_size
        return jnp.float32(self.start_images) + since_start

    def fade(self, step: Array) -> Array:
        """Share of the newest layers in the output, 0 to 1, as a traced float32 scalar."""
        if self.fade_images == 0:
            return jnp.float32(1.0)
        since_start = jnp.asarray(step - self.start, jnp.float32) * self.batch_size
        return jnp.clip(since_start / self.fade_images, 0.0, 1.0)


def schedule(stages: tuple[Stage, ...]) -> tuple[ScheduledStage, ...]:
    """The stages with their first step and first image filled in."""
    scheduled, start, start_images = [], 0, 0
    for stage in stages:
        fields = {field.name: getattr(stage, field.name) for field in dataclasses.fields(Stage)}
        scheduled.append(ScheduledStage(**fields, start=start, start_images=start_images))
        start += stage.steps
        start_images += stage.steps * stage.batch_size
    return tuple(scheduled)


def stage_ending(stages: tuple[ScheduledStage, ...], step: int) -> ScheduledStage:
    """The stage of the last of `step` finished steps."""
    return next(stage for stage in stages if step <= stage.start + stage.steps)


Direction = Literal["a_to_b", "b_to_a"]


class Game(Protocol):
    """The wiring of a family: which inputs go where, and what each player minimises.

    Code outside of jgan/games/ asks a game what it is and never looks at its class.
    """

    @property
    def generates_from(self) -> Literal["latents", "images"]:
        """What the generator starts from. Of latents the game is a LatentGAN, of images an ImageToImage."""
        ...

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The ways that images go between two domains; () where there is one way, or no input image."""
        ...

    @property
    def num_classes(self) -> int:
        """Classes that the generator knows; 0 without labels."""
        ...

    @property
    def captions(self) -> Literal["none", "words", "vectors"]:
        """What kind of captions the generator takes in place of labels."""
        ...

    def example_caption(self) -> np.ndarray | None:
        """One caption of the right type and size, [1, words or features]; None where the game takes none."""
        ...

    def check(self, stages: tuple[Stage, ...]) -> None:
        """Raises UserError where the networks cannot make what the stages ask for."""
        ...

    def check_data(self, batch: Batch, num_classes: int | None, num_words: int | None) -> None:
        """Raises UserError where a batch of the data (arrays or their shapes) is not what the networks take.

        `num_classes` is that of the data, None without labels; `num_words` that of its captions' vocabulary.
        """
        ...

    def init(self, rng: Array, batch: Batch, stage: ScheduledStage) -> tuple[PyTree, PyTree]:
        """Flax variables of the generator and of the discriminator, as used at this stage."""
        ...

    def init_extras(self, batch: Batch) -> PyTree:
        """The first value of `TrainState.extras`."""
        ...

    def how_to_sample(self) -> str:
        """The command that generates with any run of this game, as "sample --num 100", to be shown at a run's end."""
        ...

    def advice(self, metrics: Mapping[str, float]) -> str | None:
        """What to say, once a run, of the mean metrics of some steps; None where all is well."""
        ...

    def load_frozen(self) -> PyTree:
        """Read-only weights the losses need (a perceptual network); () where there are none."""
        ...

    def phases(self, stage: ScheduledStage) -> tuple[Phase, ...]:
        """The moves of one step, in order."""
        ...

    def preview(self, stage: ScheduledStage, state: TrainState, player: Player, batch: Batch, rng: Array) -> Images:
        """A picture of progress, [rows, columns, height, width, channels], the same inputs at every call.

        `player` is the generator: its EMA weights or the trained ones.
        """
        ...

    def preview_legend(self, class_names: Sequence[str] | None) -> tuple[str, ...]:
        """What the columns of `preview` show, again from the first where there are more; () where all show the same."""
        ...


class ImageToImage(Game, Protocol):
    """A game whose `generates_from` is "images"."""

    @property
    def generator(self) -> Any:
        """The network: its `multiple` and `smallest`, where it has them, are what sides of its inputs must be.

        `is_local`, where it has it, says that a pixel of its images depends on the pixels around it alone.
        """
        ...

    @property
    def test_as_trained(self) -> bool:
        """Whether it translates with the statistics of what it is given, and with dropout, as in training."""
        ...

    def translate(self, player: Player, inputs: Images, rng: Array, direction: Direction | None = None) -> Images:
        """Images of inputs [n, h, w, c] in [-1, 1]; `rng` is the key of dropout. `direction` is one of `directions`."""
        ...

    def input_name(self, direction: Direction | None) -> str:
        """What inputs of that direction are called in a batch."""
        ...

"""Both networks of a game of latents: generating, discriminating, and what is done to images in between."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jgan.augment.blur import blur
from jgan.augment.diffaugment import augment
from jgan.engine.optim import half_cosine
from jgan.games.adaptive import PROBABILITY
from jgan.games.forward import forward, forward_with_intermediates, shapes_of
from jgan.games.settings import Settings
from jgan.games.truncation import check_truncation_range
from jgan.losses.penalties import Critic
from jgan.types import (
    Array,
    Batch,
    Direction,
    Images,
    Labels,
    Latents,
    Logits,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    TrainState,
    UserError,
)

# What the key of an example is folded with, so that each random number has a purpose of its own.
LATENTS, NETWORK_FAKE, NETWORK_REAL, TARGETS_REAL, TARGETS_FAKE = range(5)
AUGMENT, NOISE_REAL, NOISE_FAKE, PENALTY, CONSISTENCY, LATENT_NOISE, MORE_IMAGES = range(5, 12)


class StepInputs(NamedTuple):
    """What both players take at a step: a batch, its keys, and where the run stands."""

    images: Images
    labels: Labels | None
    rngs: Rngs
    images_seen: Array  # before this step, a float32 scalar
    growth: Mapping[str, Any]  # keywords of both networks: `Networks.growth`
    augment_probability: float | Array = 1.0  # of each augmentation


class DiscriminatorOutput(NamedTuple):
    """Logits of the discriminator and, where its network sows them, its last features and other logits."""

    logits: Logits
    features: Array | None
    class_logits: Array | None  # [n, classes], of an auxiliary classifier
    conditional_logits: Logits | None = None  # by class, where `logits` go without, as in a transition


@dataclasses.dataclass(frozen=True)
class Networks(Settings):
    """A generator of images from latents (and labels) against a discriminator of images (and labels).

    `generator(latents, labels, train=)` gives images, `discriminator(images, labels, train=)` logits [n]; labels are
    None where `num_classes` is 0.
    """

    generator: nn.Module
    discriminator: nn.Module
    latent_dim: int = 100
    # uniform: in [-1, 1]; truncated_normal: N(0, 1) in [-2, 2], and a truncation is their scale (published BigGANs)
    latent_distribution: Literal["normal", "uniform", "truncated_normal"] = "normal"
    num_classes: int = 0  # 0: unconditional
    truncation_tables: int = 0  # of the generator's batch statistics, for truncations from 0 to 1; 0: one for all

    @property
    def generates_from(self) -> Literal["latents"]:
        """What the generator starts from."""
        return "latents"

    @property
    def has_styles(self) -> bool:
        """Whether latents become styles first, a vector for each layer, as StyleGAN's do."""
        return False

    @property
    def directions(self) -> tuple[Direction, ...]:
        """None: there is no input image."""
        return ()

    @property
    def captions(self) -> Literal["none", "words", "vectors"]:
        """No captions: labels, or nothing."""
        return "none"

    def example_caption(self) -> np.ndarray | None:
        """No caption."""
        return None

    def step_inputs(self, stage: ScheduledStage, state: TrainState, batch: Batch, rngs: Rngs) -> StepInputs:
        """What both players move with at this step."""
        growth, images_seen = self.growth(stage, state.step), stage.images_seen(state.step)
        probability = state.extras[PROBABILITY] if self.ada_target else self.augment_probability_at(images_seen)
        return StepInputs(batch["images"], self.labels(batch), rngs, images_seen, growth, probability)

    def growth(self, stage: ScheduledStage, step: Array) -> Mapping[str, Any]:
        """Keywords of both networks that depend on the stage and on the steps of the run; these have none."""
        del stage, step
        return {}

    def labels(self, batch: Batch) -> Labels | None:
        """Of the real images, and of the fake ones; None for an unconditional game."""
        return batch["labels"] if self.num_classes else None

    def example_labels(self, count: int) -> Labels | None:
        """Labels of the right shape and type, of any value."""
        return jnp.zeros((count,), jnp.int32) if self.num_classes else None

    @property
    def label_limit(self) -> int:
        """What labels are below."""
        return self.num_classes

    def generator_inputs(self, inputs: StepInputs) -> StepInputs:
        """What the generator takes on its own move: `generator_batches` keys and labels for each example of the batch.

        Those of an example are neighbours.
        """
        count = self.generator_batches
        if count == 1:
            return inputs
        copies = jnp.stack([fold(inputs.rngs, MORE_IMAGES + copy) for copy in range(count)], axis=1)
        labels = None if inputs.labels is None else jnp.repeat(inputs.labels, count, axis=0)
        return inputs._replace(rngs=copies.reshape(-1), labels=labels)

    def sample_latents(self, rngs: Rngs, truncation: float | None = None) -> Latents:
        """Latents [n, z], one row a key."""
        if self.latent_distribution == "truncated_normal":
            sample = functools.partial(jax.random.truncated_normal, lower=-2.0, upper=2.0, shape=(self.latent_dim,))
            return (1.0 if truncation is None else truncation) * jax.vmap(sample)(fold(rngs, LATENTS))
        if self.latent_distribution == "uniform":
            sample = functools.partial(jax.random.uniform, shape=(self.latent_dim,), minval=-1.0, maxval=1.0)
        elif truncation is not None:
            sample = functools.partial(
                jax.random.truncated_normal, lower=-truncation, upper=truncation, shape=(self.latent_dim,)
            )
        else:
            sample = functools.partial(jax.random.normal, shape=(self.latent_dim,))
        return jax.vmap(sample)(fold(rngs, LATENTS))

    def check_truncation(self, truncation: float) -> None:
        """Raises UserError where latents cannot be truncated, or not so."""
        if self.latent_distribution == "uniform":
            raise UserError("--truncation: this run's latents are uniform; only normal ones can be truncated")
        check_truncation_range(truncation, self.truncation_tables)

    def with_truncation_cutoff(self, layers: int) -> Self:
        """The game that truncates its first `layers` alone. Raises UserError where it has no layers of styles."""
        raise UserError(
            f"--truncation_cutoff={layers}: this run truncates latents, which all layers share; leave it out"
        )

    def generate(self, player: Player, inputs: StepInputs) -> tuple[Images, Player]:
        """Fake images [n, h, w, c], and the player with its variables advanced."""
        return self._generate_from(player, self.sample_latents(inputs.rngs), inputs)

    def generate_for_discriminator(self, player: Player, inputs: StepInputs) -> tuple[Images, Player]:
        """Fake images [n, h, w, c] for the discriminator's move, and the generator after it."""
        return self.generate(player, inputs)[0], player

    def generate_perturbed(self, player: Player, inputs: StepInputs) -> Images:
        """Fake images of the same latents with a little noise added (zCR)."""
        latents = self.sample_latents(inputs.rngs)
        noise = _normal(fold(inputs.rngs, LATENT_NOISE), latents)
        return self._generate_from(player, latents + self.zcr_noise * noise, inputs)[0]

    def discriminate(
        self, player: Player, images: Images, inputs: StepInputs, purpose: int, *, advance_spectral: bool = True
    ) -> tuple[DiscriminatorOutput, Player]:
        """The discriminator on real or fake images (`purpose`), augmented as the settings say; its player advanced.

        `advance_spectral` as in `forward_with_intermediates`.
        """
        images = self._perturb(images, inputs, purpose)
        rng = jax.random.fold_in(inputs.rngs[0], purpose)
        logits, sown, player = forward_with_intermediates(
            self.discriminator,
            player,
            images,
            inputs.labels,
            rng=rng,
            advance_spectral=advance_spectral,
            **inputs.growth,
        )
        others = (sown.get(name) for name in ("features", "class_logits", "conditional_logits"))
        return DiscriminatorOutput(logits, *others), player

    def critic(self, player: Player, inputs: StepInputs, purpose: int) -> Critic:
        """The discriminator as a function of images to logits, for penalties."""
        return lambda images: self.discriminate(player, images, inputs, purpose)[0].logits

    def trace(
        self, name: Literal["generator", "discriminator"], inputs: Array, growth: Mapping[str, Any]
    ) -> tuple[jax.ShapeDtypeStruct, PyTree]:
        """Shapes of what a network makes of two examples, and of its variables, what it sows included.

        Raises:
          UserError: it cannot be built.
        """
        try:
            return shapes_of(getattr(self, name), inputs, self.example_labels(2), **growth)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"game.{name}: cannot be built with these fields ({reason})") from None

    def image_shape(self, stage: ScheduledStage) -> tuple[int, ...]:
        """(height, width, channels) of the generator's images. Raises UserError where it cannot be built."""
        growth = self.growth(stage, jnp.int32(stage.start))
        return self.trace("generator", jnp.zeros((2, self.latent_dim)), growth)[0].shape[1:]

    def gamma_scale(self, images_seen: Array) -> float | Array:
        """What R1's and R2's gamma are multiplied by."""
        if not self.gamma_images:
            return 1.0
        share = half_cosine(jnp.minimum(images_seen / self.gamma_images, 1.0))
        return 1.0 + share * (self.final_gamma_scale - 1.0)

    def augment_probability_at(self, images_seen: Array) -> float | Array:
        """The probability of each transform."""
        if not self.augment_probability_images:
            return self.augment_probability
        return self.augment_probability * half_cosine(jnp.minimum(images_seen / self.augment_probability_images, 1.0))

    def _generate_from(self, player: Player, latents: Latents, inputs: StepInputs) -> tuple[Images, Player]:
        rng = jax.random.fold_in(inputs.rngs[0], NETWORK_FAKE)
        return forward(self.generator, player, latents, inputs.labels, rng=rng, **inputs.growth)

    def _perturb(self, images: Images, inputs: StepInputs, purpose: int) -> Images:
        """Images blurred, augmented, real and fake image i alike, then with instance noise."""
        if self.blur_sigma:
            images = blur(images, linear_decay(self.blur_sigma, 0.0, self.blur_images, inputs.images_seen))
        if self.augment:
            images = augment(images, fold(inputs.rngs, AUGMENT), self.augment, inputs.augment_probability)
        if not self.instance_noise:
            return images
        deviation = linear_decay(self.instance_noise, 0.0, self.instance_noise_images, inputs.images_seen)
        rngs = fold(inputs.rngs, NOISE_REAL if purpose == NETWORK_REAL else NOISE_FAKE)
        return images + deviation * _normal(rngs, images)


def fold(rngs: Rngs, purpose: int) -> Rngs:
    """Keys [n] for one purpose."""
    return jax.vmap(jax.random.fold_in, in_axes=(0, None))(rngs, purpose)


def linear_decay(first: float, last: float, images: int, images_seen: Array) -> Array:
    """From `first` to `last`, linearly while `images` are seen, as a float32 scalar; `first` throughout if 0."""
    progress = jnp.minimum(images_seen / images, 1.0) if images else jnp.float32(0.0)
    return first + progress * (last - first)


def _normal(rngs: Rngs, like: Array) -> Array:
    """N(0, 1) of the shape of `like`, each example by its own key."""
    return jax.vmap(lambda rng: jax.random.normal(rng, like.shape[1:]))(rngs)

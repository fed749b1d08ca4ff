"""The game of latents to images: vanilla GAN, DCGAN and every other noise-to-image family.

Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661), Algorithm 1; labels as in Mirza & Osindero 2014
(https://arxiv.org/abs/1411.1784).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jgan.games.forward import forward
from jgan.losses.adversarial import ADVERSARIAL, Adversarial
from jgan.losses.penalties import r1_penalty
from jgan.types import (
    Array,
    Batch,
    Images,
    Labels,
    Latents,
    Logits,
    Metrics,
    Phase,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    Stage,
    TrainState,
    UserError,
)

# What the key of an example is folded with, so that each draw has a key of its own.
LATENTS, NETWORK_FAKE, NETWORK_REAL, TARGETS_REAL, TARGETS_FAKE = range(5)
PREVIEW_ROWS, PREVIEW_COLUMNS = 8, 10


@dataclasses.dataclass(frozen=True)
class LatentGAN:
    """A generator of images from latents (and labels) against a discriminator of images (and labels).

    `generator(latents, labels, train=)` gives images, `discriminator(images, labels, train=)` logits [n]; labels are
    None where `num_classes` is 0.
    """

    generator: nn.Module
    discriminator: nn.Module
    latent_dim: int = 100
    latent_distribution: Literal["normal", "uniform"] = "normal"  # uniform: in [-1, 1]
    num_classes: int = 0  # 0: unconditional
    adversarial: str = "non_saturating"  # a name in jgan.losses.adversarial.ADVERSARIAL
    label_smoothing: float = 0.0  # one-sided: the target of real images is 1 minus this (Salimans et al. 2016, 3.4)
    label_flipping: float = 0.0  # share of real and of fake targets that the discriminator sees flipped
    r1_gamma: float = 0.0  # weight of the R1 penalty; 0: none
    r1_every: int = 16
    generator_every: int = 1  # discriminator steps per generator step

    def check(self, stages: tuple[Stage, ...]) -> None:
        """Raises UserError for settings that contradict each other or a resolution the networks cannot make."""
        self._check_fields()
        for index, stage in enumerate(stages):
            if not stage.adversarial or stage.fade_images:
                field = "fade_images" if stage.adversarial else "adversarial"
                raise UserError(f"stages[{index}].{field}: this family has no such stage; leave the field as it was")
            self._check_resolution(index, stage)

    def check_data(self, batch: Batch, num_classes: int | None) -> None:
        """Raises UserError for images with other channels than the generator's, or labels that do not fit."""
        channels, made = batch["images"].shape[-1], self._image_shape()[-1]
        if channels != made:
            raise UserError(
                f"data.channels={channels}: game.generator makes images of {made} channels; set both to the same"
            )
        if self.num_classes and num_classes is None:
            raise UserError(f"game.num_classes={self.num_classes}: the data has no labels; set it to 0")
        if self.num_classes and num_classes is not None and num_classes > self.num_classes:
            raise UserError(f"game.num_classes={self.num_classes}: the data has {num_classes} classes")

    def init(self, rng: Array, batch: Batch, stage: ScheduledStage) -> tuple[PyTree, PyTree]:
        """Flax variables of both networks."""
        del stage
        latents = jnp.zeros((batch["images"].shape[0], self.latent_dim))
        labels = self._labels(batch)
        rngs = {"params": rng, "dropout": rng}
        return (
            self.generator.init(rngs, latents, labels, train=True),
            self.discriminator.init(rngs, batch["images"], labels, train=True),
        )

    def init_extras(self, batch: Batch) -> PyTree:
        """Nothing is carried between steps."""
        del batch
        return {}

    def load_frozen(self) -> PyTree:
        """No frozen weights."""
        return ()

    def phases(self, stage: ScheduledStage) -> tuple[Phase, ...]:
        """Discriminator, R1 where it is on, generator."""
        del stage
        phases = [Phase("discriminator", "discriminator", self.discriminator_loss)]
        if self.r1_gamma:
            phases.append(Phase("r1", "discriminator", self.r1_loss, every=self.r1_every, lazy=True))
        phases.append(Phase("generator", "generator", self.generator_loss, every=self.generator_every))
        return tuple(phases)

    def discriminator_loss(
        self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> tuple[Array, tuple[Metrics, TrainState]]:
        """Mean over the batch of the discriminator's side of the adversarial loss.

        The generator's statistics do not advance here: they do on its own moves.
        """
        images_fake, _ = self._generate_fake(state.generator, batch, rngs)
        discriminator = state.discriminator.replace(params=params)
        logits_real, discriminator = self._discriminate(discriminator, batch["images"], batch, rngs, NETWORK_REAL)
        logits_fake, discriminator = self._discriminate(discriminator, images_fake, batch, rngs, NETWORK_FAKE)
        loss = self._discriminator_losses(logits_real, logits_fake, rngs).mean()
        metrics = {"logits_real": logits_real.mean(), "logits_fake": logits_fake.mean()}
        return loss, (metrics, state.replace(discriminator=discriminator))

    def r1_loss(
        self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> tuple[Array, tuple[Metrics, TrainState]]:
        """Gamma / 2 times the R1 penalty, times `r1_every` because it stands for that many steps."""
        player = state.discriminator.replace(params=params)

        def critic(images: Images) -> Logits:
            return self._discriminate(player, images, batch, rngs, NETWORK_REAL)[0]

        penalty = r1_penalty(critic, batch["images"]).mean()
        loss = 0.5 * self.r1_gamma * self.r1_every * penalty
        return loss, ({"penalty": penalty}, state)

    def generator_loss(
        self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> tuple[Array, tuple[Metrics, TrainState]]:
        """Mean over the batch of the generator's side of the adversarial loss."""
        images_fake, generator = self._generate_fake(state.generator.replace(params=params), batch, rngs)
        # A loss that does not look at logits_real leaves this forward pass dead, and XLA drops it.
        logits_real, _ = self._discriminate(state.discriminator, batch["images"], batch, rngs, NETWORK_REAL)
        logits_fake, _ = self._discriminate(state.discriminator, images_fake, batch, rngs, NETWORK_FAKE)
        loss = self._adversarial.generator(logits_real, logits_fake).mean()
        return loss, ({}, state.replace(generator=generator))

    def sample(
        self, player: Player, rngs: Rngs, labels: Labels | None = None, truncation: float | None = None
    ) -> Images:
        """Images [n, h, w, c] in [-1, 1], one per key: an image depends on its own key and label alone.

        `truncation` draws normal latents from [-t, t] (Brock et al. 2019, https://arxiv.org/abs/1809.11096, 3.1).
        """
        latents = self._draw_latents(rngs, truncation)
        return forward(self.generator, player, latents, labels, rng=rngs[0], train=False)[0]

    def preview(self, stage: ScheduledStage, state: TrainState, player: Player, batch: Batch, rng: Array) -> Images:
        """Fixed latents, one column per class (or ten columns), [rows, columns, h, w, c]."""
        del stage, state, batch
        columns = self.num_classes or PREVIEW_COLUMNS
        rngs = jax.random.split(rng, PREVIEW_ROWS * columns)
        labels = jnp.tile(jnp.arange(columns), PREVIEW_ROWS) if self.num_classes else None
        images = self.sample(player, rngs, labels)
        return images.reshape(PREVIEW_ROWS, columns, *images.shape[1:])

    @property
    def _adversarial(self) -> Adversarial:
        return ADVERSARIAL[self.adversarial]

    def _labels(self, batch: Batch) -> Labels | None:
        return batch["labels"] if self.num_classes else None

    def _draw_latents(self, rngs: Rngs, truncation: float | None = None) -> Latents:
        if self.latent_distribution == "uniform":
            draw = functools.partial(jax.random.uniform, shape=(self.latent_dim,), minval=-1.0, maxval=1.0)
        elif truncation is not None:
            draw = functools.partial(
                jax.random.truncated_normal, lower=-truncation, upper=truncation, shape=(self.latent_dim,)
            )
        else:
            draw = functools.partial(jax.random.normal, shape=(self.latent_dim,))
        return jax.vmap(draw)(_fold(rngs, LATENTS))

    def _generate_fake(self, player: Player, batch: Batch, rngs: Rngs) -> tuple[Images, Player]:
        rng = jax.random.fold_in(rngs[0], NETWORK_FAKE)
        return forward(self.generator, player, self._draw_latents(rngs), self._labels(batch), rng=rng)

    def _discriminate(
        self, player: Player, images: Images, batch: Batch, rngs: Rngs, purpose: int
    ) -> tuple[Logits, Player]:
        rng = jax.random.fold_in(rngs[0], purpose)
        return forward(self.discriminator, player, images, self._labels(batch), rng=rng)

    def _discriminator_losses(self, logits_real: Logits, logits_fake: Logits, rngs: Rngs) -> Array:
        against_target = self._adversarial.against_target
        if against_target is None or not (self.label_smoothing or self.label_flipping):
            return self._adversarial.discriminator(logits_real, logits_fake)
        real = 1.0 - self.label_smoothing
        flips_real = self._draw_flips(_fold(rngs, TARGETS_REAL))
        flips_fake = self._draw_flips(_fold(rngs, TARGETS_FAKE))
        return against_target(logits_real, jnp.where(flips_real, 0.0, real)) + against_target(
            logits_fake, jnp.where(flips_fake, real, 0.0)
        )

    def _draw_flips(self, rngs: Rngs) -> Array:
        return jax.vmap(lambda rng: jax.random.bernoulli(rng, self.label_flipping))(rngs)

    def _check_fields(self) -> None:
        if self.adversarial not in ADVERSARIAL:
            names = ", ".join(ADVERSARIAL)
            raise UserError(f"game.adversarial={self.adversarial!r}: expected one of {names}")
        if (self.label_smoothing or self.label_flipping) and self._adversarial.against_target is None:
            raise UserError(
                f"game.label_smoothing, game.label_flipping: the loss {self.adversarial!r} has no targets to change; "
                "set both to 0"
            )
        for name in ("generator", "discriminator"):
            classes = getattr(getattr(self, name), "num_classes", 0)
            if classes != self.num_classes:
                takes = f"takes {classes} classes" if classes else "ignores labels"
                raise UserError(
                    f"game.num_classes={self.num_classes}: game.{name} {takes}; set both to the same number"
                )

    def _check_resolution(self, index: int, stage: Stage) -> None:
        shape = self._image_shape()
        self._output_shape("discriminator", jnp.zeros((2, *shape)))
        if shape[:2] != (stage.resolution, stage.resolution):
            raise UserError(
                f"stages[{index}].resolution={stage.resolution}: game.generator makes {shape[0]} x {shape[1]} "
                "images; set both to the same resolution"
            )

    def _image_shape(self) -> tuple[int, ...]:
        return self._output_shape("generator", jnp.zeros((2, self.latent_dim)))[1:]

    def _output_shape(self, name: str, inputs: Array) -> tuple[int, ...]:
        """What a network makes of two examples. Raises UserError where it cannot be built."""
        rng = jax.random.key(0)
        make = functools.partial(getattr(self, name).init_with_output, train=True)
        labels = jnp.zeros((2,), jnp.int32) if self.num_classes else None
        try:
            return jax.eval_shape(make, {"params": rng, "dropout": rng}, inputs, labels)[0].shape
        except (TypeError, ValueError, ArithmeticError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"game.{name}: cannot be built with these fields ({reason})") from None


def _fold(rngs: Rngs, purpose: int) -> Rngs:
    return jax.vmap(jax.random.fold_in, in_axes=(0, None))(rngs, purpose)

"""The game of latents to images: vanilla GAN, DCGAN and every other noise-to-image family.

Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661), Algorithm 1; labels as in Mirza & Osindero 2014
(https://arxiv.org/abs/1411.1784). Its options are in settings.py.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgan.engine.optim import adam_state, unrolled_adam
from jgan.games.adaptive import (
    OVERFITTING,
    PROBABILITY,
    SIGNS,
    count_signs,
    init_adaptive,
    leak_warning,
    mean_sign,
    move_probability,
)
from jgan.games.cadence import CriticFirst
from jgan.games.checks import check_networks
from jgan.games.forward import forward, init_network
from jgan.games.networks import (
    NETWORK_FAKE,
    NETWORK_REAL,
    TARGETS_FAKE,
    TARGETS_REAL,
    DiscriminatorOutput,
    Networks,
    StepInputs,
    fold,
    linear_decay,
)
from jgan.games.terms import discriminator_terms, generator_terms, zero_gradient_terms
from jgan.games.truncation import at_truncation, with_tables
from jgan.games.unrolling import unroll
from jgan.layers.norm import BATCH_STATS, MOMENTS
from jgan.losses.adversarial import ADVERSARIAL, Adversarial
from jgan.losses.auxiliary import top_k_mean
from jgan.types import (
    Array,
    Batch,
    Images,
    Labels,
    Latents,
    Logits,
    LossOutput,
    Metrics,
    Phase,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    Stage,
    TrainState,
    UserError,
    schedule,
)

PREVIEW_ROWS, PREVIEW_COLUMNS = 8, 10
AVERAGED_LOGITS = ("logits_real", "logits_fake")  # by LeCam, in `extras`

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LatentGAN(Networks):
    """Generator against discriminator, by an adversarial loss and the options of settings.py."""

    adversarial: str = "non_saturating"  # a name in jgan.losses.adversarial.ADVERSARIAL

    def check(self, stages: tuple[Stage, ...]) -> None:
        """Raises UserError for settings that contradict each other or a resolution the networks cannot make."""
        self.check_settings()
        self._check_adversarial()
        scheduled = schedule(stages)
        self._check_stages(scheduled)
        check_networks(self, scheduled[-1])
        self._check_resolutions(scheduled)

    def check_data(self, batch: Batch, num_classes: int | None, num_words: int | None = None) -> None:
        """Raises UserError for images of another shape or other channels than the generator's, or unfit labels."""
        del num_words
        if "images" not in batch:
            raise UserError(
                "data.source, data.task: give pairs of images or domains, and this game generates images from latents; "
                "set data.task.name to 'none', or take a source of images, such as folder:<directory>"
            )
        if self.truncation_tables:
            raise UserError(
                f"game.truncation_tables={self.truncation_tables}: they belong to imported weights, and training would "
                "leave them as they are; set it to 0"
            )
        count, resolution, _, channels = batch["images"].shape
        height, width, generated = self.image_shape(ScheduledStage(steps=1, batch_size=count, resolution=resolution))
        if height != width:
            raise UserError(
                f"game.generator: makes images of {width} x {height} pixels, and the data are read as squares; sample "
                "from it, or take a generator of square images to train"
            )
        if channels != generated:
            raise UserError(
                f"data.channels={channels}: game.generator makes images of {generated} channels; set both to the same"
            )
        if self.num_classes and num_classes is None:
            raise UserError(f"game.num_classes={self.num_classes}: the data has no labels; set it to 0")
        if self.num_classes and num_classes is not None and num_classes > self.num_classes:
            raise UserError(f"game.num_classes={self.num_classes}: the data has {num_classes} classes")
        if num_classes is not None and num_classes < self.num_classes:
            logger.warning(
                "game.num_classes=%d: the data has %d classes, so that the others are never learned",
                self.num_classes,
                num_classes,
            )

    def init(self, rng: Array, batch: Batch, stage: ScheduledStage) -> tuple[PyTree, PyTree]:
        """Flax variables of both networks."""
        latents = jnp.zeros((batch["images"].shape[0], self.latent_dim))
        labels, growth = self.labels(batch), self.growth(stage, jnp.int32(stage.start))
        generator = init_network(self.generator, rng, latents, labels, **growth)
        discriminator = init_network(self.discriminator, rng, batch["images"], labels, **growth)
        return with_tables(generator, self.truncation_tables), discriminator

    def init_extras(self, batch: Batch) -> PyTree:
        """LeCam's moving averages of the logits, and ADA's probability with what moves it, where they are on."""
        del batch
        averages = {name: jnp.zeros(()) for name in AVERAGED_LOGITS} if self.lecam_weight else {}
        return {**averages, **(init_adaptive() if self.ada_target else {})}

    def advice(self, metrics: Mapping[str, float]) -> str | None:
        """Of ADA's probability, where it stays near 1, or was set there."""
        if self.ada_target:
            return leak_warning(metrics.get(f"discriminator/{PROBABILITY}", 0.0), "game.ada_target")
        of_ada = any(name.startswith("ada_") for name in self.augment)  # DiffAugment's kinds are meant for all images
        return leak_warning(self.augment_probability, "game.augment_probability") if of_ada else None

    def how_to_sample(self) -> str:
        """The command that samples from any run of this game, with its flags."""
        return "sample --num 100"

    def load_frozen(self) -> PyTree:
        """No frozen weights."""
        return ()

    def phases(self, stage: ScheduledStage) -> tuple[Phase, ...]:
        """Discriminator, R1 and R2 where they are lazy, generator."""
        bind = functools.partial
        phases = [Phase("discriminator", "discriminator", bind(self.discriminator_loss, stage))]
        if (self.r1_gamma or self.r2_gamma) and self.r1_every > 1:
            lazy_loss = bind(self.lazy_loss, stage)
            phases.append(Phase("penalty", "discriminator", lazy_loss, every=self.r1_every, lazy=True))
        kind = CriticFirst if self.critic_warmup else Phase
        generator_loss = bind(self.generator_loss, stage)
        phases.append(kind("generator", "generator", generator_loss, every=self.generator_every))
        return tuple(phases)

    def discriminator_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """Mean over the batch of the discriminator's side of the adversarial loss, plus penalties.

        The generator's batch statistics do not advance here: they do on its own moves.
        """
        if self.ada_target:
            state = state.replace(extras=move_probability(self, state.extras, state.step, stage.batch_size))
        inputs = self.step_inputs(stage, state, batch, rngs)
        images_fake, generator = self.generate_for_discriminator(state.generator, inputs)
        player = state.discriminator.replace(params=self._without_frozen(params))
        loss, (metrics, player) = self._discriminator_objective(player, inputs, images_fake, state)
        extras = self._advance_averages(state.extras, metrics, inputs)
        if self.ada_target:
            metrics |= {name: extras[name] for name in (PROBABILITY, OVERFITTING)}
            extras = count_signs(extras, metrics.pop(SIGNS), len(inputs.images))
        return loss, (metrics, state.replace(generator=generator, discriminator=player, extras=extras))

    def lazy_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """R1 and R2, times `r1_every` because they stand for that many steps."""
        inputs = self.step_inputs(stage, state, batch, rngs)
        images_fake, _ = self.generate(state.generator, inputs)
        player = state.discriminator.replace(params=self._without_frozen(params))
        loss, metrics = zero_gradient_terms(self, player, inputs, images_fake)
        if self.ada_target and self.r1_gamma:
            # The penalty has looked at them too: XLA computes their logits once.
            real, _ = self.discriminate(player, inputs.images, inputs, NETWORK_REAL)
            state = state.replace(extras=count_signs(state.extras, mean_sign(real.logits), len(inputs.images)))
        return self.r1_every * loss, (metrics, state)

    def _without_frozen(self, params: PyTree) -> PyTree:
        """The discriminator's parameters, those of frozen layers as constants."""
        frozen = set(self.frozen_layers)
        return {name: jax.lax.stop_gradient(leaf) if name in frozen else leaf for name, leaf in params.items()}

    def generator_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """Mean over the batch of the generator's side of the adversarial loss, plus what is added to it."""
        inputs = self.step_inputs(stage, state, batch, rngs)
        generator_inputs = self.generator_inputs(inputs)
        player = state.generator.replace(params=params)
        images_fake, advanced = self.generate(player, generator_inputs)
        discriminator = state.discriminator
        if self.unroll_steps:
            discriminator = self._unrolled_discriminator(state.replace(generator=player), inputs, images_fake)
        # A loss that does not look at the real images leaves this forward pass dead, and XLA drops it.
        real, _ = self.discriminate(discriminator, inputs.images, inputs, NETWORK_REAL)
        fake, _ = self.discriminate(discriminator, images_fake, generator_inputs, NETWORK_FAKE)
        losses = self._generator_losses(real, fake, inputs)
        loss = self.generator_adversarial_weight * self._mean_of_best(losses, fake.logits, inputs)
        added, metrics = generator_terms(self, player, generator_inputs, images_fake, real, fake)
        return loss + added, (metrics, state.replace(generator=advanced))

    def sample(
        self,
        player: Player,
        rngs: Rngs,
        labels: Labels | None = None,
        truncation: float | None = None,
        growth: Mapping[str, Any] | None = None,
    ) -> Images:
        """Images [n, h, w, c] in [-1, 1], one per key: an image depends on its own key and label alone.

        `truncation` samples normal latents from [-t, t] (Brock et al. 2019, https://arxiv.org/abs/1809.11096, 3.1), or
        scales those of "truncated_normal"; with `truncation_tables` it also chooses the batch statistics, and is 1
        where it is None. `growth` is what `self.growth` gives for the player's stage and step; networks that do not
        grow need none.
        """
        latents = self.sample_latents(rngs, truncation)
        return self.images_from(player, latents, labels, truncation, growth, rng=rngs[0])

    def images_from(
        self,
        player: Player,
        latents: Latents,
        labels: Labels | None = None,
        truncation: float | None = None,
        growth: Mapping[str, Any] | None = None,
        *,
        rng: Array,
    ) -> Images:
        """Images [n, h, w, c] of latents [n, z], as `sample` makes them; `rng` is the key of what is random within."""
        if self.truncation_tables:
            player = at_truncation(player, 1.0 if truncation is None else truncation, self.truncation_tables)
        return forward(self.generator, player, latents, labels, rng=rng, train=False, **(growth or {}))[0]

    def batch_moments(
        self,
        player: Player,
        rngs: Rngs,
        labels: Labels | None = None,
        truncation: float | None = None,
        growth: Mapping[str, Any] | None = None,
    ) -> PyTree:
        """What batch norm's running statistics average, of the batch that `sample` would generate; {} without any."""
        latents = self.sample_latents(rngs, truncation)
        variables = {"params": player.params, **player.variables}
        keywords = {"train": True, "rngs": {"dropout": rngs[0]}, "mutable": [BATCH_STATS, MOMENTS], **(growth or {})}
        return self.generator.apply(variables, latents, labels, **keywords)[1].get(MOMENTS, {})

    def preview(self, stage: ScheduledStage, state: TrainState, player: Player, batch: Batch, rng: Array) -> Images:
        """Fixed latents, one column per class (or ten columns), [rows, columns, h, w, c]."""
        del batch
        columns = self.num_classes or PREVIEW_COLUMNS
        rngs = jax.random.split(rng, PREVIEW_ROWS * columns)
        labels = jnp.tile(jnp.arange(columns), PREVIEW_ROWS) if self.num_classes else None
        images = self.sample(player, rngs, labels, growth=self.growth(stage, state.step))
        return images.reshape(PREVIEW_ROWS, columns, *images.shape[1:])

    def preview_legend(self, class_names: Sequence[str] | None) -> tuple[str, ...]:
        """The classes, by name where they have some."""
        return tuple(class_names or map(str, range(self.num_classes))) if self.num_classes else ()

    @property
    def _adversarial(self) -> Adversarial:
        return ADVERSARIAL[self.adversarial]

    def _discriminator_objective(
        self, player: Player, inputs: StepInputs, images_fake: Images, state: TrainState
    ) -> tuple[Array, tuple[Metrics, Player]]:
        """The whole loss of a discriminator that sees these images; the player has its variables advanced."""
        real, advanced = self.discriminate(player, inputs.images, inputs, NETWORK_REAL, advance_spectral=False)
        fake, advanced = self.discriminate(advanced, images_fake, inputs, NETWORK_FAKE)
        loss = self._discriminator_losses(real, fake, inputs).mean()
        metrics = {"logits_real": real.logits.mean(), "logits_fake": fake.logits.mean()}
        metrics |= {SIGNS: mean_sign(real.logits)} if self.ada_target else {}
        added, terms = discriminator_terms(self, player, inputs, images_fake, real, fake, state)
        return loss + added, (metrics | terms, advanced)

    def _discriminator_losses(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, inputs: StepInputs) -> Array:
        """The discriminator's side of the adversarial loss [n]."""
        against_target = self._adversarial.against_target
        if against_target is None or not (self.label_smoothing or self.label_flipping):
            return self._adversarial.discriminator(real.logits, fake.logits)
        target = 1.0 - self.label_smoothing
        flips_real = self._sample_flips(fold(inputs.rngs, TARGETS_REAL))
        flips_fake = self._sample_flips(fold(inputs.rngs, TARGETS_FAKE))
        return against_target(real.logits, jnp.where(flips_real, 0.0, target)) + against_target(
            fake.logits, jnp.where(flips_fake, target, 0.0)
        )

    def _generator_losses(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, inputs: StepInputs) -> Array:
        """The generator's side of the adversarial loss [n].

        Metz et al. 2017, section 2: steps ahead, how the discriminator sees real images depends on the generator.
        """
        del inputs
        if self.unroll_steps and self._adversarial.zero_sum:
            return -self._adversarial.discriminator(real.logits, fake.logits)
        return self._adversarial.generator(real.logits, fake.logits)

    def _sample_flips(self, rngs: Rngs) -> Array:
        return jax.vmap(lambda rng: jax.random.bernoulli(rng, self.label_flipping))(rngs)

    def _advance_averages(self, extras: PyTree, metrics: Metrics, inputs: StepInputs) -> PyTree:
        """LeCam's averages with this batch's mean logits."""
        decay = 0.5 ** (inputs.images.shape[0] / self.lecam_half_life_images)
        decay = jnp.where(inputs.images_seen > 0, decay, 0.0)  # the first batch's means are the first averages
        return extras | {
            name: decay * extras[name] + (1.0 - decay) * jax.lax.stop_gradient(metrics[name])
            for name in AVERAGED_LOGITS
            if name in extras
        }

    def _unrolled_discriminator(self, state: TrainState, inputs: StepInputs, images_fake: Images) -> Player:
        """The discriminator after `unroll_steps` more steps of Adam against these fake images; it answers to them.

        As in the authors' toy, https://github.com/poolio/unrolled_gan.
        """
        player = state.discriminator

        def loss(params: PyTree) -> Array:
            return self._discriminator_objective(player.replace(params=params), inputs, images_fake, state)[0]

        adam = unrolled_adam(self.unroll_b1, self.unroll_b2, self.unroll_learning_rate)
        params = unroll(loss, player.params, adam.update, adam_state(player.opt_state), self.unroll_steps)
        return player.replace(params=params)

    def _mean_of_best(self, losses: Array, logits: Logits, inputs: StepInputs) -> Array:
        if self.top_k == 1.0:
            return losses.mean()
        first = 1.0 if self.top_k_images else self.top_k
        share = linear_decay(first, self.top_k, self.top_k_images, inputs.images_seen)
        return top_k_mean(losses, logits, share)

    def _check_adversarial(self) -> None:
        if self.adversarial not in ADVERSARIAL:
            names = ", ".join(ADVERSARIAL)
            raise UserError(f"game.adversarial={self.adversarial!r}: expected one of {names}")
        if (self.label_smoothing or self.label_flipping) and self._adversarial.against_target is None:
            raise UserError(
                f"game.label_smoothing, game.label_flipping: the loss {self.adversarial!r} has no targets to change; "
                "set both to 0"
            )
        if self.ada_target and (self._adversarial.relative or self.adversarial == "wasserstein"):
            raise UserError(
                f"game.ada_target={self.ada_target}: the signs of the logits of {self.adversarial!r} say nothing, only "
                "their differences do; set it to 0, and game.augment_probability below 1"
            )
        if self.generator_batches > 1 and self._adversarial.relative:
            raise UserError(
                f"game.generator_batches={self.generator_batches}: the loss {self.adversarial!r} compares as many fake "
                "as real images; set it to 1"
            )
        if self.top_k < 1.0 and self._adversarial.relative:
            raise UserError(
                f"game.top_k={self.top_k}: the loss {self.adversarial!r} sets fake images against real ones, so the "
                "others would still count; set it to 1"
            )

    def _check_stages(self, stages: tuple[ScheduledStage, ...]) -> None:
        for index, stage in enumerate(stages):
            if not stage.adversarial or stage.fade_images:
                field = "fade_images" if stage.adversarial else "adversarial"
                raise UserError(f"stages[{index}].{field}: this family has no such stage; leave the field as it was")

    def _check_resolutions(self, stages: tuple[ScheduledStage, ...]) -> None:
        for index, stage in enumerate(stages):
            shape = self.image_shape(stage)
            if shape[0] != stage.resolution:  # others than square ones can be sampled from: check_data
                raise UserError(
                    f"stages[{index}].resolution={stage.resolution}: game.generator makes {shape[0]} x {shape[1]} "
                    "images; set both to the same resolution"
                )

"""The game of StyleGAN 1 and 2: latents become styles, one for each layer, before they become images.

Style mixing and the average style: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), 3.1 and appendix B. The
path-length regulariser: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), 3.2 and appendix B, checked against
https://github.com/NVlabs/stylegan2-ada-pytorch. There one cut holds for a batch; here each image has its own.

The transition from images without classes to images by class: Shahbazi et al. 2022 (https://arxiv.org/abs/2201.06578),
section 4, checked against https://github.com/mshahbazi72/transitional-cGAN. With few images a class, conditional GANs
collapse to one image a class where unconditional ones do not.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp

from jgan.games.forward import forward
from jgan.games.latent import LatentGAN
from jgan.games.networks import NETWORK_FAKE, DiscriminatorOutput, StepInputs, fold
from jgan.layers.style import average_style, lerp
from jgan.types import (
    Array,
    Batch,
    Images,
    Labels,
    Latents,
    LossOutput,
    Phase,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    Stage,
    TrainState,
    UserError,
)

MIXED_LATENTS, CUTS, MIXES, PATH, PATH_NOISE = range(5)  # what the keys of the generator's images are folded with
PATH_LENGTH = "path_length"  # the moving average in `extras`
TRANSITION = "transition"  # the keyword of networks, and the metric


@dataclasses.dataclass(frozen=True)
class StyleGAN(LatentGAN):
    """A generator with methods `styles` and `synthesize` against a discriminator of images."""

    latent_dim: int = 512
    style_mixing: float = 0.9  # the share of images whose later layers have the style of other latents
    path_length_weight: float = 2.0  # 0: off
    path_length_every: int = 4
    path_length_decay: float = 0.01  # how fast the mean length follows
    path_length_share: int = 2  # one image in so many
    truncation_cutoff: int = 0  # the first layers, whose styles a truncation moves; 0: all of them
    unconditional_images: int = 0  # before a transition, while classes count for nothing
    transition_images: int = 0  # over which they come in, linearly; 0: no transition, they count from the start

    @property
    def has_styles(self) -> bool:
        """Yes."""
        return True

    def check(self, stages: tuple[Stage, ...]) -> None:
        """As every game of latents; raises UserError for shares beyond 1 and batches that the path length splits."""
        self._check_transition()
        super().check(stages)
        for name in ("style_mixing", "path_length_decay"):
            if getattr(self, name) > 1.0:
                raise UserError(f"game.{name}={getattr(self, name)}: expected at most 1")
        most = getattr(self.generator, "num_styles", self.truncation_cutoff)
        if self.truncation_cutoff > most:
            raise UserError(f"game.truncation_cutoff={self.truncation_cutoff}: game.generator has {most} layers")
        if self.path_length_share < 1:
            raise UserError(f"game.path_length_share={self.path_length_share}: expected at least 1")
        for index, stage in enumerate(stages):
            if self.path_length_weight and (stage.batch_size // stage.accumulate) % self.path_length_share:
                raise UserError(
                    f"game.path_length_share={self.path_length_share}: does not divide the batch of stages[{index}]; "
                    f"set batch_size / accumulate to a multiple of it, or it to 1"
                )

    def _check_transition(self) -> None:
        if self.transition_images and not self.num_classes:
            raise UserError(
                f"game.transition_images={self.transition_images}: from images without classes to images by class, and "
                "game.num_classes is 0; set it to 0"
            )
        if self.unconditional_images and not self.transition_images:
            raise UserError(
                f"game.unconditional_images={self.unconditional_images}: before a transition, and "
                "game.transition_images is 0; set it to the number of images over which classes come in"
            )

    def growth(self, stage: ScheduledStage, step: Array) -> Mapping[str, Any]:
        """What the networks grow by, and of a transition how much of it is done, from 0 to 1."""
        growth = super().growth(stage, step)
        if not self.transition_images:
            return growth
        share = (stage.images_seen(step) - self.unconditional_images) / self.transition_images
        return {**growth, TRANSITION: jnp.clip(share, 0.0, 1.0)}

    def init_extras(self, batch: Batch) -> PyTree:
        """The mean path length beside what every game of latents carries."""
        extras = super().init_extras(batch)
        return {**extras, PATH_LENGTH: jnp.zeros(())} if self.path_length_weight else extras

    def phases(self, stage: ScheduledStage) -> tuple[Phase, ...]:
        """As every game of latents, and the path length, which is lazy."""
        phases = super().phases(stage)
        if not self.path_length_weight:
            return phases
        loss = functools.partial(self.path_length_loss, stage)
        return (*phases, Phase(PATH_LENGTH, "generator", loss, every=self.path_length_every, lazy=True))

    def path_length_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """How far lengths of steps in images, by styles, are from their mean (3.2, equation 4), on latents of its own.

        Times `path_length_every` because it stands for that many steps. The mean that it compares with has moved by
        this batch already, and is no constant of the gradient.
        """
        inputs = self.step_inputs(stage, state, batch, rngs)
        apart = slice(None, None, self.path_length_share)
        labels = None if inputs.labels is None else inputs.labels[apart]
        rngs = fold(fold(inputs.rngs, NETWORK_FAKE), PATH)[apart]
        inputs = inputs._replace(images=inputs.images[apart], labels=labels, rngs=rngs)
        player = state.generator.replace(params=params)
        styles, advanced = self._styles(player, self.sample_latents(rngs), inputs, train=self._averages_move)
        lengths = self._path_lengths(player, styles, inputs)
        mean = lerp(state.extras[PATH_LENGTH], lengths.mean(), self.path_length_decay)
        penalty = jnp.square(lengths - mean).mean()
        extras = {**state.extras, PATH_LENGTH: jax.lax.stop_gradient(mean)}
        metrics = {"length": lengths.mean(), "penalty": penalty}
        loss = self.path_length_every * self.path_length_weight * penalty
        return loss, (metrics, state.replace(generator=advanced, extras=extras))

    def discriminator_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """As of every game of latents, with the metric `transition` of one."""
        loss, (metrics, state) = super().discriminator_loss(stage, params, state, batch, rngs)
        growth = self.growth(stage, state.step)
        return loss, (metrics | {name: growth[name] for name in (TRANSITION,) if name in growth}, state)

    def _discriminator_losses(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, inputs: StepInputs) -> Array:
        """In a transition without classes, and by them as far as they have come in."""
        losses = super()._discriminator_losses(real, fake, inputs)
        if real.conditional_logits is None or fake.conditional_logits is None:
            return losses
        by_class = super()._discriminator_losses(_by_class(real), _by_class(fake), inputs)
        return losses + inputs.growth[TRANSITION] * by_class

    def _generator_losses(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, inputs: StepInputs) -> Array:
        """As the discriminator's."""
        losses = super()._generator_losses(real, fake, inputs)
        if real.conditional_logits is None or fake.conditional_logits is None:
            return losses
        by_class = super()._generator_losses(_by_class(real), _by_class(fake), inputs)
        return losses + inputs.growth[TRANSITION] * by_class

    def check_truncation(self, truncation: float) -> None:
        """Any truncation does: it says how far styles stay from their average."""

    def with_truncation_cutoff(self, layers: int) -> Self:
        """The game whose truncation moves the styles of the first `layers`. Raises UserError beyond what there are."""
        most = getattr(self.generator, "num_styles", layers)
        if not 1 <= layers <= most:
            raise UserError(
                f"--truncation_cutoff={layers}: this run's generator has {most} layers; expected 1 to {most}"
            )
        return dataclasses.replace(self, truncation_cutoff=layers)

    def sample_latents(self, rngs: Rngs, truncation: float | None = None) -> Latents:
        """Latents [n, z], one row a key, whatever the truncation: that is psi, of styles (2019, appendix B)."""
        del truncation
        return super().sample_latents(rngs)

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
        """Images [n, h, w, c] of latents [n, z], with the noise that is constant; `truncation` is psi."""
        styles = self.styles_from(player, latents, labels, truncation, growth, rng=rng)
        return self.images_from_styles(player, styles, growth, rng=rng)

    def styles_from(
        self,
        player: Player,
        latents: Latents,
        labels: Labels | None = None,
        truncation: float | Array | None = None,
        growth: Mapping[str, Any] | None = None,
        *,
        rng: Array,
    ) -> Array:
        """Styles [n, layers, w] of latents [n, z]; `truncation` is psi."""
        call = {"rng": rng, "train": False, **(growth or {})}
        styles, _ = forward(self.generator, player, latents, labels, method="styles", **call)
        if truncation is None:
            return styles
        moved = lerp(average_style(player.variables)[None, None], styles, truncation)
        first = jnp.arange(styles.shape[1]) < (self.truncation_cutoff or styles.shape[1])
        return jnp.where(first[None, :, None], moved, styles)

    def images_from_styles(
        self, player: Player, styles: Array, growth: Mapping[str, Any] | None = None, *, rng: Array
    ) -> Images:
        """Images [n, h, w, c] of styles [n, layers, w], with the noise that is constant."""
        call = {"rng": rng, "train": False, **_of_layers(growth or {})}
        return forward(self.generator, player, styles, method="synthesize", **call)[0]

    def generate_for_discriminator(self, player: Player, inputs: StepInputs) -> tuple[Images, Player]:
        """Fake images [n, h, w, c], and the generator with its averages moved by them."""
        return self._make(player, self.sample_latents(inputs.rngs), inputs)

    @property
    def _averages_move(self) -> bool:
        """On the generator's own moves too."""
        return not getattr(self.generator, "averages_once", False)

    def _generate_from(self, player: Player, latents: Latents, inputs: StepInputs) -> tuple[Images, Player]:
        return self._make(player, latents, inputs, train=self._averages_move)

    def _make(
        self, player: Player, latents: Latents, inputs: StepInputs, *, train: bool = True
    ) -> tuple[Images, Player]:
        styles, advanced = self._styles(player, latents, inputs, train=train)
        return self._synthesize(advanced, styles, inputs, train=train)

    def _styles(
        self, player: Player, latents: Latents, inputs: StepInputs, *, train: bool = True
    ) -> tuple[Array, Player]:
        """Styles [n, layers, w], some mixed; the player's average style has moved by those of `latents` alone."""
        rngs = fold(inputs.rngs, NETWORK_FAKE)
        call = {"method": "styles", "rng": rngs[0], "train": train, **inputs.growth}
        styles, advanced = forward(self.generator, player, latents, inputs.labels, **call)
        if not self.style_mixing:
            return styles, advanced
        latents = self.sample_latents(fold(rngs, MIXED_LATENTS))
        others, _ = forward(self.generator, player, latents, inputs.labels, **call)
        layers = styles.shape[1]
        cuts = jax.vmap(lambda rng: jax.random.randint(rng, (), 1, layers))(fold(rngs, CUTS))
        mixes = jax.vmap(lambda rng: jax.random.bernoulli(rng, self.style_mixing))(fold(rngs, MIXES))
        cuts = jnp.where(mixes, cuts, layers)
        return jnp.where((jnp.arange(layers)[None] < cuts[:, None])[:, :, None], styles, others), advanced

    def _synthesize(
        self, player: Player, styles: Array, inputs: StepInputs, *, train: bool = True
    ) -> tuple[Images, Player]:
        rng = jax.random.fold_in(inputs.rngs[0], NETWORK_FAKE)
        call = {"method": "synthesize", "rng": rng, "train": train, **_of_layers(inputs.growth)}
        return forward(self.generator, player, styles, **call)

    def _path_lengths(self, player: Player, styles: Array, inputs: StepInputs) -> Array:
        """For each image [n] the root mean square, over layers, of the slope of a random projection of it."""
        _, height, width, channels = inputs.images.shape

        def normal(rng: Array) -> Array:
            return jax.random.normal(rng, (height * width * channels,)) / (height * width) ** 0.5

        noise = jax.vmap(normal)(fold(inputs.rngs, PATH_NOISE)).reshape(inputs.images.shape)

        def projected(styles: Array) -> Array:
            return (self._synthesize(player, styles, inputs, train=self._averages_move)[0] * noise).sum()

        slopes = jax.grad(projected)(styles)
        return jnp.sqrt(jnp.square(slopes).sum(2).mean(1))


def _by_class(output: DiscriminatorOutput) -> DiscriminatorOutput:
    """The output whose logits are those of the classes."""
    assert output.conditional_logits is not None, "asked before"
    return output._replace(logits=output.conditional_logits)


def _of_layers(growth: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the layers of images grow by: a transition is over before them, in the styles."""
    return {name: value for name, value in growth.items() if name != TRANSITION}

"""The game of inputs to targets: Pix2Pix, super-resolution and every task of paired images.

Isola et al. 2017 (https://arxiv.org/abs/1611.07004), section 3.1: the discriminator sees pairs, the generator also
minimises a distance to its target. Ledig et al. 2017 (https://arxiv.org/abs/1609.04802): a stage without adversary
comes first, and a frozen network's features give the distance.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp

from jgan.backbones.perceptual import (
    check_perceptual,
    extra_of,
    load_perceptual,
    perceptual_features,
    weights_to_download,
)
from jgan.games.forward import forward, init_network, shapes_of
from jgan.games.translation import Translation, as_picture, check_shape, in_columns
from jgan.types import (
    Array,
    Batch,
    Direction,
    Images,
    Logits,
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

TRANSLATE, DISCRIMINATE_REAL, DISCRIMINATE_FAKE = range(3)  # what the key of dropout is folded with
PSNR_RANGE = 2.0  # of images in [-1, 1]
PREVIEW_ACROSS = 2  # examples in a row of a picture

Distance = Literal["l1", "l2"]


@dataclasses.dataclass(frozen=True)
class PairedGAN(Translation):
    """`generator(inputs, train=)` gives images; `discriminator(images, inputs, train=)` logits [n, h, w] or [n].

    A stage that is not adversarial trains the generator alone, on `pretraining`.
    """

    conditional: bool = True  # the discriminator sees the inputs beside the images
    l1_weight: float = 0.0  # of the mean distance to the targets, pixel by pixel, in [-1, 1]
    l2_weight: float = 0.0
    content_weight: float = 0.0  # of the mean distance between features of a frozen network
    content_distance: Distance = "l2"
    content_network: str = "efficientnet_lite0"  # a name in jgan.backbones.perceptual.PERCEPTUAL
    content_taps: tuple[str, ...] = ()  # its layers, such as "conv5_4" of vgg19; none: its default ones
    content_weights: str = ""  # the network's file, where it is the user's
    pretraining: Distance = "l2"  # what a stage without adversary minimises
    test_as_trained: bool = False  # dropout and batch statistics of training also when images are translated
    keep_known: bool = False  # the inputs' last channel is a mask: where it is -1, the inputs stay as they are

    def check(self, stages: tuple[Stage, ...]) -> None:
        """Raises UserError for settings that contradict each other."""
        self.check_loss(stages)
        for name, distance in (("content_distance", self.content_distance), ("pretraining", self.pretraining)):
            if distance not in ("l1", "l2"):
                raise UserError(f"game.{name}={distance!r}: expected 'l1' or 'l2'")
        try:
            check_perceptual(self.content_network, self.content_taps)
        except UserError as error:
            raise UserError(f"game.content_network, game.content_taps: {error}") from None
        if not any((self.adversarial_weight, self.l1_weight, self.l2_weight, self.content_weight)):
            raise UserError("game.adversarial_weight, l1_weight, l2_weight, content_weight: all are 0; set one above")

    def check_data(self, batch: Batch, num_classes: int | None, num_words: int | None) -> None:
        """Raises UserError where the data are no pairs, or the generator's images are not of the targets' shape."""
        del num_classes, num_words
        if "inputs" not in batch:
            raise UserError(
                "data.source: its images have no partners; take pairs:<directory>, or set data.task.name to make "
                "inputs of them"
            )
        of_inputs, of_targets = batch["inputs"].shape[-1], batch["targets"].shape[-1]
        if self.keep_known and of_inputs != of_targets + 1:
            raise UserError(
                f"game.keep_known: the inputs' last channel would be a mask, and they have {of_inputs} channels beside "
                f"{of_targets} of the targets; set it to false, or data.task.name to 'inpainting'"
            )
        outputs, _ = shapes_of(self.generator, batch["inputs"])
        check_shape(outputs, batch["targets"], "the targets")

    def init(self, rng: Array, batch: Batch, stage: ScheduledStage) -> tuple[PyTree, PyTree]:
        """Flax variables of both networks."""
        del stage
        seen = (batch["targets"], batch["inputs"]) if self.conditional else (batch["targets"],)
        return init_network(self.generator, rng, batch["inputs"]), init_network(self.discriminator, rng, *seen)

    def how_to_sample(self) -> str:
        """The command that translates with any run of this game, with its flags."""
        return "upscale --input DIR" if getattr(self.generator, "scale", 1) > 1 else "translate --input DIR"

    def load_frozen(self) -> PyTree:
        """The network of the content loss, where there is one."""
        if not self.content_weight:
            return ()
        url = weights_to_download(self.content_network)
        if url and not self.content_weights:
            extra = extra_of(self.content_network)
            raise UserError(
                f"game.content_weights: game.content_network={self.content_network!r} needs the file of its weights; "
                f"download {url} and give its path" + (f", or {extra}" if extra else "")
            )
        if not self.content_weights:
            return load_perceptual(self.content_network)
        try:
            return load_perceptual(self.content_network, Path(self.content_weights).expanduser())
        except UserError as error:
            raise UserError(f"game.content_weights: {error}") from None

    def phases(self, stage: ScheduledStage) -> tuple[Phase, ...]:
        """Discriminator, then generator; without an adversary reconstruction alone."""
        if not stage.adversarial:
            return (Phase("reconstruction", "generator", self.reconstruction_loss),)
        return (
            Phase("discriminator", "discriminator", self.discriminator_loss),
            Phase("generator", "generator", self.generator_loss),
        )

    def reconstruction_loss(self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs) -> LossOutput:
        """Mean distance to the targets."""
        images, player = self._translated(state.generator.replace(params=params), batch["inputs"], rngs)
        metrics = {"psnr": psnr(images, batch["targets"])}
        return distance(self.pretraining, images, batch["targets"]), (metrics, state.replace(generator=player))

    def discriminator_loss(self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs) -> LossOutput:
        """Mean of the discriminator's side of the adversarial loss over images and places."""
        images, _ = self._translated(state.generator, batch["inputs"], rngs)
        player = state.discriminator.replace(params=params)
        real, player = self._discriminate(player, batch["targets"], batch["inputs"], rngs, DISCRIMINATE_REAL)
        fake, player = self._discriminate(player, images, batch["inputs"], rngs, DISCRIMINATE_FAKE)
        loss = self.discriminator_weight * self.loss.discriminator(real, fake).mean()
        metrics = {"logits_real": real.mean(), "logits_fake": fake.mean()}
        return loss, (metrics, state.replace(discriminator=player))

    def generator_loss(self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs) -> LossOutput:
        """The generator's side of the adversarial loss, and the distances to the targets, each times its weight."""
        targets = batch["targets"]
        images, player = self._translated(state.generator.replace(params=params), batch["inputs"], rngs)
        # A loss that does not look at the real images leaves their forward pass dead, and XLA drops it.
        real, _ = self._discriminate(state.discriminator, targets, batch["inputs"], rngs, DISCRIMINATE_REAL)
        fake, _ = self._discriminate(state.discriminator, images, batch["inputs"], rngs, DISCRIMINATE_FAKE)
        terms = {"adversarial": (self.adversarial_weight, self.loss.generator(real, fake).mean())}
        if self.l1_weight:
            terms["l1"] = (self.l1_weight, distance("l1", images, targets))
        if self.l2_weight:
            terms["l2"] = (self.l2_weight, distance("l2", images, targets))
        if self.content_weight:
            terms["content"] = (self.content_weight, self._content(state.frozen, images, targets))
        metrics = {name: value for name, (_, value) in terms.items()} | {"psnr": psnr(images, targets)}
        loss = sum((weight * value for weight, value in terms.values()), jnp.float32(0.0))
        return loss, (metrics, state.replace(generator=player))

    def input_name(self, direction: Direction | None = None) -> str:
        """What inputs are called in a batch."""
        assert direction is None, "there is one way"
        return "inputs"

    def translate(self, player: Player, inputs: Images, rng: Array, direction: Direction | None = None) -> Images:
        """Images of inputs [n, h, w, c] in [-1, 1]; `rng` is the key of dropout, where it stays on."""
        assert direction is None, "there is one way"
        images, _ = forward(self.generator, player, inputs, rng=rng, train=self.test_as_trained)
        return self._composed(images, inputs)

    def preview(self, stage: ScheduledStage, state: TrainState, player: Player, batch: Batch, rng: Array) -> Images:
        """Input, generated image and target of each example, [rows, columns, h, w, c]."""
        del stage, state
        images, targets = self.translate(player, batch["inputs"], rng), batch["targets"]
        return in_columns([as_picture(batch["inputs"], targets), images, targets], PREVIEW_ACROSS)

    def preview_legend(self, class_names: Sequence[str] | None) -> tuple[str, ...]:
        """The columns of `preview`."""
        del class_names
        return "input", "generated", "target"

    def _translated(self, player: Player, inputs: Images, rngs: Rngs) -> tuple[Images, Player]:
        rng = jax.random.fold_in(rngs[0], TRANSLATE)
        images, player = forward(self.generator, player, inputs, rng=rng)
        return self._composed(images, inputs), player

    def _composed(self, images: Images, inputs: Images) -> Images:
        if not self.keep_known:
            return images
        return jnp.where(inputs[..., -1:] > 0, images, inputs[..., : images.shape[-1]])

    def _discriminate(
        self, player: Player, images: Images, inputs: Images, rngs: Rngs, purpose: int
    ) -> tuple[Logits, Player]:
        seen = (images, inputs) if self.conditional else (images,)
        seen = [self.augmented(side, rngs) for side in seen]
        return forward(self.discriminator, player, *seen, rng=jax.random.fold_in(rngs[0], purpose))

    def _content(self, frozen: PyTree, images: Images, targets: Images) -> Array:
        """Mean over the layers of the mean distance of their features; gray images are shown in all three colours."""
        see = functools.partial(perceptual_features, frozen, self.content_network, taps=self.content_taps)
        features, expected = (see(jnp.broadcast_to(side, (*side.shape[:3], 3))) for side in (images, targets))
        distances = [distance(self.content_distance, features[name], expected[name]) for name in features]
        return sum(distances, jnp.float32(0.0)) / len(distances)


def distance(kind: Distance, images: Array, targets: Array) -> Array:
    """Mean absolute ("l1") or squared ("l2") difference."""
    difference = images - targets
    return jnp.abs(difference).mean() if kind == "l1" else jnp.square(difference).mean()


def psnr(images: Images, targets: Images) -> Array:
    """Peak signal-to-noise ratio in dB of images in [-1, 1], mean over the batch; not differentiable in effect."""
    images, targets = jax.lax.stop_gradient(images), jax.lax.stop_gradient(targets)
    errors = jnp.square(jnp.clip(images, -1.0, 1.0) - targets).mean((1, 2, 3))
    return (10.0 * jnp.log10(PSNR_RANGE**2 / jnp.maximum(errors, 1e-10))).mean()

"""The game of captions to images, GAN-CLS and GAN-INT (Reed et al. 2016, https://arxiv.org/abs/1605.05396), section 4.

The condition of both networks is a caption: word ids int32 [n, words], or a vector float32 [n, features]. Each network
has an encoder of its own, which its own player trains: the discriminator's learns which captions belong to an image,
the generator's what makes the discriminator believe that they do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jgan.games.latent import PREVIEW_COLUMNS, LatentGAN
from jgan.games.networks import NETWORK_FAKE, NETWORK_REAL, StepInputs, fold
from jgan.games.terms import discriminator_terms
from jgan.layers.blend import Blend
from jgan.layers.caption_encoder import example_captions, mismatch
from jgan.types import (
    Array,
    Batch,
    Images,
    LossOutput,
    Metrics,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    Stage,
    TrainState,
    UserError,
)

BLENDED = 0x626C656E  # "blen": what the keys of images of blended captions are folded with
REFUSED = ("label_smoothing", "label_flipping", "unroll_steps")  # what the matching-aware loss does not have


@dataclasses.dataclass(frozen=True)
class TextGAN(LatentGAN):
    """A generator of images from latents and captions against a discriminator of images and captions."""

    embedding_features: int = 0  # of captions that are vectors (an .npz of any encoder); 0: they are words
    blend_weight: float = 0.0  # GAN-INT: of the loss of images of captions blended with others of the batch (paper: 1)
    blend_share: float = 0.5  # beta of GAN-INT

    @property
    def vocabulary(self) -> int:
        """Words that the generator knows; 0 where captions are vectors."""
        return getattr(self.generator, "vocabulary", 0)

    @property
    def captions(self) -> Literal["none", "words", "vectors"]:
        """Words or vectors."""
        return "vectors" if self.embedding_features else "words"

    def example_caption(self) -> np.ndarray | None:
        """Of the length that the networks take."""
        return jax.device_get(self.example_labels(1))

    def check(self, stages: tuple[Stage, ...]) -> None:
        """As `LatentGAN.check`; the networks take the captions that the game has, and the loss has targets."""
        for name in ("generator", "discriminator"):
            words = getattr(getattr(self, name), "vocabulary", None)
            if words is None:
                raise UserError(f"game.{name}: takes no captions; take one of jgan.families.text")
            if bool(words) == bool(self.embedding_features):
                raise UserError(
                    f"game.{name}.vocabulary={words}, game.embedding_features={self.embedding_features}: captions are "
                    "words or vectors; set one of the two to 0 and the other above"
                )
        for name in REFUSED:
            if getattr(self, name):
                raise UserError(f"game.{name}={getattr(self, name)}: the matching-aware loss has none; set it to 0")
        if not 0.0 < self.blend_share < 1.0:
            raise UserError(f"game.blend_share={self.blend_share}: expected a share between 0 and 1")
        for index, stage in enumerate(stages):
            if stage.batch_size // stage.accumulate < 2:
                raise UserError(
                    f"stages[{index}].batch_size={stage.batch_size}, accumulate={stage.accumulate}: wrong captions are "
                    "those of other images of a (micro)batch; expected at least 2 images in each"
                )
        super().check(stages)
        if self._adversarial.against_target is None:
            raise UserError(
                f"game.adversarial={self.adversarial!r}: the matching-aware loss needs one with targets, such as "
                "'non_saturating'"
            )

    def check_data(self, batch: Batch, num_classes: int | None, num_words: int | None = None) -> None:
        """As `LatentGAN.check_data`; the data have captions that the networks take."""
        super().check_data(batch, num_classes)
        if "captions" not in batch:
            raise UserError("data.source: has no captions, which this game generates from; take captions:<directory>")
        if self.embedding_features:
            features = None if num_words is not None else batch["captions"].shape[1]
            if features != self.embedding_features:
                found = f"vectors of {features} numbers" if features else "words"
                raise UserError(f"game.embedding_features={self.embedding_features}: captions of the data are {found}")
            return
        for name in ("generator", "discriminator"):
            known = getattr(self, name).vocabulary
            if num_words is None:
                raise UserError(
                    f"game.{name}.vocabulary={known}: captions of the data are vectors of "
                    f"{batch['captions'].shape[1]} numbers; set it to 0 and game.embedding_features to that"
                )
            if num_words > known:
                raise UserError(
                    f"game.{name}.vocabulary={known}: captions of the data have {num_words} different words; set it "
                    "to that or more"
                )

    def how_to_sample(self) -> str:
        """The command that samples from any run of this game, with its flags."""
        return "sample --embeddings FILE.npz" if self.embedding_features else "sample --caption '...'"

    def labels(self, batch: Batch) -> Array:
        """The captions."""
        return batch["captions"]

    def example_labels(self, count: int) -> Array:
        """Captions of the right type."""
        return example_captions(self.vocabulary, self.embedding_features, count)

    @property
    def label_limit(self) -> int:
        """What the ids of words are below; 0 is no word."""
        return self.vocabulary + 1

    def generator_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """As `LatentGAN.generator_loss`, plus GAN-INT's term (equation 5): images of blended captions.

        The official code blends half as many captions as the batch has; here each example's with its neighbour's.
        """
        loss, (metrics, state) = super().generator_loss(stage, params, state, batch, rngs)
        if not self.blend_weight:
            return loss, (metrics, state)
        inputs = self.step_inputs(stage, state, batch, fold(rngs, BLENDED))
        others, _ = mismatch(batch["captions"])
        inputs = inputs._replace(labels=Blend(batch["captions"], others, jnp.float32(self.blend_share)))
        images, generator = self.generate(state.generator, inputs)
        output, _ = self.discriminate(state.discriminator, images, inputs, NETWORK_FAKE)
        blended = self._adversarial.generator(output.logits, output.logits).mean()
        state = state.replace(generator=generator)
        return loss + self.blend_weight * blended, (metrics | {"blended": blended}, state)

    def preview(self, stage: ScheduledStage, state: TrainState, player: Player, batch: Batch, rng: Array) -> Images:
        """Captions of the data, one a row, and fixed latents, [rows, columns, h, w, c]."""
        del stage, state
        captions = jnp.repeat(batch["captions"], PREVIEW_COLUMNS, axis=0)
        images = self.sample(player, jax.random.split(rng, len(captions)), captions)
        return images.reshape(-1, PREVIEW_COLUMNS, *images.shape[1:])

    def preview_legend(self, class_names: Sequence[str] | None) -> tuple[str, ...]:
        """None: a row shows one caption."""
        del class_names
        return ()

    def _discriminator_objective(
        self, player: Player, inputs: StepInputs, images_fake: Images, state: TrainState
    ) -> tuple[Array, tuple[Metrics, Player]]:
        """Algorithm 1: real images with their captions against fake ones and against real ones with others' captions.

        The others are the neighbours' in the (micro)batch; a caption that equals the image's own is left out of the
        mean, which would call a right pair wrong.
        """
        against = self._adversarial.against_target
        assert against is not None, "check"
        assert inputs.labels is not None, "labels() gives the captions"
        others, differs = mismatch(inputs.labels)
        real, advanced = self.discriminate(player, inputs.images, inputs, NETWORK_REAL, advance_spectral=False)
        wrong_inputs = inputs._replace(labels=others)
        wrong, advanced = self.discriminate(advanced, inputs.images, wrong_inputs, NETWORK_REAL, advance_spectral=False)
        fake, advanced = self.discriminate(advanced, images_fake, inputs, NETWORK_FAKE)
        counted = differs.astype(jnp.float32)
        loss_wrong = (counted * against(wrong.logits, jnp.float32(0.0))).sum() / jnp.maximum(counted.sum(), 1.0)
        loss_fake = against(fake.logits, jnp.float32(0.0)).mean()
        loss = against(real.logits, jnp.float32(1.0)).mean() + 0.5 * (loss_wrong + loss_fake)
        logits = {"logits_real": real, "logits_wrong": wrong, "logits_fake": fake}
        metrics = {name: output.logits.mean() for name, output in logits.items()}
        added, terms = discriminator_terms(self, player, inputs, images_fake, real, fake, state)
        return loss + added, (metrics | terms, advanced)

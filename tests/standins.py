"""Tiny games of every shape to come, and data for them: what the engine must drive unchanged.

Each is the smallest game with its family's awkward part: a conditional patch critic, image pools, frozen weights.
Networks that grow play ProGAN's game, with lazy phases and a critic ratio.
"""

from __future__ import annotations

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jgan.games.forward import forward
from jgan.layers.resample import average_pool, crossfade, upsample
from jgan.losses.adversarial import ADVERSARIAL
from jgan.types import Phase

RESOLUTION = 8


class StandInData:
    """Random uint8 images under the given names, a pure function of the step, as the real data sets are."""

    num_classes = num_words = vocabulary = None
    class_names = None
    fingerprint = "stand-in"
    count = 64

    def __init__(self, names, resolutions=None):
        self.names = names
        self.resolutions = resolutions or {}

    def example_batch(self, batch_size, resolution):
        return {
            name: self._images(index, batch_size, self.resolutions.get(name, resolution))
            for index, name in enumerate(self.names)
        }

    def check_batch(self, stage):
        pass

    def feeds(self, stage, first_step, batch_sharding, replicated):
        del replicated
        for step in range(first_step, stage.start + stage.steps):
            batch = {
                name: self._images((step, i), stage.examples, self.resolutions.get(name, stage.resolution))
                for i, name in enumerate(self.names)
            }
            yield jax.device_put(batch, batch_sharding)

    def to_batch(self, stage, feed, step, rngs):
        del stage, step
        return self.view(feed, rngs)

    def view(self, examples, rngs):
        del rngs
        return {name: value.astype(jnp.float32) / 127.5 - 1.0 for name, value in examples.items()}

    @staticmethod
    def _images(seed, count, resolution):
        return np.random.default_rng(seed).integers(0, 256, (count, resolution, resolution, 3), np.uint8)


class _Game:
    """What a stand-in does not care about."""

    generates_from = "latents"  # whose pictures need no held-out images
    directions = ()
    num_classes = 0
    captions = "none"

    def example_caption(self):
        return None

    def preview_legend(self, class_names):
        return ()

    def check(self, stages):
        pass

    def check_data(self, batch, num_classes, num_words):
        pass

    def init_extras(self, batch):
        return {}

    def how_to_sample(self):
        return ""

    def advice(self, metrics):
        return None

    def load_frozen(self):
        return ()

    def preview(self, stage, state, player, batch, rng):
        key = "images" if "images" in batch else min(batch)
        return batch[key][:4].reshape(2, 2, *batch[key].shape[1:])


class Translator(nn.Module):
    """Images to images of the same size, with batch statistics and dropout."""

    @nn.compact
    def __call__(self, images, *, train):
        x = nn.Conv(8, (3, 3))(images)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Dropout(0.5, deterministic=False)(x)
        return jnp.tanh(nn.Conv(images.shape[-1], (3, 3))(x))


class PatchCritic(nn.Module):
    """Images, and the inputs they should match, to a map of logits [n, h, w]."""

    @nn.compact
    def __call__(self, images, inputs=None, *, train):
        x = images if inputs is None else jnp.concatenate([images, inputs], axis=-1)
        return nn.Conv(1, (4, 4), strides=2)(nn.leaky_relu(nn.Conv(8, (4, 4), strides=2)(x), 0.2))[..., 0]


@dataclasses.dataclass(frozen=True)
class PairedGame(_Game):
    """inputs to targets; a pre-training stage without adversary; a frozen network in the loss."""

    generator: nn.Module = Translator()
    discriminator: nn.Module = PatchCritic()
    content_weight: float = 1.0

    def init(self, rng, batch, stage):
        rngs = {"params": rng, "dropout": rng}
        return (
            self.generator.init(rngs, batch["inputs"], train=True),
            self.discriminator.init(rngs, batch["targets"], batch["inputs"], train=True),
        )

    def load_frozen(self):
        return {"filter": jnp.full((3, 3, 3, 4), 0.1)}

    def phases(self, stage):
        if not stage.adversarial:
            return (Phase("reconstruction", "generator", self.reconstruction_loss),)
        return (
            Phase("discriminator", "discriminator", self.discriminator_loss),
            Phase("generator", "generator", self.generator_loss),
        )

    def _translate(self, player, batch, rngs):
        return forward(self.generator, player, batch["inputs"], rng=rngs[0])

    def _content(self, frozen, images):
        return jax.lax.conv_general_dilated(
            images, frozen["filter"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def reconstruction_loss(self, params, state, batch, rngs):
        images, generator = self._translate(state.generator.replace(params=params), batch, rngs)
        return jnp.abs(images - batch["targets"]).mean(), ({}, state.replace(generator=generator))

    def discriminator_loss(self, params, state, batch, rngs):
        images, _ = self._translate(state.generator, batch, rngs)
        player = state.discriminator.replace(params=params)
        real, player = forward(self.discriminator, player, batch["targets"], batch["inputs"], rng=rngs[0])
        fake, player = forward(self.discriminator, player, images, batch["inputs"], rng=rngs[0])
        loss = ADVERSARIAL["non_saturating"].discriminator(real, fake).mean()
        return loss, ({}, state.replace(discriminator=player))

    def generator_loss(self, params, state, batch, rngs):
        images, generator = self._translate(state.generator.replace(params=params), batch, rngs)
        fake, _ = forward(self.discriminator, state.discriminator, images, batch["inputs"], rng=rngs[0])
        content = self._content(state.frozen, images) - self._content(state.frozen, batch["targets"])
        loss = ADVERSARIAL["non_saturating"].generator(fake, fake).mean()
        loss += self.content_weight * jnp.square(content).mean()
        return loss, ({}, state.replace(generator=generator))


class Translators(nn.Module):
    """Two generators that are one player."""

    def setup(self):
        self.a_to_b = Translator()
        self.b_to_a = Translator()

    def __call__(self, a, b, *, train):
        return self.a_to_b(a, train=train), self.b_to_a(b, train=train)


class Critics(nn.Module):
    """Two discriminators that are one player."""

    def setup(self):
        self.domain_a = PatchCritic()
        self.domain_b = PatchCritic()

    def __call__(self, a, b, *, train):
        return self.domain_a(a, train=train), self.domain_b(b, train=train)


@dataclasses.dataclass(frozen=True)
class UnpairedGame(_Game):
    """CycleGAN in small: cycle loss, and history pools in `extras`."""

    generator: nn.Module = Translators()
    discriminator: nn.Module = Critics()
    pool_size: int = 6

    def init(self, rng, batch, stage):
        rngs = {"params": rng, "dropout": rng}
        pair = batch["images_a"], batch["images_b"]
        return self.generator.init(rngs, *pair, train=True), self.discriminator.init(rngs, *pair, train=True)

    def init_extras(self, batch):
        pools = {name: jnp.zeros((self.pool_size, *batch[name].shape[1:])) for name in ("images_a", "images_b")}
        return {**pools, "count": jnp.int32(0)}

    def phases(self, stage):
        return (
            Phase("generator", "generator", self.generator_loss),
            Phase("discriminator", "discriminator", self.discriminator_loss),
        )

    def generator_loss(self, params, state, batch, rngs):
        run = functools.partial(forward, self.generator, rng=rngs[0])
        a, b = batch["images_a"], batch["images_b"]
        (fake_b, fake_a), player = run(state.generator.replace(params=params), a, b)
        (cycle_b, cycle_a), player = run(player, fake_a, fake_b)
        logits, _ = forward(self.discriminator, state.discriminator, fake_a, fake_b, rng=rngs[0])
        loss = sum(ADVERSARIAL["least_squares"].generator(x, x).mean() for x in logits)
        loss += 10.0 * (jnp.abs(cycle_a - a).mean() + jnp.abs(cycle_b - b).mean())
        return loss, ({}, state.replace(generator=player))

    def discriminator_loss(self, params, state, batch, rngs):
        a, b = batch["images_a"], batch["images_b"]
        (fake_b, fake_a), _ = forward(self.generator, state.generator, a, b, rng=rngs[0])
        slots = (state.extras["count"] + jnp.arange(a.shape[0])) % self.pool_size
        old = [state.extras[name][slots] for name in ("images_a", "images_b")]
        keep = (state.extras["count"] >= self.pool_size) & jax.random.bernoulli(rngs[0], 0.5)
        shown = [jnp.where(keep, then, now) for then, now in zip(old, (fake_a, fake_b), strict=True)]
        player = state.discriminator.replace(params=params)
        real, player = forward(self.discriminator, player, a, b, rng=rngs[0])
        fake, player = forward(self.discriminator, player, *shown, rng=rngs[0])
        pairs = zip(real, fake, strict=True)
        loss = sum(ADVERSARIAL["least_squares"].discriminator(r, f).mean() for r, f in pairs)
        extras = {
            "images_a": state.extras["images_a"].at[slots].set(fake_a),
            "images_b": state.extras["images_b"].at[slots].set(fake_b),
            "count": state.extras["count"] + a.shape[0],
        }
        return loss, ({}, state.replace(discriminator=player, extras=extras))


class GrowingGenerator(nn.Module):
    """ProGAN's growing with less to compile: a convolution a block."""

    @nn.compact
    def __call__(self, latents, labels=None, *, resolution, fade, train):
        x = nn.Dense(4 * 4 * 8, name="base")(latents).reshape(-1, 4, 4, 8)
        images = nn.Conv(3, (1, 1), name="to_image_4")(x)
        if resolution > 4:
            new = nn.Conv(3, (1, 1), name="to_image_8")(nn.relu(nn.Conv(8, (3, 3), name="block_8")(upsample(x))))
            images = new if fade is None else crossfade(upsample(images), new, fade)
        return jnp.tanh(images)


class GrowingDiscriminator(nn.Module):
    """The mirror image."""

    @nn.compact
    def __call__(self, images, labels=None, *, resolution, fade, train):
        x = nn.Conv(8, (1, 1), name=f"from_image_{resolution}")(images)
        if resolution > 4:
            x = average_pool(nn.relu(nn.Conv(8, (3, 3), name="block_8")(x)))
            if fade is not None:
                x = crossfade(nn.Conv(8, (1, 1), name="from_image_4")(average_pool(images)), x, fade)
        return nn.Dense(1, name="logit")(x.reshape(x.shape[0], -1))[:, 0]


GROWING_FIELDS = {
    "generator": GrowingGenerator(),
    "discriminator": GrowingDiscriminator(),
    "latent_dim": 4,
    "r1_gamma": 1.0,
    "r1_every": 2,
    "generator_every": 2,
}

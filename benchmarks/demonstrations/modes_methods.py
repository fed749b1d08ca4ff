"""What `modes.py` trains: two mixtures of points, and the vanilla GAN with and without each cure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jgan.engine.optim import AdamConfig, OptimizerConfig, RMSpropConfig
from jgan.families.vanilla import SLOPE, Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.layers.minibatch import MinibatchDiscrimination
from jgan.types import Array, Batch, Images, Labels, Logits, Rngs, ScheduledStage

VANILLA = "vanilla"
BATCH_SIZE, LATENT_DIM, WIDTHS = 64, 16, (64, 64, 64)
SCALE = 3.0  # points over this are the generator's images, inside the tanh's (-1, 1)
STD = 0.05 / SCALE
TABLE_ROWS = 200  # a multiple of 8 and of 25: both mixtures draw from a table of one size, so one program trains both
POINT = 100  # what an example's key is folded with to draw it; a game's purposes are small numbers


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Equally likely normals of deviation STD around `centres` [modes, 2]."""

    title: str
    centres: np.ndarray


def ring() -> Mixture:
    """8 on a circle of radius 2 (Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.1; there std 0.02)."""
    angles = 2 * np.pi * np.arange(8) / 8
    return Mixture("ring of 8", 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) / SCALE)


def grid() -> Mixture:
    """25 on whole numbers from -2 to 2, std 0.05 (Azadi et al. 2019, https://arxiv.org/abs/1810.06758, section 4.1)."""
    axis = np.arange(-2.0, 3.0) / SCALE
    return Mixture("grid of 25", np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))


MIXTURES = (ring(), grid())


def table(mixture: Mixture) -> Array:
    """The centres, each as often, in TABLE_ROWS rows."""
    return jnp.asarray(np.tile(mixture.centres, (TABLE_ROWS // len(mixture.centres), 1)), jnp.float32)


def draw_points(stage: ScheduledStage, centres: Array, step: Array, rngs: Rngs) -> Batch:
    """Points of the mixture whose `table` is `centres`, one a key, as images [n, 1, 1, 2]: the engine's `to_batch`."""
    del stage, step

    def draw(rng: Array) -> Array:
        rng_centre, rng_noise = jax.random.split(jax.random.fold_in(rng, POINT))
        centre = centres[jax.random.randint(rng_centre, (), 0, TABLE_ROWS)]
        return centre + STD * jax.random.normal(rng_noise, (2,))

    return {"images": jax.vmap(draw)(rngs)[:, None, None]}


PLAIN = Discriminator(widths=WIDTHS, dropout=0.0)


class ComparingDiscriminator(nn.Module):
    """Vanilla's with mini-batch discrimination by 10 measures: with the layer's 100 a step takes ten times as long."""

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Images [n, 1, 1, 2] to logits [n]."""
        x = images.reshape(images.shape[0], -1)
        for width in WIDTHS:
            x = nn.leaky_relu(nn.Dense(width)(x), SLOPE)
        x = jnp.concatenate([x, MinibatchDiscrimination(measures=10)(x)], axis=1)
        return nn.Dense(1)(x)[:, 0]


@dataclasses.dataclass(frozen=True)
class Method:
    """The vanilla GAN with other settings of the game, or other optimizers."""

    title: str
    generator_optimizer: OptimizerConfig
    discriminator_optimizer: OptimizerConfig
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of the game
    discriminator: nn.Module = PLAIN

    def game(self) -> LatentGAN:
        """Three hidden layers on both sides: with two, vanilla does not resolve the grid in as many steps."""
        generator = Generator(resolution=1, image_channels=2, widths=WIDTHS)
        return LatentGAN(generator, self.discriminator, latent_dim=LATENT_DIM, **self.settings)


def methods(steps: int) -> dict[str, Method]:
    """By name. Schedules run over `steps`.

    Penalties on gradients have small weights, found by trial: from a mode to its surroundings, a twentieth of an
    image's unit, a useful discriminator is steep. Two rows have the weight of the papers, made for images.
    """
    images = steps * BATCH_SIZE
    falling = {"decay": "linear", "decay_start_images": images // 2, "decay_images": images // 2}
    adam = AdamConfig(learning_rate=2e-3, b1=0.5, b2=0.99, **falling)
    critic = AdamConfig(learning_rate=2e-3, b1=0.0, b2=0.9, **falling)  # WGAN-GP's momenta
    slow = dataclasses.replace(adam, learning_rate=2e-4)  # a tenth of the generator's, as Metz et al. unroll it
    rmsprop = RMSpropConfig(learning_rate=2e-3, **falling)

    def cure(title: str, discriminator: nn.Module = PLAIN, **settings: Any) -> Method:
        return Method(title, adam, adam, settings, discriminator)

    gradient_penalty = {"adversarial": "wasserstein", "gradient_penalty_weight": 0.1}
    as_in_paper = {"adversarial": "wasserstein", "gradient_penalty_weight": 10.0}
    return {
        VANILLA: cure("vanilla"),
        "slow": Method("minimax, slow discriminator", adam, slow, {"adversarial": "minimax"}),
        "unrolled": Method(
            "the same, unrolled 5 steps",
            adam,
            slow,
            {
                "adversarial": "minimax",
                "unroll_steps": 5,
                "unroll_learning_rate": slow.learning_rate,
                "unroll_b2": slow.b2,
            },
        ),
        "minibatch_discrimination": cure("mini-batch discrimination", ComparingDiscriminator()),
        "minibatch_std": cure("mini-batch std", dataclasses.replace(PLAIN, minibatch="std")),
        "feature_matching": cure("feature matching", feature_matching_weight=1.0, generator_adversarial_weight=0.0),
        "label_smoothing": cure("label smoothing 0.1", label_smoothing=0.1),
        "instance_noise": cure("instance noise, falling", instance_noise=0.1, instance_noise_images=images),
        "least_squares": cure("least squares", adversarial="least_squares"),
        "wgan": Method(
            "WGAN",
            rmsprop,
            dataclasses.replace(rmsprop, clip_weights=0.01),
            {"adversarial": "wasserstein", "generator_every": 5},
        ),
        "wgan_gp": Method("WGAN-GP 0.1, 1 critic step", critic, critic, gradient_penalty),
        "wgan_gp_5": Method("WGAN-GP 0.1, 5 critic steps", critic, critic, {**gradient_penalty, "generator_every": 5}),
        "wgan_gp_10": Method("WGAN-GP 10 (paper), 1 critic step", critic, critic, as_in_paper),
        "dragan": cure("DRAGAN 0.1", dragan_weight=0.1),
        "dragan_10": cure("DRAGAN 10 (paper)", dragan_weight=10.0),
        "r1": cure("R1 0.002", r1_gamma=0.002, r1_every=1),
        "relativistic_paired": cure("relativistic, paired", adversarial="relativistic_paired"),
        "r3": cure(
            "the same with R1 + R2 0.002", adversarial="relativistic_paired", r1_gamma=0.002, r2_gamma=0.002, r1_every=1
        ),
        "relativistic_average": cure("relativistic, average", adversarial="relativistic_average"),
        "lecam": cure("LeCam 0.1", lecam_weight=0.1),
        "top_k": cure("top-k 0.5", top_k=0.5, top_k_images=images),
    }

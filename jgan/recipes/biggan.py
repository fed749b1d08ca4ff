"""What BigGAN's and BigGAN-deep's configs share (Brock et al. 2019, https://arxiv.org/abs/1809.11096, appendix C)."""

from __future__ import annotations

import math

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.games.latent import LatentGAN
from jgan.types import Stage

BATCH_SIZE, CRITIC_STEPS = 2048, 2
DECAY = 0.9999  # of the EMA weights, for each of the generator's steps


def imagenet_128(game: LatentGAN) -> Config:
    """ImageNet at 128 x 128 with the paper's batch, rates and average of weights."""
    return Config(
        game=game,
        data=DataConfig(source="tfds:imagenet2012"),
        stages=(Stage(steps=200_000 * CRITIC_STEPS, batch_size=BATCH_SIZE, resolution=128),),
        generator_optimizer=AdamConfig(learning_rate=5e-5, b1=0.0, b2=0.999),
        discriminator_optimizer=AdamConfig(learning_rate=2e-4, b1=0.0, b2=0.999),
        ema=EmaConfig(half_life_images=half_life_images(DECAY, CRITIC_STEPS, BATCH_SIZE)),
        sample_every=5000,
        checkpoint_every=5000,
    )


def digits(game: LatentGAN) -> Config:
    """The embedded digits at 32 x 32, in minutes on two cores."""
    return Config(
        game=game,
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=1000, batch_size=64, resolution=32),),
        generator_optimizer=AdamConfig(learning_rate=5e-4, b1=0.0, b2=0.9),
        discriminator_optimizer=AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.9),
        ema=EmaConfig(half_life_images=2_500.0),
    )


def half_life_images(decay: float, critic_steps: int, batch_size: int) -> float:
    """Images seen while a weight's part in an average that decays at each of the generator's steps falls to a half."""
    return math.log(0.5) / math.log(decay) * critic_steps * batch_size

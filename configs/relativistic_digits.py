"""Relativistic average GAN on the embedded digits; trains on two cores in minutes.

Family: relativistic
Paper: Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734
Task: images
Data: mnist5k at 32 x 32
Parameters: 437 k + 185 k
Cost: 12 TFLOP
Measured: 900 steps in 6 processor minutes

jgan train --config relativistic_digits --workdir runs/relativistic_digits
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.relativistic import relativistic
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, a quarter of the paper's width; without R1 the discriminator wins within 100 steps."""
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.99)
    return Config(
        game=relativistic(resolution=32, channels=16, image_channels=1, r1_gamma=0.1),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=1200, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
    )

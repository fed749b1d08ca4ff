"""Class-conditional SNGAN on the embedded digits.

Family: sngan
Paper: Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 427 k + 160 k
Cost: 11 TFLOP
Measured: 700 steps in 4 processor minutes

jgan train --config sngan_digits --workdir runs/sngan_digits

Narrow residual networks that widen as images shrink, as those of STL-10 do, conditional batch norm and projection, one
discriminator step for one of the generator; on two cores it trains in minutes.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.sngan import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.9)
    return Config(
        game=LatentGAN(
            Generator(resolution=32, widths=(128, 64, 32, 16), image_channels=1, num_classes=10),
            Discriminator(widths=(16, 32, 64, 128), downsamples=3, num_classes=10),
            latent_dim=128,
            num_classes=10,
            adversarial="hinge",
        ),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=1000, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
    )

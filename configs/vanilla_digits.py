"""Vanilla GAN on the embedded MNIST digits (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661).

Trains on two cores in minutes:

python -m jgan.main --config configs/vanilla_digits.py --workdir runs/vanilla_digits
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.vanilla import vanilla
from jgan.optim import AdamConfig
from jgan.types import Stage


def get_config() -> Config:
    """28 x 28 gray digits."""
    return Config(
        game=vanilla(resolution=28, image_channels=1),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=10_000, batch_size=64, resolution=28),),
        generator_optimizer=AdamConfig(learning_rate=2e-4, b1=0.5),
        discriminator_optimizer=AdamConfig(learning_rate=2e-4, b1=0.5),
    )

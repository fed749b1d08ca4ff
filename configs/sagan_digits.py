"""SAGAN on the embedded digits.

Family: sagan
Paper: Zhang et al. 2019, https://arxiv.org/abs/1805.08318
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 254 k + 149 k
Cost: 12 TFLOP
Measured: 700 steps in 7 processor minutes

jgan train --config sagan_digits --workdir runs/sagan_digits

A quarter of the paper's width, attention at 16 x 16, fivefold learning rates; on two cores it trains in minutes.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.sagan import sagan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    return Config(
        game=sagan(resolution=32, channels=16, image_channels=1, num_classes=10, attention=(16,)),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=1000, batch_size=64, resolution=32),),
        generator_optimizer=AdamConfig(learning_rate=5e-4, b1=0.0, b2=0.9),
        discriminator_optimizer=AdamConfig(learning_rate=2e-3, b1=0.0, b2=0.9),
        ema=EmaConfig(half_life_images=2_500.0),
    )

"""ACGAN on the embedded digits; trains on two cores in minutes.

Family: acgan
Paper: Odena et al. 2017, https://arxiv.org/abs/1610.09585
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 315 k + 214 k
Cost: 16 TFLOP
Measured: 2,500 steps in 8 processor minutes

jgan train --config acgan_digits --workdir runs/acgan_digits
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.acgan import acgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, ten classes, narrow networks."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=acgan(32, 1, 10, generator_widths=(96, 48, 24), discriminator_widths=(8, 16, 32, 64, 96, 128)),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=3000, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

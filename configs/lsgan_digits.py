"""LSGAN's loss with DCGAN's networks on the embedded digits.

Family: lsgan
Paper: Mao et al. 2017, https://arxiv.org/abs/1611.04076
Task: images
Data: mnist5k at 32 x 32
Parameters: 370 k + 167 k
Cost: 17 TFLOP
Measured: 3,000 steps in 5 processor minutes

jgan train --config lsgan_digits --workdir runs/lsgan_digits

Trains on two cores in minutes.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.lsgan import lsgan_dcgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, a quarter of DCGAN's width."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=lsgan_dcgan(resolution=32, channels=32, image_channels=1),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=3000, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

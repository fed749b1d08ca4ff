"""Vanilla GAN on digits, fully connected.

Family: vanilla
Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661
Task: images
Data: mnist5k at 28 x 28
Parameters: 1.5 M + 1.5 M
Cost: 20 TFLOP
Measured: 6,000 steps in 4 processor minutes

The networks of the first tutorials at their full size; trains on two cores in minutes.

jgan train --config vanilla --workdir runs/vanilla

The 5,000 embedded digits stand in for the 60,000 of MNIST: --config.data.source=tfds:mnist, once prepared. Expect
digits after about 5,000 steps, speckled, some of them no digit at all: the baseline that the other families mend.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.vanilla import vanilla
from jgan.types import Stage


def get_config() -> Config:
    """28 x 28 gray digits; Adam with the settings of the DCGAN paper."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=vanilla(resolution=28, image_channels=1),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=10_000, batch_size=64, resolution=28),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=1000,
    )

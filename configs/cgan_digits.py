"""Conditional GAN on digits that trains on two cores: the vanilla GAN's dense networks, labels joined to both.

Family: cgan
Paper: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784
Task: images by class
Data: mnist5k at 28 x 28
Parameters: 1.5 M + 1.5 M
Cost: 21 TFLOP
Measured: 5,000 steps in 4 processor minutes

jgan train --config cgan_digits --workdir runs/cgan_digits

`label_input` of either network is "concatenate" (one-hot) or "embedding". Expect each column of the grid to become its
digit within 2,000 steps, and speckled, varied digits by the end.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.cgan import conditional_mlp
from jgan.types import Stage


def get_config() -> Config:
    """28 x 28 gray digits, ten classes; Adam with the settings of the DCGAN paper."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=conditional_mlp(resolution=28, image_channels=1, num_classes=10),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=10_000, batch_size=64, resolution=28),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=1000,
    )

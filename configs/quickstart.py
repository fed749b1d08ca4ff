"""The quickstart: a class-conditional DCGAN on the 5,000 MNIST digits that a package carries, in minutes on two cores.

Family: conditional_dcgan
Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 316 k + 187 k
Cost: 8.6 TFLOP
Measured: 1,500 steps in 3 processor minutes

jgan train --config quickstart --workdir runs/quickstart
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.cgan import conditional_dcgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.99)
    return Config(
        game=conditional_dcgan(resolution=32, channels=32, r1_gamma=0.1),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=1500, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
        sample_every=250,
        checkpoint_every=500,
    )

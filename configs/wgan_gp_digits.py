"""WGAN-GP on the embedded digits, in minutes on two cores.

Family: wgan_gp
Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028
Task: images
Data: mnist5k at 32 x 32
Parameters: 427 k + 167 k
Cost: 20 TFLOP
Measured: 2,000 steps in 5 processor minutes

jgan train --config wgan_gp_digits --workdir runs/wgan_gp_digits
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.wgan_gp import wgan_gp_dcgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, narrow DCGAN networks, layer norm in the critic."""
    steps, batch_size = 3000, 64
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.9, decay="linear", decay_images=steps * batch_size)
    return Config(
        game=wgan_gp_dcgan(resolution=32, channels=32, image_channels=1, critic_steps=3),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=steps, batch_size=batch_size, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
    )

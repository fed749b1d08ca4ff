"""WGAN on the embedded digits; trains on two cores in minutes.

Family: wgan
Paper: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875
Task: images
Data: mnist5k at 32 x 32
Parameters: 370 k + 167 k
Cost: 15 TFLOP
Measured: 3,000 steps in 3 processor minutes

jgan train --config wgan_digits --workdir runs/wgan_digits
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import EmaConfig, RMSpropConfig
from jgan.families.wgan import wgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, a narrow network, a tenfold learning rate and no warm-up, for a short run."""
    return Config(
        game=wgan(resolution=32, channels=32, image_channels=1, critic_warmup=False),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=4000, batch_size=64, resolution=32),),
        generator_optimizer=RMSpropConfig(learning_rate=5e-4),
        discriminator_optimizer=RMSpropConfig(learning_rate=5e-4, clip_weights=0.01),
        ema=EmaConfig(half_life_images=2_500.0),
    )

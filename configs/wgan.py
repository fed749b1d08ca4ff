"""WGAN at 64 x 64.

Family: wgan
Paper: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, Algorithm 1 and the authors' code
Task: images
Data: mnist5k at 64 x 64
Parameters: 3.6 M + 2.8 M
Cost: 42 PFLOP

jgan train --config wgan --workdir runs/wgan --config.data.source=folder:DIR

RMSprop at 5e-5, the critic's weights clipped to 0.01, batch 64, five critic steps per generator step and 100 of them
before each of the first 25 and every 500th, on LSUN bedrooms (--config.data.source=tfds:lsun/bedroom, once prepared).
A step is one critic step. Without your own source it trains on the 5,000 embedded digits, so that the command
works anywhere. On two cores a step takes seconds: see wgan_digits.py for one that trains there. Not trained at this
size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import RMSpropConfig
from jgan.families.wgan import wgan
from jgan.types import Stage


def get_config() -> Config:
    """64 x 64 colour images."""
    return Config(
        game=wgan(resolution=64, channels=64, image_channels=3),
        data=DataConfig(source="mnist5k", channels=3),
        stages=(Stage(steps=500_000, batch_size=64, resolution=64),),
        generator_optimizer=RMSpropConfig(learning_rate=5e-5),
        discriminator_optimizer=RMSpropConfig(learning_rate=5e-5, clip_weights=0.01),
        checkpoint_every=500,
    )

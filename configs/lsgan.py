"""LSGAN on scenes at 112 x 112, networks as in the authors' code.

Family: lsgan
Paper: Mao et al. 2017, https://arxiv.org/abs/1611.04076
Task: images
Data: mnist5k at 112 x 112
Parameters: 15.6 M + 4.3 M
Cost: 1.1 EFLOP

jgan train --config lsgan --workdir runs/lsgan --config.data.source=folder:DIR

The paper trains on LSUN's bedroom, kitchen, church, dining room and conference room, each by itself
(--config.data.source=tfds:lsun/church_outdoor, once prepared); batch 64, Adam 1e-3 with beta1 0.5, uniform latents of
1024 dimensions. Without your own source it trains on the 5,000 embedded digits, so that the command works anywhere.
On two cores a step takes seconds: see lsgan_digits.py for one that trains there. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.lsgan import lsgan
from jgan.types import Stage


def get_config() -> Config:
    """112 x 112 colour images."""
    adam = AdamConfig(learning_rate=1e-3, b1=0.5)
    return Config(
        game=lsgan(resolution=112, channels=64, image_channels=3),
        data=DataConfig(source="mnist5k", channels=3),
        stages=(Stage(steps=1_000_000, batch_size=64, resolution=112),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

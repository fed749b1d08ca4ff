"""DCGAN at 64 x 64.

Family: dcgan
Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434, Figure 1 and section 4
Task: images
Data: mnist5k at 64 x 64
Parameters: 12.7 M + 11.0 M
Cost: 110 PFLOP

jgan train --config dcgan --workdir runs/dcgan --config.data.source=folder:DIR

The paper trains on LSUN bedrooms (--config.data.source=tfds:lsun/bedroom, once prepared), faces and ImageNet-1k, batch
128, Adam 2e-4 with beta1 0.5, uniform latents; Figure 1's generator is 1024-512-256-128 wide. Without a source of your
own it trains on the 5,000 embedded digits, so that the command works anywhere. On two cores a step takes seconds: see
dcgan_digits.py for one that trains there. DCGAN peaks early; compare the sample grids and keep the best.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.dcgan import dcgan
from jgan.types import Stage


def get_config() -> Config:
    """64 x 64 colour images."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=dcgan(resolution=64, channels=128, image_channels=3),
        data=DataConfig(source="mnist5k", channels=3),
        stages=(Stage(steps=100_000, batch_size=128, resolution=64),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        checkpoint_every=500,
    )

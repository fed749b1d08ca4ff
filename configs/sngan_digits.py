"""Class-conditional SNGAN on the embedded digits (Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637).

python -m jgan.main --config configs/sngan_digits.py --workdir runs/sngan_digits

The residual networks of CIFAR-10 at an eighth of their width, conditional batch norm and projection; on two cores it
trains in minutes.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.sngan import sngan
from jgan.optim import AdamConfig, EmaConfig
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    adam = AdamConfig(learning_rate=5e-4, b1=0.0, b2=0.9)
    return Config(
        game=sngan(resolution=32, image_channels=1, num_classes=10, narrower=8, critic_steps=2),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=2000, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
    )

"""SAGAN on ImageNet at 128 x 128.

Family: sagan
Paper: Zhang et al. 2019, https://arxiv.org/abs/1805.08318
Task: images by class
Data: tfds:imagenet2012 at 128 x 128
Parameters: 42.1 M + 39.5 M
Cost: 22 EFLOP

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
jgan train --config sagan --workdir runs/sagan

Spectral norm in both networks, attention at 32 x 32, one step of each player, rates of 1e-4 and 4e-4 (section 4) and
batches of 256. ImageNet must be downloaded by hand first; a folder with one folder for each class does as well:
--config.data.source=folder:DIR, with as many --config.game.num_classes, --config.game.generator.num_classes and
--config.game.discriminator.num_classes. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.sagan import sagan
from jgan.types import Stage


def get_config() -> Config:
    """128 x 128 colour images, a thousand classes."""
    return Config(
        game=sagan(resolution=128, num_classes=1000),
        data=DataConfig(source="tfds:imagenet2012"),
        stages=(Stage(steps=1_000_000, batch_size=256, resolution=128),),
        generator_optimizer=AdamConfig(learning_rate=1e-4, b1=0.0, b2=0.9),
        discriminator_optimizer=AdamConfig(learning_rate=4e-4, b1=0.0, b2=0.9),
        sample_every=5000,
        checkpoint_every=5000,
    )

"""Class-conditional SNGAN on ImageNet at 128 x 128.

Family: sngan
Paper: Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637
Task: images by class
Data: tfds:imagenet2012 at 128 x 128
Parameters: 42.0 M + 30.0 M
Cost: 6.4 EFLOP

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
jgan train --config sngan_imagenet --workdir runs/sngan_imagenet

Conditional batch norm and projection; 450,000 generator steps, each after five of the discriminator, and learning rates
that fall linearly from the 400,000th on, as in the official code. A step here is one of the
discriminator. ImageNet must be downloaded by hand first; a folder with one folder for each class does as well:
--config.data.source=folder:DIR, with as many --config.game.num_classes, --config.game.generator.num_classes and
--config.game.discriminator.num_classes. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.sngan import sngan
from jgan.types import Stage

CRITIC_STEPS = 5


def get_config() -> Config:
    """128 x 128 colour images, a thousand classes."""
    stage = Stage(steps=450_000 * CRITIC_STEPS, batch_size=64, resolution=128)
    images = stage.steps * stage.batch_size
    decay_start = 400_000 * CRITIC_STEPS * stage.batch_size
    adam = AdamConfig(b1=0.0, b2=0.9, decay="linear", decay_start_images=decay_start, decay_images=images - decay_start)
    return Config(
        game=sngan(resolution=128, num_classes=1000),
        data=DataConfig(source="tfds:imagenet2012"),
        stages=(stage,),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=5000,
        checkpoint_every=5000,
    )

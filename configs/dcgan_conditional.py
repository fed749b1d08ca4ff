"""Class-conditional DCGAN on CIFAR-10 at full width (cgan.py's convolutional networks).

Family: conditional_dcgan
Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Task: images by class
Data: tfds:cifar10 at 32 x 32
Parameters: 3.2 M + 2.7 M
Cost: 18 PFLOP

pip install "jgan[tfds]" && python -c "import tensorflow_datasets as tfds; tfds.builder('cifar10',
file_format='array_record').download_and_prepare()"
jgan train --config dcgan_conditional --workdir runs/dcgan_conditional

The generator takes the label with the latents, the discriminator by projection; lazy R1 in place of batch norm in the
discriminator. quickstart.py is the same GAN on digits. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.cgan import conditional_dcgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 colour images, ten classes."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.0, b2=0.99)
    return Config(
        game=conditional_dcgan(resolution=32, channels=128, image_channels=3),
        data=DataConfig(source="tfds:cifar10", channels=3, flip=True),
        stages=(Stage(steps=100_000, batch_size=128, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

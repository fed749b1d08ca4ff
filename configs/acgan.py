"""ACGAN on CIFAR-10.

Family: acgan
Paper: Odena et al. 2017, https://arxiv.org/abs/1610.09585, appendix A
Task: images by class
Data: tfds:cifar10 at 32 x 32
Parameters: 3.0 M + 1.7 M
Cost: 3.8 PFLOP

pip install "jgan[tfds]" && python -c "import tensorflow_datasets as tfds; tfds.builder('cifar10',
file_format='array_record').download_and_prepare()"
jgan train --config acgan --workdir runs/acgan

The paper's networks; batch 100, Adam with beta1 0.5. Its table gives the learning rate as one of 1e-4, 2e-4 and 3e-4.
acgan_digits.py is one that trains on two cores. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.acgan import acgan
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 colour images, ten classes."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=acgan(resolution=32, image_channels=3, num_classes=10),
        data=DataConfig(source="tfds:cifar10", channels=3),
        stages=(Stage(steps=50_000, batch_size=100, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

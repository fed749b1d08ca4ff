"""SNGAN on CIFAR-10 with residual networks.

Family: sngan
Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, section 4.1
Task: images
Data: tfds:cifar10 at 32 x 32
Parameters: 4.3 M + 1.1 M
Cost: 110 PFLOP

pip install "jgan[tfds]" && tfds build cifar10 --file_format=array_record
jgan train --config sngan --workdir runs/sngan

Hinge loss, Adam 2e-4 with betas 0 and 0.9, batch 64, five discriminator steps to one of the generator, learning rates
falling linearly to 0. A step here is one of the discriminator, so the paper's 50,000 generator steps are 250,000. Any
folder of images does in place of CIFAR-10: --config.data.source=folder:DIR. Not yet trained at this size; see
sngan_digits.py for one that trains on two cores.
"""

from jgan.config import Config
from jgan.recipes.sngan import unconditional


def get_config() -> Config:
    """32 x 32 colour images, no labels."""
    return unconditional("tfds:cifar10", resolution=32)

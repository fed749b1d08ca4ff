"""StyleGAN2 on CIFAR-10 by class, tuned in StyleGAN2-ADA's paper.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/2006.06676
Task: images by class
Data: tfds:cifar10 at 32 x 32
Parameters: 20.2 M + 23.1 M
Cost: 9.5 EFLOP

jgan train --config stylegan2_cifar --workdir runs/stylegan2_cifar

FID 2.42 with ADA: wide networks, a discriminator without skips, no mixing and no path lengths, 100 million images.
pip install "jgan[tfds]" && tfds build cifar10 --file_format=array_record brings the data; folders by class do as well.
Not yet trained at this length.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import PRESETS, published


def get_config() -> Config:
    """32 x 32 colour images, ten classes."""
    return published(PRESETS["cifar"], "tfds:cifar10", 32, num_classes=10)

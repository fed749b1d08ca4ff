"""R3GAN on ImageNet at 32 x 32.

Family: r3gan
Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441
Task: images by class
Data: tfds:imagenet2012 at 32 x 32
Parameters: 82.9 M + 86.5 M
Cost: 1200 EFLOP

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
jgan train --config r3gan_imagenet32 --workdir runs/r3gan_imagenet32

The authors' ImageNet-32 preset, https://github.com/brownvc/R3GAN (FID 1.27): while 200 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 1000 million. ImageNet
must be downloaded by hand first. A batch of 4096 needs accelerators, or stages[0].accumulate. Not yet trained at this
size.
"""

from jgan.config import Config
from jgan.recipes.r3gan import published


def get_config() -> Config:
    """32 x 32 colour images, a thousand classes."""
    return published(
        "imagenet32",
        "tfds:imagenet2012",
        resolution=32,
        batch_size=4096,
        decay_images=200_000_000,
        half_life_images=50_000_000.0,
        augment_probability=0.5,
        num_classes=1000,
    )

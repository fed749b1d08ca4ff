"""R3GAN on ImageNet at 64 x 64.

Family: r3gan
Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441
Task: images by class
Data: tfds:imagenet2012 at 64 x 64
Parameters: 103.6 M + 107.2 M
Cost: 4700 EFLOP

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
jgan train --config r3gan_imagenet64 --workdir runs/r3gan_imagenet64

The authors' ImageNet-64 preset, https://github.com/brownvc/R3GAN (FID 2.09): while 200 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 1000 million. ImageNet
must be downloaded by hand first. A batch of 4096 needs accelerators, or stages[0].accumulate. Not yet trained at this
size.
"""

from jgan.config import Config
from jgan.recipes.r3gan import published


def get_config() -> Config:
    """64 x 64 colour images, a thousand classes."""
    return published(
        "imagenet64",
        "tfds:imagenet2012",
        resolution=64,
        batch_size=4096,
        decay_images=200_000_000,
        half_life_images=50_000_000.0,
        augment_probability=0.4,
        num_classes=1000,
    )

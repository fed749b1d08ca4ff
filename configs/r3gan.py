"""R3GAN on CIFAR-10.

Family: r3gan
Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441
Task: images by class
Data: tfds:cifar10 at 32 x 32
Parameters: 20.8 M + 21.3 M
Cost: 29 EFLOP

pip install "jgan[tfds]" && tfds build cifar10 --file_format=array_record
jgan train --config r3gan --workdir runs/r3gan

The authors' CIFAR10 preset, https://github.com/brownvc/R3GAN (FID 1.96): while 20 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 100 million. A batch
of 512 needs accelerators, or stages[0].accumulate. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.r3gan import published


def get_config() -> Config:
    """32 x 32 colour images, ten classes."""
    return published(
        "cifar10",
        "tfds:cifar10",
        resolution=32,
        batch_size=512,
        decay_images=20_000_000,
        half_life_images=5_000_000.0,
        augment_probability=0.55,
        num_classes=10,
    )

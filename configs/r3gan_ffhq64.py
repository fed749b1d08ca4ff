"""R3GAN on FFHQ at 64 x 64.

Family: r3gan
Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441
Task: images
Data: folder:ffhq at 64 x 64
Parameters: 22.4 M + 22.4 M
Cost: 55 EFLOP

jgan train --config r3gan_ffhq64 --workdir runs/r3gan_ffhq64

The authors' FFHQ-64 preset, https://github.com/brownvc/R3GAN (FID 1.95): while 20 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 100 million. The
images are those of a folder, any in colour: --config.data.source=folder:DIR. A batch of 256 needs accelerators, or
stages[0].accumulate. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.r3gan import published


def get_config() -> Config:
    """64 x 64 faces, no labels."""
    return published(
        "ffhq64",
        "folder:ffhq",
        resolution=64,
        batch_size=256,
        decay_images=20_000_000,
        half_life_images=500_000.0,
        augment_probability=0.3,
    )

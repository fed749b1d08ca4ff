"""R3GAN on FFHQ at 256 x 256.

Family: r3gan
Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441
Task: images
Data: folder:ffhq at 256 x 256
Parameters: 23.1 M + 23.0 M
Cost: 130 EFLOP

jgan train --config r3gan_ffhq256 --workdir runs/r3gan_ffhq256

The authors' FFHQ-256 preset, https://github.com/brownvc/R3GAN (FID 2.75): while 20 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 100 million. The
images are those of a folder, any in colour: --config.data.source=folder:DIR. A batch of 256 needs accelerators, or
stages[0].accumulate. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.r3gan import published


def get_config() -> Config:
    """256 x 256 faces, no labels."""
    return published(
        "ffhq256",
        "folder:ffhq",
        resolution=256,
        batch_size=256,
        decay_images=20_000_000,
        half_life_images=500_000.0,
        augment_probability=0.3,
    )

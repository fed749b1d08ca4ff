"""StyleGAN3-R at 1024 x 1024.

Family: stylegan3
Paper: Karras et al. 2021, https://arxiv.org/abs/2106.12423
Task: images
Data: folder:ffhq at 1024 x 1024
Parameters: 15.1 M + 29.0 M
Cost: 58 EFLOP

jgan train --config stylegan3_r --workdir runs/stylegan3_r --config.data.source=folder:DIR

The authors' FFHQ run (FID 3.07, EQ-R 46.62): as stylegan3_t, and images turn as well: kernels of 1 x 1, radial filters,
twice the channels, and a discriminator that sees the first 200,000 images blurred. Batches of 32, Adam with betas 0 and
0.99, 0.0025 and 0.002, R1 gamma 32.8 every 16 steps, mirrored images, 25 million of them. The highest sampling rates
run in half precision there: --config.game.generator.dtype=bfloat16, and the discriminator's likewise. Needs
accelerators. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan3 import published


def get_config() -> Config:
    """1024 x 1024 colour images, no labels."""
    return published("folder:ffhq", 1024, r1_gamma=32.8, rotations=True)

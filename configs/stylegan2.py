"""StyleGAN2's config f at 1024 x 1024.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/1912.04958
Task: images
Data: folder:ffhq at 1024 x 1024
Parameters: 30.4 M + 29.0 M
Cost: 49 EFLOP

jgan train --config stylegan2 --workdir runs/stylegan2 --config.data.source=folder:DIR

The paper's FFHQ run (FID 2.84): batch 32, Adam 0.002 with betas 0 and 0.99, R1 gamma 10 every 16 steps, path lengths
every 4, 25 million images. Needs accelerators. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import PRESETS, published


def get_config() -> Config:
    """1024 x 1024 colour images, no labels."""
    return published(PRESETS["stylegan2"], "folder:ffhq", 1024)

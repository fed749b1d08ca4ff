"""StyleGAN2 at 256 x 256, the baseline of StyleGAN2-ADA's paper.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/2006.06676
Task: images
Data: folder:ffhq at 256 x 256
Parameters: 24.8 M + 24.0 M
Cost: 9.8 EFLOP

jgan train --config stylegan2_paper256 --workdir runs/stylegan2_paper256 --config.data.source=folder:DIR

The preset for FFHQ and LSUN at 256 x 256 (FID 3.66 without augmentation), 25 million images. Not yet
trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import PRESETS, published


def get_config() -> Config:
    """256 x 256 colour images, no labels."""
    return published(PRESETS["paper256"], "folder:ffhq", 256)

"""StyleGAN2 at 512 x 512, the baseline of StyleGAN2-ADA's paper.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/2006.06676
Task: images
Data: folder:afhq at 512 x 512
Parameters: 30.3 M + 29.0 M
Cost: 40 EFLOP

jgan train --config stylegan2_paper512 --workdir runs/stylegan2_paper512 --config.data.source=folder:DIR

The preset for AFHQ and BreCaHAD at 512 x 512, 25 million images. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import PRESETS, published


def get_config() -> Config:
    """512 x 512 colour images, no labels."""
    return published(PRESETS["paper512"], "folder:afhq", 512)

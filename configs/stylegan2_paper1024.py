"""StyleGAN2 at 1024 x 1024, the baseline of StyleGAN2-ADA's paper.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/2006.06676
Task: images
Data: folder:metfaces at 1024 x 1024
Parameters: 30.4 M + 29.0 M
Cost: 49 EFLOP

jgan train --config stylegan2_paper1024 --workdir runs/stylegan2_paper1024 --config.data.source=folder:DIR

The preset for MetFaces at 1024 x 1024, 25 million images. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import PRESETS, published


def get_config() -> Config:
    """1024 x 1024 colour images, no labels."""
    return published(PRESETS["paper1024"], "folder:metfaces", 1024)

"""StyleGAN2 at 256 x 256, as its authors' code chooses on one GPU.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/2006.06676
Task: images
Data: folder:photos at 256 x 256
Parameters: 23.2 M + 24.0 M
Cost: 9.8 EFLOP

jgan train --config stylegan2_auto --workdir runs/stylegan2_auto --config.data.source=folder:DIR

Batch, widths, rate, gamma and the average go by resolution and GPUs: auto(512, devices=8) of jgan/recipes/stylegan2.py
in a config of your own. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import auto, published


def get_config() -> Config:
    """256 x 256 colour images, no labels."""
    return published(auto(256), "folder:photos", 256)

"""SNGAN on STL-10 at 48 x 48 with residual networks.

Family: sngan
Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957
Task: images
Data: tfds:stl10:unlabelled at 48 x 48
Parameters: 4.9 M + 10.1 M
Cost: 74 PFLOP

pip install "jgan[tfds]" && tfds build stl10 --file_format=array_record
jgan train --config sngan_stl --workdir runs/sngan_stl

The 100,000 unlabelled images, reduced from 96 x 96. All else as in sngan.py; any folder of images does as well:
--config.data.source=folder:DIR. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.sngan import unconditional


def get_config() -> Config:
    """48 x 48 colour images, no labels."""
    return unconditional("tfds:stl10:unlabelled", resolution=48)

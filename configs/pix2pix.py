"""Pix2Pix at 256 x 256 on paired images.

Family: pix2pix
Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Task: image-to-image
Data: pairs:data/maps/train at 256 x 256
Parameters: 54.4 M + 2.8 M
Cost: 21 PFLOP

jgan train --config pix2pix --workdir runs/maps --config.data.source=pairs:maps/train
jgan data split --source pairs:maps/val --out val
jgan translate --workdir runs/maps --input val/A --out translated

Section 3 and appendix 6.2 with the batch of 1 and the 200 epochs, the last 100 with the rate falling to 0, of the
authors' maps (1,096 pairs): images are made 286 pixels large, cut to 256 and mirrored. `--config.data.direction=b_to_a`
goes the other way. Files hold both images side by side, or folders A and B files of the same names.
pix2pix_small.py is one that trains on two cores. Not trained at this size.
"""

from jgan.config import Config
from jgan.families.pix2pix import pix2pix
from jgan.recipes.pix2pix import maps


def get_config() -> Config:
    """The U-Net of 8 halvings against patches of 70 pixels."""
    return maps(pix2pix())

"""Pix2Pix with a residual generator at 256 x 256 on paired images: `--netG resnet_9blocks` of the authors' code.

Family: pix2pix
Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Task: image-to-image
Data: pairs:data/maps/train at 256 x 256
Parameters: 11.4 M + 2.8 M
Cost: 97 PFLOP

jgan train --config pix2pix_resnet --workdir runs/maps --config.data.source=pairs:maps/train
jgan train --config pix2pix_resnet --workdir runs/maps6 --config.game.generator.blocks=6

As pix2pix.py, with CycleGAN's generator (Zhu et al. 2017, https://arxiv.org/abs/1703.10593, appendix 7.2) in place of
the U-Net: it halves twice, so sides are multiples of 4. As there (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix)
it has batch norm, and dropout in its blocks. Not trained at this size.
"""

import dataclasses

from jgan.config import Config
from jgan.families.cyclegan import ResNetGenerator
from jgan.families.pix2pix import pix2pix
from jgan.recipes.pix2pix import maps


def get_config() -> Config:
    """The generator of 9 residual blocks against patches of 70 pixels."""
    generator = ResNetGenerator(blocks=9, norm="batch", dropout=0.5)
    return maps(dataclasses.replace(pix2pix(), generator=generator))

"""Pix2Pix with a residual generator at 256 x 256 on paired images: `--netG resnet_9blocks` of the authors' code.

python -m jgan.main --config configs/pix2pix_resnet.py --workdir runs/maps --config.data.source=pairs:maps/train
python -m jgan.main --config configs/pix2pix_resnet.py --workdir runs/maps6 --config.game.generator.blocks=6

As pix2pix.py, with CycleGAN's generator (Zhu et al. 2017, https://arxiv.org/abs/1703.10593, appendix 7.2) in place of
the U-Net: it halves twice, so sides are multiples of 4. As there (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix)
it has batch norm, and dropout in its blocks. Not trained at this size.
"""

import dataclasses

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.cyclegan import ResNetGenerator
from jgan.families.pix2pix import pix2pix
from jgan.types import Stage

IMAGES = 1096  # of an epoch


def get_config() -> Config:
    """The generator of 9 residual blocks against patches of 70 pixels."""
    adam = AdamConfig(
        learning_rate=2e-4, b1=0.5, decay="linear", decay_start_images=100 * IMAGES, decay_images=100 * IMAGES
    )
    generator = ResNetGenerator(blocks=9, norm="batch", dropout=0.5)
    return Config(
        game=dataclasses.replace(pix2pix(), generator=generator),
        data=DataConfig(source="pairs:data/maps/train", jitter=286 / 256, flip=True),
        stages=(Stage(steps=200 * IMAGES, batch_size=1, resolution=256),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=1096,
        checkpoint_every=5480,
    )

"""StyleGAN2 at 64 x 64 on a folder of a few thousand images; small enough for two cores.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/1912.04958
Task: images by class
Data: folder:photos at 64 x 64
Parameters: 3.1 M + 4.1 M
Cost: 4.6 PFLOP

jgan train --config stylegan2_small --workdir runs/stylegan2_small --config.data.source=folder:DIR

An eighth of config-f's width at 64 x 64. Mixing, lazy R1 and path lengths as published, and DiffAugment, without which
so few images are learned by heart. Classes are those of the data: folders by class, or none. Not yet trained.
"""

import dataclasses

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan2 import stylegan2
from jgan.types import Stage


def get_config() -> Config:
    """64 x 64 colour images, one column of the sample grid per class."""
    adam = AdamConfig(learning_rate=2.5e-3, b1=0.0, b2=0.99)
    game = stylegan2(64, base=2048, most=256, num_classes=10, mapping_layers=2, r1_gamma=0.1)
    return Config(
        game=dataclasses.replace(game, augment=("color", "translation", "cutout")),
        data=DataConfig(source="folder:photos"),
        stages=(Stage(steps=50_000, batch_size=16, resolution=64),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=10_000.0),
        checkpoint_every=500,
    )

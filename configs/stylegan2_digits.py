"""StyleGAN2 on the embedded digits; small enough for two cores.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/1912.04958
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 268 k + 327 k
Cost: 45 TFLOP

jgan train --config stylegan2_digits --workdir runs/stylegan2_digits

A sixteenth of the paper's width; as in the authors' preset for CIFAR-10 without mixing and path lengths, with which
digits of a class came out much alike. Not yet trained to its end.
"""

import dataclasses

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan2 import stylegan2
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    adam = AdamConfig(learning_rate=2.5e-3, b1=0.0, b2=0.99)
    game = stylegan2(32, base=1024, most=64, image_channels=1, num_classes=10, mapping_layers=2, r1_gamma=0.1)
    return Config(
        game=dataclasses.replace(game, style_mixing=0.0, path_length_weight=0.0),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=2000, batch_size=32, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=5_000.0),
        sample_every=250,
    )

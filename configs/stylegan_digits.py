"""StyleGAN on the embedded digits: 8 x 8 to 32 x 32.

Family: stylegan
Paper: Karras et al. 2019, https://arxiv.org/abs/1812.04948
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 74 k + 70 k
Cost: 19 TFLOP

jgan train --config stylegan_digits --workdir runs/stylegan_digits

A sixteenth of the paper's width, and half of its mapping. Without mixing of styles, with which digits were less clear.
Not yet trained to its end.
"""

import dataclasses

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan import stylegan
from jgan.games.growing import growing_stages


def get_config() -> Config:
    """Gray digits, one column of the sample grid per digit, a stage for each of three resolutions."""
    adam = AdamConfig(learning_rate=2e-3, b1=0.0, b2=0.99)
    game = stylegan(32, base=512, most=32, image_channels=1, num_classes=10, mapping_layers=4, r1_gamma=1.0)
    return Config(
        game=dataclasses.replace(game, style_mixing=0.0),
        data=DataConfig(source="mnist5k", channels=1),
        stages=growing_stages(
            32,
            batch_sizes={8: 32, 16: 32, 32: 32},
            fade_images=16_000,
            steady_images=16_000,
            last_images=16_000,
            first_resolution=8,
        ),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
        sample_every=500,
    )

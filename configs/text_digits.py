"""Digits generated from captions: GAN-CLS; trains on two cores.

Family: text
Paper: Reed et al. 2016, https://arxiv.org/abs/1605.05396
Task: images by caption
Data: mnist5k-captions at 32 x 32
Parameters: 382 k + 267 k
Cost: 16 TFLOP
Measured: 2,000 steps in 8 processor minutes

jgan train --config text_digits --workdir runs/text_digits
jgan sample --workdir runs/text_digits --caption "a thin seven" --caption "a bold upright three"

Captions say digit, stroke weight and slant, measured from the embedded digits (jgan/data/digit_captions.py): 79 % of
generated digits show all three (docs/results/text.md), 89 % of real ones, in 8 minutes of CPU time. With the
paper's batch norm in the discriminator and 128 numbers of a caption beside the latents it generates one picture a
caption: here the discriminator has lazy R1 in place of a norm, as quickstart.py, and the generator sees 16 numbers
of a caption.
"""

import dataclasses

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.text import text
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits."""
    game = text(32, 32, 32, image_channels=1, vocabulary=18, generator_text_features=16, discriminator_norm="none")
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.99)
    return Config(
        game=dataclasses.replace(game, latent_dim=64, r1_gamma=0.1, r1_every=8),
        data=DataConfig(source="mnist5k-captions", channels=1),
        stages=(Stage(steps=2000, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
        sample_every=250,
        checkpoint_every=250,
    )

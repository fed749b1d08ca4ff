"""Pix2Pix on squares of 64 x 64 cut from pairs of any size, which trains on two cores.

Family: pix2pix
Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Task: image-to-image
Data: pairs:data/maps/train at 64 x 64
Parameters: 4.2 M + 169 k
Cost: 24 TFLOP
Measured: 5,000 steps in 10 processor minutes

jgan train --config pix2pix_small --workdir runs/maps_small --config.data.source=pairs:maps/train

As pix2pix.py with five halvings, half the width, a discriminator of patches of 34 pixels and batches of 4; outputs
take running statistics as in colorization_small.py.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.pix2pix import pix2pix
from jgan.types import Stage


def get_config() -> Config:
    """The U-Net of 5 halvings against patches of 34 pixels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5, decay="linear", decay_start_images=10_000, decay_images=10_000)
    return Config(
        game=pix2pix(downs=5, channels=32, receptive_field=34, test_as_trained=False),
        data=DataConfig(source="pairs:data/maps/train", fit="patch", flip=True),
        stages=(Stage(steps=5_000, batch_size=4, resolution=64),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=1_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

"""Pix2Pix on squares of 64 x 64 cut from pairs of any size, which trains on two cores.

python -m jgan.main --config configs/pix2pix_small.py --workdir runs/maps_small --config.data.source=pairs:maps/train

As pix2pix.py with five halvings, half the width, a discriminator of patches of 34 pixels and batches of 2. These have
instance norm: batch norm learns from the images of a batch together and would draw each by its own statistics.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.pix2pix import pix2pix
from jgan.optim import AdamConfig, EmaConfig
from jgan.types import Stage


def get_config() -> Config:
    """The U-Net of 5 halvings against patches of 34 pixels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5, decay="linear", decay_start_images=8_000, decay_images=8_000)
    return Config(
        game=pix2pix(downs=5, channels=32, receptive_field=34, norm="instance"),
        data=DataConfig(source="pairs:data/maps/train", fit="patch", flip=True),
        stages=(Stage(steps=8_000, batch_size=2, resolution=64),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=1_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

"""What the configs of StyleGAN3 share: the runs of https://github.com/NVlabs/stylegan3 (train.py, docs/configs.md)."""

from __future__ import annotations

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan3 import stylegan3
from jgan.types import Stage

IMAGES = 25_000_000  # of a run


def published(source: str, resolution: int, *, r1_gamma: float, rotations: bool, batch_size: int = 32) -> Config:
    """A run on square colour images, mirrored; gamma is the authors' for a data set and for T or R."""
    return Config(
        game=stylegan3(resolution, rotations, r1_gamma=r1_gamma, batch_size=batch_size),
        data=DataConfig(source=source, flip=True),
        stages=(Stage(steps=IMAGES // batch_size, batch_size=batch_size, resolution=resolution),),
        generator_optimizer=AdamConfig(learning_rate=2.5e-3, b1=0.0, b2=0.99),
        discriminator_optimizer=AdamConfig(learning_rate=2e-3, b1=0.0, b2=0.99),
        ema=EmaConfig(half_life_images=batch_size * 10_000 / 32),
        sample_every=5000,
        checkpoint_every=5000,
    )

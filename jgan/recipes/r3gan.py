"""What the configs of R3GAN share: the schedules of the authors' code, https://github.com/brownvc/R3GAN."""

from __future__ import annotations

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.r3gan import r3gan
from jgan.types import Stage

LENGTH = 5  # of a run, in multiples of the schedules; the authors' code goes on until it is stopped


def published(
    preset: str,
    source: str,
    *,
    resolution: int,
    batch_size: int,
    decay_images: int,
    half_life_images: float,
    augment_probability: float,
    num_classes: int = 0,
) -> Config:
    """A preset of the authors' code. All schedules end after `decay_images`, the run after five times as many."""
    adam = falling_adam(2e-4, decay_images)
    steps = LENGTH * decay_images // batch_size
    stage = Stage(steps=steps, batch_size=batch_size, resolution=resolution, own_batches=True)
    return Config(
        game=r3gan(preset, num_classes, decay_images, augment_probability),
        data=DataConfig(source=source, flip=True),
        stages=(stage,),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=half_life_images, warmup=0.0, rise_images=decay_images),
        sample_every=5000,
        checkpoint_every=5000,
    )


def falling_adam(learning_rate: float, decay_images: int) -> AdamConfig:
    """Adam whose rate falls to a quarter while b2 rises from 0.9 to 0.99, both as half a cosine."""
    return AdamConfig(
        learning_rate=learning_rate,
        final_scale=0.25,
        b1=0.0,
        b2=0.9,
        final_b2=0.99,
        decay="cosine",
        decay_images=decay_images,
    )

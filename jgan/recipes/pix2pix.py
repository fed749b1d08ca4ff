"""What the configs of Pix2Pix share (Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 3, appendix 6.2)."""

from __future__ import annotations

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.pix2pix import pix2pix
from jgan.games.paired import PairedGAN
from jgan.tasks.config import TaskConfig
from jgan.types import Stage

MAPS = 1096  # images of an epoch of the authors' maps
JITTER = 286 / 256  # images are made so much larger before they are cut


def maps(game: PairedGAN) -> Config:
    """The authors' maps at 256 x 256: batches of 1, 200 epochs, the last 100 with the rate falling to 0."""
    adam = AdamConfig(
        learning_rate=2e-4, b1=0.5, decay="linear", decay_start_images=100 * MAPS, decay_images=100 * MAPS
    )
    return Config(
        game=game,
        data=DataConfig(source="pairs:data/maps/train", jitter=JITTER, flip=True),
        stages=(Stage(steps=200 * MAPS, batch_size=1, resolution=256),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=MAPS,
        checkpoint_every=5 * MAPS,
    )


def restoration(task: TaskConfig, *, keep_known: bool = False) -> Config:
    """A task on any folder of photos at 256 x 256: batches of 16, instance norm in place of a batch's statistics."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=pix2pix(norm="instance", keep_known=keep_known, test_as_trained=False),
        data=DataConfig(source="folder:data/photos", jitter=JITTER, flip=True, task=task),
        stages=(Stage(steps=100_000, batch_size=16, resolution=256),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=1_000,
        checkpoint_every=1_000,
    )


def small_restoration(task: TaskConfig, halvings: int, jitter: float = 1.0, *, keep_known: bool = False) -> Config:
    """A task at 2**halvings pixels a side, of half the width: it trains on two cores."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=pix2pix(downs=halvings, channels=32, receptive_field=16, keep_known=keep_known, test_as_trained=False),
        data=DataConfig(source="folder:data/photos", jitter=jitter, flip=True, task=task),
        stages=(Stage(steps=2_000, batch_size=16, resolution=2**halvings),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

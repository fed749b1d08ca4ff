"""What the configs of super-resolution share: the data, the two stages, and training without an adversary.

Numbers are those of BasicSR (https://github.com/XPixelGroup/BasicSR) where the papers leave them open.
"""

from __future__ import annotations

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.games.paired import PairedGAN
from jgan.tasks.config import TaskConfig
from jgan.types import Stage


def photo_patches(scale: int, workers: int = 2) -> DataConfig:
    """Patches cut, mirrored and turned at random from a folder of photos; inputs are `scale` times smaller."""
    task = TaskConfig("super_resolution", scale=scale)
    return DataConfig(source="folder:data/photos", fit="patch", flip=True, rotate=True, workers=workers, task=task)


def pretrained_stages(pretraining: int, adversarial: int, batch_size: int, resolution: int) -> tuple[Stage, Stage]:
    """So many steps of a distance to the targets alone, then so many of all losses with optimizers as new.

    `resolution` is that of the targets' patches.
    """
    return (
        Stage(pretraining, batch_size, resolution, name="pretraining", adversarial=False),
        Stage(adversarial, batch_size, resolution, name="adversarial", reset_optimizers=True),
    )


def without_adversary(game: PairedGAN) -> Config:
    """Half a million steps on 16 patches of 128 x 128, the rate falling from 2e-4 by a half cosine."""
    stage = Stage(steps=500_000, batch_size=16, resolution=128, adversarial=False)
    images = stage.steps * stage.batch_size
    adam = AdamConfig(learning_rate=2e-4, b1=0.9, b2=0.99, decay="cosine", decay_images=images, final_scale=1e-3)
    return Config(
        game=game,
        data=photo_patches(scale=4, workers=8),
        stages=(stage,),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=11_000.0),
        sample_every=5_000,
        checkpoint_every=5_000,
    )

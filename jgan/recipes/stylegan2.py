"""What the configs of StyleGAN2 share: the presets of https://github.com/NVlabs/stylegan2-ada-pytorch (train.py)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan2 import stylegan2
from jgan.types import Stage

CONFIG_F = 32_768  # channels times resolution, of the widest networks
SLOWED = 4 / 5  # of the generator's Adam, for path lengths every four steps; by the authors also without them
RAMP = 0.05  # early on the average goes back over this share of the images seen, where a preset has a ramp


class Preset(NamedTuple):
    """A row of the table of presets."""

    batch_size: int
    minibatch_group: int
    base: int  # channels times resolution
    learning_rate: float
    r1_gamma: float
    half_life_images: float  # of the average
    ramp: float = 0.0
    mapping_layers: int = 8
    images: int = 25_000_000  # of a run
    plain: bool = False  # CIFAR-10's


PRESETS = {
    "stylegan2": Preset(32, 4, CONFIG_F, 2e-3, 10.0, 10_000.0),
    "paper256": Preset(64, 8, CONFIG_F // 2, 2.5e-3, 1.0, 20_000.0),
    "paper512": Preset(64, 8, CONFIG_F, 2.5e-3, 0.5, 20_000.0),
    "paper1024": Preset(32, 4, CONFIG_F, 2e-3, 2.0, 10_000.0),
    "cifar": Preset(64, 32, CONFIG_F, 2.5e-3, 0.01, 500_000.0, RAMP, 2, 100_000_000, plain=True),
}


def auto(resolution: int, devices: int = 1) -> Preset:
    """What the authors' code chooses for a resolution and so many GPUs."""
    batch_size = max(min(devices * min(4096 // resolution, 32), 64), devices)
    return Preset(
        batch_size,
        min(batch_size // devices, 4),
        CONFIG_F if resolution >= 512 else CONFIG_F // 2,
        2e-3 if resolution >= 1024 else 2.5e-3,
        2e-4 * resolution**2 / batch_size,
        batch_size * 10_000 / 32,
        RAMP,
        2,
    )


def published(
    preset: Preset,
    source: str,
    resolution: int,
    num_classes: int = 0,
    augment: tuple[str, ...] = (),
    ada_target: float = 0.0,
) -> Config:
    """The run of a preset on square colour images.

    `augment` and `ada_target` as fields of the game. Both players have one Adam, slowed for lazy phases as the engine
    does, and without path lengths here; the images are mirrored in no preset.
    """
    adam = AdamConfig(learning_rate=preset.learning_rate, b1=0.0, b2=0.99)
    slower = AdamConfig(learning_rate=SLOWED * preset.learning_rate, b1=0.0, b2=0.99**SLOWED)
    game = stylegan2(
        resolution,
        preset.base,
        num_classes=num_classes,
        mapping_layers=preset.mapping_layers,
        r1_gamma=preset.r1_gamma,
        minibatch_group=preset.minibatch_group,
        plain=preset.plain,
    )
    return Config(
        game=dataclasses.replace(game, augment=augment, ada_target=ada_target),
        data=DataConfig(source=source),
        stages=(Stage(steps=preset.images // preset.batch_size, batch_size=preset.batch_size, resolution=resolution),),
        generator_optimizer=slower if preset.plain else adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=preset.half_life_images, warmup=preset.ramp),
        sample_every=5000,
        checkpoint_every=5000,
    )

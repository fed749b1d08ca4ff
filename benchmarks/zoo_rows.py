"""What `make zoo-small` trains: every family at 32 x 32, a line each in ROWS, on digits and on CIFAR-10."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jgan import config as configs
from jgan.config import Config

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
RESOLUTION, CLASSES = 32, 10


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Images to train on, of ten classes."""

    name: str
    source: str
    channels: int


DIGITS = DataSet("digits", "mnist5k", channels=1)


def cifar(directory: Path) -> DataSet:
    """A folder of CIFAR-10's images with a sub-folder for each class."""
    return DataSet("cifar", f"folder:{directory}", channels=3)


@dataclasses.dataclass(frozen=True)
class Row:
    """A family: its config, how long it trains on each data set, and other fields of the config, path to value.

    Channels, resolution and the lengths of schedules follow from the data set and the steps, so most rows name none.
    """

    name: str
    config: str  # configs/NAME.py
    steps: Mapping[str, int]  # of all stages, by name of the data set: two to four minutes on two quiet cores
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cifar_fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # besides, on CIFAR


ROWS = (
    Row("vanilla", "vanilla", {"digits": 6000, "cifar": 2400}),
    Row("cgan", "cgan_digits", {"digits": 5000, "cifar": 2000}),
    Row("dcgan", "dcgan_digits", {"digits": 3000, "cifar": 2200}),
    Row("conditional_dcgan", "quickstart", {"digits": 1500, "cifar": 1200}),
    Row("wgan", "wgan_digits", {"digits": 3000, "cifar": 1800}),
    Row("wgan_gp", "wgan_gp_digits", {"digits": 2000, "cifar": 2400}),
    Row("lsgan", "lsgan_digits", {"digits": 3000, "cifar": 1500}),
    Row("sngan", "sngan_digits", {"digits": 700, "cifar": 450}),
    Row(
        "acgan",
        "acgan_digits",
        {"digits": 2500, "cifar": 1500},
        cifar_fields={
            "game.discriminator.widths": (32, 64, 64, 128, 128, 256),
            "game.discriminator.dropout": 0.2,
        },
    ),
    Row(
        "relativistic",
        "relativistic_digits",
        {"digits": 900, "cifar": 1500},
        cifar_fields={
            "game.r1_gamma": 1.0,
            "generator_optimizer.learning_rate": 5e-4,
            "discriminator_optimizer.learning_rate": 5e-4,
        },
    ),
    Row("sagan", "sagan_digits", {"digits": 700, "cifar": 700}),
    Row("biggan", "biggan_digits", {"digits": 700, "cifar": 700}),
    Row("r3gan", "r3gan_digits", {"digits": 1000, "cifar": 600}),

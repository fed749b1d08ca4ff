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
    steps: Mapping[str, int]  # name of the data set: two to four minutes on two quiet cores
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
    Row("acgan", "acgan_digits", {"digits": 2500, "cifar": 900}),
    Row("relativistic", "relativistic_digits", {"digits": 900, "cifar": 500}),
    Row("sagan", "sagan_digits", {"digits": 700, "cifar": 700}),
    Row("biggan", "biggan_digits", {"digits": 700, "cifar": 700}),
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A row on a data set with a seed, trained in `workdir`."""

    row: Row
    data: DataSet
    seed: int
    workdir: Path
    overrides: tuple[str, ...]  # flags of jgan.main
    config: Config

    @property
    def name(self) -> str:
        """For people; also its directory below that of all runs."""
        return f"{self.data.name}/{self.row.name}/seed{self.seed}"

    @property
    def steps(self) -> int:
        """Of training."""
        return self.config.stages[0].steps

    @property
    def is_conditional(self) -> bool:
        """Whether it is told which class to draw."""
        return getattr(self.config.game, "num_classes", 0) > 0


def plan(row: Row, data: DataSet, seed: int, out: Path, scale: float = 1.0) -> Run:
    """The run of a row, its steps times `scale`.

    Raises:
      UserError: the config has no such field, or takes no such value.
    """
    path = str(CONFIGS / f"{row.config}.py")
    config = configs.read_config(path, [])
    steps = max(1, round(scale * row.steps[data.name]))
    fields = {
        **_shape_fields(config, data.channels),
        "data.source": data.source,
        "seed": seed,
        "stages[0].steps": steps,
        "sample_every": steps,
        "checkpoint_every": max(1, steps // 4),
        **row.fields,
        **(row.cifar_fields if data.name == "cifar" else {}),
    }
    images = steps * fields.get("stages[0].batch_size", config.stages[0].batch_size)
    fields = {**_schedule_fields(config, images), **fields}
    overrides = tuple(f"--config.{field}={value}" for field, value in fields.items())
    workdir = out / data.name / row.name / f"seed{seed}"
    return Run(row, data, seed, workdir, overrides, configs.read_config(path, overrides))


def _shape_fields(config: Config, channels: int) -> dict[str, Any]:
    """Every field that says how large images are, or how many channels they have."""
    values = {"resolution": RESOLUTION, "image_channels": channels}
    shapes = {path: values.get(path.rpartition(".")[2]) for path in configs.flatten(config)}
    return {path: value for path, value in shapes.items() if value} | {"data.channels": channels}


def _schedule_fields(config: Config, images: int) -> dict[str, Any]:
    """Every schedule of the config, in proportion to a run of that many images; half-lives stay."""
    ratio = images / sum(stage.steps * stage.batch_size for stage in config.stages)
    return {
        path: type(value)(value * ratio)
        for path, value in configs.flatten(config).items()
        if path.endswith("_images") and "half_life" not in path and value
    }

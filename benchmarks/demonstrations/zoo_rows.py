"""What `make zoo-small` trains: every family at 32 x 32, a line each in ROWS, on digits and on CIFAR-10."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jgan import config as configs
from jgan.config import Config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
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
    Row("sagan", "sagan_digits", {"digits": 700, "cifar": 450}),
    Row("biggan", "biggan_digits", {"digits": 700, "cifar": 450}),
    Row("biggan_deep", "biggan_deep_digits", {"digits": 700, "cifar": 450}),
    Row("progan", "progan_digits", {"digits": 2250, "cifar": 2250}, {"keep_checkpoints": 20}),  # one a stage is drawn
    Row("r3gan", "r3gan_digits", {"digits": 1000, "cifar": 600}),
    Row("stylegan", "stylegan_digits", {"digits": 1000, "cifar": 1000}),
    Row("stylegan2", "stylegan2_digits", {"digits": 600, "cifar": 450}),
    Row("stylegan3_t", "stylegan3_t_digits", {"digits": 500, "cifar": 400}),
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
        return sum(stage.steps for stage in self.config.stages)

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
    ratio = scale * row.steps[data.name] / sum(stage.steps for stage in config.stages)
    steps = [max(1, round(ratio * stage.steps)) for stage in config.stages]
    own = {**row.fields, **(row.cifar_fields if data.name == "cifar" else {})}
    batch_sizes = [
        own.get(f"stages[{index}].batch_size", stage.batch_size) for index, stage in enumerate(config.stages)
    ]
    images = sum(count * batch_size for count, batch_size in zip(steps, batch_sizes, strict=True))
    fields = {
        **_shape_fields(config, data.channels),
        **_schedule_fields(config, images),
        "data.source": data.source,
        "seed": seed,
        **{f"stages[{index}].steps": count for index, count in enumerate(steps)},
        "sample_every": sum(steps),
        "checkpoint_every": max(1, sum(steps) // 4),
        **own,
    }
    overrides = tuple(f"--config.{field}={value}" for field, value in fields.items())
    workdir = out / data.name / row.name / f"seed{seed}"
    return Run(row, data, seed, workdir, overrides, configs.read_config(path, overrides))


def _shape_fields(config: Config, channels: int) -> dict[str, Any]:
    """Every field that says how large images are, or how many channels they have; those of stages that grow stay."""
    values = {"resolution": RESOLUTION, "image_channels": channels}
    paths = [path for path in configs.flatten(config) if len(config.stages) == 1 or not path.startswith("stages")]
    shapes = {path: values.get(path.rpartition(".")[2]) for path in paths}
    return {path: value for path, value in shapes.items() if value} | {"data.channels": channels}


def _schedule_fields(config: Config, images: int) -> dict[str, Any]:
    """Every schedule of the config, in proportion to a run of that many images; half-lives stay."""
    ratio = images / sum(stage.steps * stage.batch_size for stage in config.stages)
    return {
        path: type(value)(value * ratio)
        for path, value in configs.flatten(config).items()
        if path.endswith("_images") and "half_life" not in path and value
    }

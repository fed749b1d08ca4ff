"""What a run says about its data: the settings of `jgan.data`, and their check."""

from __future__ import annotations

import dataclasses

from jgan.tasks.config import TaskConfig
from jgan.types import UserError

FITS = ("crop", "pad", "stretch", "patch")
DIRECTIONS = ("a_to_b", "b_to_a")
ON_ERROR = ("refuse", "skip")
CHANNELS = (0, 1, 3, 4)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the images come from and how they become square uint8 pixels.

    Images are resized once with Pillow's anti-aliased LANCZOS filter and scaled to [-1, 1] on the device.
    """

    source: str = "mnist5k"
    channels: int = 3  # 1 gray, 3 RGB, 4 RGBA; 0: as the files are, which must then agree with each other
    # "crop" | "pad" | "stretch": how a non-square image becomes square; "patch": a random square at its own scale
    fit: str = "crop"
    jitter: float = 1.0  # images are made this much larger than the resolution, and cut to it at random
    flip: bool = False  # mirror each image left-right with probability 1/2
    rotate: bool = False  # turn each image by 0, 90, 180 or 270 degrees
    background: int = 255  # gray level seen through transparent pixels and around padded images
    on_error: str = "refuse"  # "refuse" | "skip" broken files
    check_megabytes: int = 256  # files up to this size in all are decoded before the start, of larger sets the ends
    workers: int = 2  # decoding processes of this host (0: threads only)
    device_megabytes: int = 256  # smaller data sets stay on the device as uint8; for patches, decoded on the host
    direction: str = "a_to_b"  # "a_to_b" | "b_to_a": of pairs, from which side to which
    input_channels: int = 3  # of pairs, on the side that is translated; `channels` are those of the other
    task: TaskConfig = TaskConfig()  # in place of pairs: what is made of each image, to be undone


def check_config(config: DataConfig) -> None:
    """Raises UserError where a field has a value that no reader understands."""
    _check_choice("fit", config.fit, FITS)
    _check_choice("on_error", config.on_error, ON_ERROR)
    _check_choice("channels", config.channels, CHANNELS)
    _check_choice("direction", config.direction, DIRECTIONS)
    _check_choice("input_channels", config.input_channels, CHANNELS[1:])
    config.task.check()
    if not 1.0 <= config.jitter <= 2.0:
        raise UserError(f"data.jitter={config.jitter}: expected 1 to 2 times the resolution")
    if config.task.is_blind and (config.channels != 3 or config.jitter > 1.0):
        raise UserError(
            f"data.channels={config.channels}, data.jitter={config.jitter}: data.task.name={config.task.name!r} makes "
            "its inputs of RGB images at their final size; set them to 3 and 1"
        )
    if config.jitter > 1.0 and config.fit == "patch":
        raise UserError(f"data.jitter={config.jitter}: patches are cut at random already; set it to 1")
    if not 0 <= config.background <= 255:
        raise UserError(f"data.background is {config.background}; give a gray level from 0 to 255")
    for field in ("workers", "device_megabytes", "check_megabytes"):
        if getattr(config, field) < 0:
            raise UserError(f"data.{field} is {getattr(config, field)}; give 0 or more")


def _check_choice(field: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise UserError(f"data.{field} is {value!r}; choose one of {', '.join(map(repr, choices))}")

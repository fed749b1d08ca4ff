"""What a run says about its data: the settings of `jgan.data`, and their check."""

from __future__ import annotations

import dataclasses

from jgan.types import UserError

FITS = ("crop", "pad", "stretch")
ON_ERROR = ("refuse", "skip")
CHANNELS = (0, 1, 3, 4)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the images come from and how they become square uint8 pixels.

    Images are resized once with Pillow's anti-aliased LANCZOS filter and scaled to [-1, 1] on the device.
    """

    source: str = "mnist5k"
    channels: int = 3  # 1 gray, 3 RGB, 4 RGBA; 0: as the files are, which must then agree with each other
    fit: str = "crop"  # "crop" | "pad" | "stretch": how a non-square image becomes square
    flip: bool = False  # mirror each image left-right with probability 1/2
    background: int = 255  # gray level seen through transparent pixels and around padded images
    on_error: str = "refuse"  # "refuse" | "skip" broken files
    check_megabytes: int = 256  # files up to this size in all are decoded before the start, of larger sets the ends
    workers: int = 2  # decoding processes of this host (0: threads only)
    device_megabytes: int = 256  # smaller data sets stay on the device as uint8


def check_config(config: DataConfig) -> None:
    """Raises UserError where a field has a value that no reader understands."""
    _check_choice("fit", config.fit, FITS)
    _check_choice("on_error", config.on_error, ON_ERROR)
    _check_choice("channels", config.channels, CHANNELS)
    if not 0 <= config.background <= 255:
        raise UserError(f"data.background is {config.background}; give a gray level from 0 to 255")
    for field in ("workers", "device_megabytes", "check_megabytes"):
        if getattr(config, field) < 0:
            raise UserError(f"data.{field} is {getattr(config, field)}; give 0 or more")


def _check_choice(field: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise UserError(f"data.{field} is {value!r}; choose one of {', '.join(map(repr, choices))}")

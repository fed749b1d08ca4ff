"""Settings of a run that begins with another's weights, as published: no ramps, and ADA five times as fast.

Resumed runs of https://github.com/NVlabs/stylegan2-ada-pytorch and https://github.com/NVlabs/stylegan3 (train.py): the
average has no ramp, which would throw away the one that was taken; ADA's probability, 0 at first, moves by 1 in 100,000
images; and StyleGAN3-R's images are not blurred at first. A flag that names a field has the last word, and with
`--keep_step` a run goes on as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jgan.config import Config, flatten, flatten_data, override, read_saved
from jgan.training.start_from import StartFrom, recorded_start

ADA_IMAGES = 100_000
RESUMED: Mapping[str, Any] = {
    "ema.warmup": 0.0,
    "ema.rise_images": 0,
    "game.ada_images": ADA_IMAGES,
    "game.blur_sigma": 0.0,
    "game.blur_images": 0,
}


def with_resumed_settings(
    config: Config, given: StartFrom | None, workdir: Path | None, flags: Sequence[str] = ()
) -> tuple[Config, str]:
    """The config of a run that begins so, and a line that says what has changed, or "".

    The run may be in `workdir` already: then it keeps what it began with. `flags` are the user's, which stay as they
    are.

    Raises:
      UserError: `workdir` holds a run that cannot be read.
    """
    start = given or (recorded_start(workdir) if workdir else None)
    if start is None or start.keep_step:
        return config, ""
    fields = flatten(config)
    changes = {path: value for path, value in RESUMED.items() if _changes(fields, path) and path not in _named(flags)}
    if workdir and (saved := workdir / "config.json").is_file():
        begun = flatten_data(read_saved(saved))
        changes = {path: value for path, value in changes.items() if begun.get(path) == value}
    if not changes:
        return config, ""
    said = ", ".join(f"{path}={value} (was {fields[path]})" for path, value in changes.items())
    resumed = override(config, [f"--config.{path}={value}" for path, value in changes.items()])
    return resumed, f"as published for runs that begin with another's weights: {said}"


def _changes(fields: Mapping[str, Any], path: str) -> bool:
    if path == "game.ada_images":
        return bool(fields.get("game.ada_target")) and fields[path] > ADA_IMAGES
    if path == "game.blur_sigma":  # one that stays is no ramp
        return bool(fields.get("game.blur_images"))
    return bool(fields.get(path))


def _named(flags: Sequence[str]) -> set[str]:
    """The fields that flags such as "--config.ema.warmup=0.05" name."""
    return {flag.partition("=")[0].lstrip("-").removeprefix("config.") for flag in flags}

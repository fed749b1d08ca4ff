"""A file's numbers beside a config's: the flags that fit the file, or the config with them."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from jgan.config import Config
from jgan.interop.recognition import Fields, OneOf
from jgan.types import UserError

GENERATOR, DISCRIMINATOR = "game.generator", "game.discriminator"
FOLLOWING = ("stages.", f"{DISCRIMINATOR}.")  # fields of what is not in the file, which fits itself to what is


def as_paths(fields: Fields, player: str) -> Fields:
    """The fields of a network of this player by their paths in the config."""
    return {name if "." in name else f"{player}.{name}": value for name, value in fields.items()}


def differences(config: Config, fields: Mapping[str, Any], player: str) -> Fields:
    """The fields in which the config differs from a file's network, by path; without those that follow.

    Of a discriminator they are all its own: none follows.
    """
    found = {}
    for path, value in fields.items():
        follows = path.startswith(FOLLOWING) and player != DISCRIMINATOR
        if follows or not _has(config, path) or _ignored(config, path):
            continue
        present = get(config, path)
        fits = present in value.values if isinstance(value, OneOf) else present == value
        if not fits:
            found[path] = value
    return found


def flags(fields: Mapping[str, Any]) -> str:
    """What sets the fields on a command line; where the file leaves a choice, the first."""
    values = {path: value.values[0] if isinstance(value, OneOf) else value for path, value in fields.items()}
    return " ".join(shlex.quote(f"--config.{path}={value}") for path, value in values.items())


def matched(config: Config, fields: Mapping[str, Any], source: str) -> Config:
    """The config with the fields.

    Raises:
      UserError: the file leaves a choice: the message says which.
    """
    for path, value in fields.items():
        if isinstance(value, OneOf):
            choices = " or ".join(f"--config.{path}={choice}" for choice in value.values)
            raise UserError(f"{source}: its tensors do not say which; give {choices}")
        config = put(config, path, value)
    return config


def follow(config: Config, fields: Mapping[str, Any]) -> Config:
    """The config whose stages, and whose new discriminator, fit the file's generator.

    Of stages that grow only the last one stays: the file's has grown.
    """
    for path, value in fields.items():
        if path == "stages.resolution":
            grown = config.stages[-1:] if any(stage.fade_images for stage in config.stages) else config.stages
            stages = tuple(dataclasses.replace(stage, resolution=value, fade_images=0) for stage in grown)
            config = dataclasses.replace(config, stages=stages)
        elif path.startswith(FOLLOWING) and _has(config, path):
            config = put(config, path, value)
    return _with_halvings(_with_multiples(config))


def _with_multiples(config: Config) -> Config:
    """Stages whose images can be made smaller by the scale: they stand in for data here."""
    game: Any = config.game
    scale = config.data.task.scale if config.game.generates_from == "images" and config.data.task.name else 1
    multiple = scale * getattr(getattr(game, "generator", None), "multiple", 1) if scale > 1 else 1
    stages = tuple(
        dataclasses.replace(stage, resolution=-(-stage.resolution // multiple) * multiple) for stage in config.stages
    )
    return dataclasses.replace(config, stages=stages)


def _with_halvings(config: Config) -> Config:
    """A discriminator that halves images as often as they can be, and attends to resolutions which it comes by."""
    game: Any = config.game
    discriminator, resolution = getattr(game, "discriminator", None), config.stages[-1].resolution
    halvings, attention = (getattr(discriminator, name, None) for name in ("downsamples", "attention"))
    if halvings is None:
        return config
    halvings = min(halvings, (resolution & -resolution).bit_length() - 1)
    config = put(config, f"{DISCRIMINATOR}.downsamples", halvings)
    left = {resolution >> (index + 1) for index in range(halvings)}
    kept = tuple(size for size in attention or () if size in left)
    return put(config, f"{DISCRIMINATOR}.attention", kept) if kept != attention and attention else config


def _ignored(config: Config, path: str) -> bool:
    """Whether the field says nothing here: of files as they are, or of a side that data do not have."""
    if path == "data.channels":
        return config.data.channels == 0
    return path == "data.input_channels" and not config.data.source.startswith("pairs:")


def get(node: Any, path: str) -> Any:
    """The value at a path such as "game.generator.channels"."""
    for name in path.split("."):
        node = getattr(node, name)
    return node


def put(node: Any, path: str, value: Any) -> Any:
    """The node with another value at the path."""
    name, _, rest = path.partition(".")
    new = put(getattr(node, name), rest, value) if rest else value
    return node.clone(**{name: new}) if isinstance(node, nn.Module) else dataclasses.replace(node, **{name: new})


def _has(node: Any, path: str) -> bool:
    for name in path.split("."):
        if not hasattr(node, name):
            return False
        node = getattr(node, name)
    return True

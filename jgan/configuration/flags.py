"""Flags that set a config's fields: --config.game.generator.channels=32."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, TypeVar

import flax.linen as nn
from absl import flags
from ml_collections import ConfigDict, config_flags

from jgan.configuration.data import config_fields, flatten
from jgan.types import UserError, did_you_mean

ConfigT = TypeVar("ConfigT")
BOOLEANS = ("true", "t", "1", "false", "f", "0")


def override(config: ConfigT, overrides: Sequence[str]) -> ConfigT:
    """The config with flags such as "--config.stages[0].steps=10" applied.

    Raises:
      UserError: a flag names no field, is given twice, or holds a value of the wrong type.
    """
    names = flatten(config)
    given = [flag for flag in overrides if flag.startswith("-")]
    for flag, after in itertools.zip_longest(overrides, overrides[1:], fillvalue="-"):
        if flag.startswith("-"):
            _check_flag(flag, names, has_value="=" in flag or not after.startswith("-"))
    flag_names = [flag.partition("=")[0] for flag in given]
    if twice := [name for name in flag_names if flag_names.count(name) > 1]:
        raise UserError(f"{twice[0]}: given twice; give it once")
    mirror = _mutable(config)
    values = flags.FlagValues()
    argv = ["jgan", *overrides]
    try:
        config_flags.DEFINE_config_dict("config", mirror, flag_values=values, sys_argv=argv)
        rest = values(argv)[1:]
    except (flags.Error, KeyError, ValueError, TypeError) as error:
        raise UserError(" ".join(str(error).split())) from None
    if rest:
        raise UserError(f"{rest[0]!r}: expected a flag such as --config.seed=1")
    return _immutable(config, mirror)


def _check_flag(flag: str, names: dict[str, Any], *, has_value: bool) -> None:
    name = flag.lstrip("-").split("=", 1)[0]
    path = name.removeprefix("config.")
    candidates = {path, path.removeprefix("no")} if name.startswith("noconfig.") else {path}
    if name.startswith("noconfig."):
        candidates = {name.removeprefix("noconfig.")}
    if not name.startswith(("config.", "noconfig.")):
        raise UserError(f"{flag}: unknown option; expected a flag such as --config.seed=1")
    if not candidates & names.keys():
        raise UserError(f"--{name}: no such field{did_you_mean(path, names)}")
    present = names[(candidates & names.keys()).pop()]
    if not has_value and not isinstance(present, bool):
        raise UserError(f"--{name}: expected a value, as in --{name}={present}")
    if "=" in flag:
        _check_text(f"--{name}", flag.split("=", 1)[1], present)


def _check_text(name: str, text: str, present: Any) -> None:
    """Raises UserError where a flag's text is not of the type that the field holds."""
    if isinstance(present, bool):
        if text.lower() not in BOOLEANS:
            raise UserError(f"{name}={text}: expected true or false")
    elif isinstance(present, (int, float)):
        kind, what = (int, "a whole number") if isinstance(present, int) else (float, "a number")
        try:
            kind(text)
        except ValueError:
            raise UserError(f"{name}={text}: expected {what}") from None


def _mutable(node: Any) -> Any:
    """A ConfigDict (of lists for tuples of dataclasses) in which `config_flags` can set values."""
    if dataclasses.is_dataclass(node):
        fields = {field.name: _mutable(getattr(node, field.name)) for field in config_fields(node)}
        return ConfigDict(fields, convert_dict=False)
    if isinstance(node, tuple) and any(dataclasses.is_dataclass(item) for item in node):
        return [_mutable(item) for item in node]
    return node


def _immutable(node: Any, mirror: Any) -> Any:
    """The dataclass `node` with the values of its mirror."""
    if isinstance(mirror, ConfigDict):
        values = {field.name: (getattr(node, field.name), mirror[field.name]) for field in config_fields(node)}
        new = {name: _immutable(*pair) for name, pair in values.items()}
        return node.clone(**new) if isinstance(node, nn.Module) else dataclasses.replace(node, **new)
    if isinstance(mirror, list):
        return tuple(_immutable(*pair) for pair in zip(node, mirror, strict=True))
    return mirror

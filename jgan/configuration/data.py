"""Config dataclasses as data: their leaves by path, and as JSON. Data never runs code."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import typing
from collections.abc import Iterator
from typing import Any

import flax.linen as nn

from jgan.rundir.renames import TYPE
from jgan.types import UserError, did_you_mean


def config_fields(node: Any) -> list[dataclasses.Field]:
    """The fields of a config dataclass; of a Flax module, without the two that Flax adds."""
    hidden = ("parent", "name") if isinstance(node, nn.Module) else ()
    return [field for field in dataclasses.fields(node) if field.name not in hidden]


def leaves(node: Any, path: str = "", hint: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """(path, value, annotated type) of every leaf below `node`."""
    if dataclasses.is_dataclass(node):
        hints = typing.get_type_hints(type(node))
        for field in config_fields(node):
            inner = f"{path}.{field.name}" if path else field.name
            yield from leaves(getattr(node, field.name), inner, hints[field.name])
    elif isinstance(node, tuple) and any(dataclasses.is_dataclass(item) for item in node):
        for index, item in enumerate(node):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, node, hint


def flatten(config: Any) -> dict[str, Any]:
    """Path to value of every leaf: {"game.generator.channels": 64, "stages[0].steps": 1000, ...}."""
    return {path: value for path, value, _ in leaves(config)}


def to_data(node: Any) -> Any:
    """A config, or a part of one, as JSON data; a dataclass is an object that names its type."""
    if dataclasses.is_dataclass(node):
        name = f"{type(node).__module__}.{type(node).__qualname__}"
        return {TYPE: name} | {field.name: to_data(getattr(node, field.name)) for field in config_fields(node)}
    if isinstance(node, (tuple, list)):
        return [to_data(item) for item in node]
    return node


def from_data(data: Any) -> Any:
    """The inverse of `to_data`. Only dataclasses of the jgan package are built; nothing else is ever called.

    Raises:
      UserError: the data names another type, or fields that its type does not have.
    """
    if isinstance(data, list):
        return tuple(from_data(item) for item in data)
    if not isinstance(data, dict):
        return data
    cls = _dataclass_named(data.get(TYPE))
    values = {name: from_data(value) for name, value in data.items() if name != TYPE}
    known = {field.name for field in dataclasses.fields(cls)} - {"parent", "name"}
    known |= {"name"} if not issubclass(cls, nn.Module) else set()
    if unknown := sorted(set(values) - known):
        raise UserError(f"config.json: {data[TYPE]} has no field {unknown[0]!r}{did_you_mean(unknown[0], known)}")
    try:
        return cls(**values)
    except Exception as error:  # a field is missing, or the class looks at one that holds something else
        raise UserError(f"config.json: {data[TYPE]}: {error}") from None


def _dataclass_named(name: Any) -> type:
    refusal = UserError(f"config.json: type {name!r} is not a config dataclass of jgan, so it is not built")
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        raise refusal
    module_name, _, class_name = name.rpartition(".")
    if not module_name.startswith("jgan.") or importlib.util.find_spec("jgan") is None:
        raise refusal
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError):
        raise refusal from None
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls) or cls.__module__ != module_name:
        raise refusal
    return cls


def data_differences(before: Any, after: Any) -> dict[str, str]:
    """Path to "was x, now y" of every leaf that two pieces of JSON data do not share."""
    was, now = flatten_data(before), flatten_data(after)
    return {
        path: f"was {was.get(path)!r}, now {now.get(path)!r}"
        for path in sorted(was.keys() | now.keys())
        if was.get(path) != now.get(path)
    }


def flatten_data(data: Any, path: str = "") -> dict[str, Any]:
    """As `flatten`, of a config's JSON data: the types of its dataclasses are leaves too, and nothing is checked."""
    if isinstance(data, dict):
        parts = [flatten_data(value, f"{path}.{name}" if path else name) for name, value in data.items()]
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        parts = [flatten_data(value, f"{path}[{index}]") for index, value in enumerate(data)]
    else:
        return {path: data}
    return {key: value for part in parts for key, value in part.items()}

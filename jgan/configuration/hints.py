"""Whether the fields of a config hold what their annotations say: one that was read from data may hold anything."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal

import flax.linen as nn

from jgan.configuration.data import config_fields
from jgan.errors import shown
from jgan.types import UserError
from jgan.untrusted.fields import MAX_TEXT

MAX_ITEMS = 1000  # of a tuple
NUMERIC = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


def check_types(node: Any, path: str = "") -> None:
    """Raises UserError, naming the field, where a field below the dataclass `node` holds another type of value."""
    hints = typing.get_type_hints(type(node))
    for field in config_fields(node):
        place = f"{path}.{field.name}" if path else field.name
        _check(place, getattr(node, field.name), hints[field.name])


def _check(path: str, value: Any, hint: Any) -> None:
    origin = typing.get_origin(hint)
    if origin is tuple:
        _check_tuple(path, value, typing.get_args(hint))
    elif origin is Literal:
        _check_choice(path, value, typing.get_args(hint))
    elif origin in (types.UnionType, typing.Union):
        _check_union(path, value, typing.get_args(hint))
    elif hint in NUMERIC:
        _check_scalar(path, value, hint)
    elif hint is type(None):
        _refuse(value is not None, path, value, "null")
    elif isinstance(hint, type) and not getattr(hint, "_is_protocol", False):
        what = "a network" if issubclass(hint, nn.Module) else f"a {hint.__name__}"
        _refuse(not isinstance(value, hint), path, value, what)
    if dataclasses.is_dataclass(value):
        check_types(value, path)


def _check_tuple(path: str, value: Any, hints: tuple[Any, ...]) -> None:
    _refuse(not isinstance(value, tuple), path, value, "a tuple, such as (16, 32)")
    _refuse(len(value) > MAX_ITEMS, path, value, f"{MAX_ITEMS} items at most")
    many = len(hints) == 2 and hints[1] is Ellipsis
    _refuse(not many and len(value) != len(hints), path, value, f"{len(hints)} items")
    for index, item in enumerate(value):
        place = f"{path}[{index}]" if dataclasses.is_dataclass(item) else path
        _check(place, item, hints[0] if many else hints[index])


def _check_choice(path: str, value: Any, choices: tuple[Any, ...]) -> None:
    alike = [choice for choice in choices if type(choice) is type(value) and choice == value]
    _refuse(not alike, path, value, f"one of {', '.join(map(repr, choices))}")


def _check_union(path: str, value: Any, hints: tuple[Any, ...]) -> None:
    problems = []
    for hint in hints:
        try:
            return _check(path, value, hint)
        except UserError as problem:
            problems.append(problem)
    raise problems[0]


def _check_scalar(path: str, value: Any, hint: type) -> None:
    wrong = not isinstance(value, NUMERIC[hint]) or (isinstance(value, bool) and hint is not bool)
    _refuse(wrong, path, value, f"{hint.__name__}, got {type(value).__name__}")
    if isinstance(value, str):
        _refuse(len(value) > MAX_TEXT or "\0" in value, path, value, f"{MAX_TEXT} characters at most, none of them NUL")


def _refuse(wrong: bool, path: str, value: Any, expected: str) -> None:
    if wrong:
        found = type(value).__name__ if dataclasses.is_dataclass(value) else shown(value, 200)
        raise UserError(f"{path}={found}: expected {expected}")

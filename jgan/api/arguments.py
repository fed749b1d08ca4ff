"""Arguments from Python: their types are checked, and errors name them where those of the commands name flags."""

from __future__ import annotations

import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.core import Tracer

from jgan.errors import in_python
from jgan.types import UserError

WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", Path: "a path"}
WORDS |= {np.ndarray: "an array"}

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def checked(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, which refuses arguments that are not of their annotated types.

    Errors say `truncation=2`, the argument, where a command's say `--truncation=2`, and `run.translate` for `jgan
    translate`. numpy's numbers and arrays pass for Python's numbers and lists.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Arguments.args, **keywords: Arguments.kwargs) -> Result:
        bound = signature.bind(*args, **keywords)
        hints = _hints(function)
        try:
            for name, value in bound.arguments.items():
                if name in hints and signature.parameters[name].kind is not inspect.Parameter.VAR_KEYWORD:
                    bound.arguments[name] = _checked(name, value, hints[name])
            return function(*bound.args, **bound.kwargs)
        except UserError as error:
            raise type(error)(in_python(str(error))) from None

    return call


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function)


def _checked(name: str, value: Any, hint: Any) -> Any:
    """The value as the type of its hint. Raises UserError where it is of another."""
    fits, converted = _fit(value, hint)
    if not fits:
        raise UserError(f"{name}={_shown(value)}: expected {_words(hint)}")
    return converted


def _fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether the value is of this type, and the value as Python's own type."""
    if isinstance(hint, types.UnionType):
        fitted = (_fit(value, option) for option in typing.get_args(hint))
        return next((fit for fit in fitted if fit[0]), (False, value))
    if typing.get_origin(hint) is Sequence:
        _, value = _fit(value, np.ndarray)
        items = value.tolist() if isinstance(value, np.ndarray) and value.ndim == 1 else value
        if isinstance(items, str) or not isinstance(items, Sequence):
            return False, value
        fitted = [_fit(item, typing.get_args(hint)[0]) for item in items]
        return all(fits for fits, _ in fitted), [item for _, item in fitted]
    if hint in (int, float, bool):
        return _fit_number(value, hint)
    if hint is Path:
        return isinstance(value, os.PathLike), value
    if hint is np.ndarray and isinstance(value, jax.Array) and not isinstance(value, Tracer):
        return True, np.asarray(value)
    return hint is Any or isinstance(value, hint), value


def _fit_number(value: Any, hint: type) -> tuple[bool, Any]:
    """As `_fit`; True is no whole number here, and a whole number is a number."""
    kinds = {int: (int, np.integer), float: (int, float, np.integer, np.floating), bool: (bool, np.bool_)}
    fits = isinstance(value, kinds[hint]) and isinstance(value, bool | np.bool_) == (hint is bool)
    return fits, hint(value) if fits else value


def _words(hint: Any) -> str:
    if isinstance(hint, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        options = [option for option in options if option is not str or Path not in options]
        return " or ".join(map(_words, options))
    if typing.get_origin(hint) is Sequence:
        return f"a list, each {_words(typing.get_args(hint)[0])}"
    return WORDS.get(hint) or f"a {hint.__module__.split('.')[0]}.{hint.__name__}"


def _shown(value: Any) -> str:
    """The value in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array {list(value.shape)} of {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"a {type(value).__name__}"

"""JSON of others: of limited size, depth and digits, each key once, and no numbers but those that JSON has."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from jgan.errors import UserError, shown
from jgan.untrusted.bounded_read import read_file

MAX_JSON_BYTES = 2**26  # 64 MiB; dataset.json of 1,281,167 images takes 60 MB
MAX_DEPTH = 64  # of objects and lists in each other; a config has 6
MAX_DIGITS = 20  # of a whole number: all of 64 bits


def parse_json(text: str | bytes, *, not_finite: bool = False) -> Any:
    """The value of a JSON text. With `not_finite` NaN, Infinity and -Infinity are numbers, as Python writes them.

    Raises ValueError with the reason, in one line, for anything beyond the limits above and for a key that is twice.
    """
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"{len(text):,} bytes, more than {MAX_JSON_BYTES:,}")
    number, constant = (float, float) if not_finite else (_finite, _refuse_constant)
    try:
        data = json.loads(
            text, parse_int=_whole, parse_float=number, parse_constant=constant, object_pairs_hook=_each_once
        )
    except RecursionError:
        raise ValueError(f"objects or lists nest deeper than {MAX_DEPTH}") from None
    check_depth(data)
    return data


def read_json(path: Path, advice: str) -> Any:
    """The value of a JSON file. Raises UserError, which names it and ends with the advice."""
    try:
        return parse_json(read_file(path, MAX_JSON_BYTES))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); {advice}") from None


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits.removeprefix('-'))} digits, more than {MAX_DIGITS}")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {shown(text)} is not finite")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shown(name)} is there twice")
        found[name] = value
    return found


def check_depth(data: Any) -> None:
    """Raises ValueError where objects and lists nest deeper than MAX_DEPTH."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        level = [item for value in level for item in _items(value)]
        if not level:
            return
    raise ValueError(f"objects or lists nest deeper than {MAX_DEPTH}")


def _items(value: Any) -> Iterable[Any]:
    """The objects and lists in an object or a list."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (item for item in inside if isinstance(item, dict | list))

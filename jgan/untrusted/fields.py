"""The fields of a JSON object, each checked against what it may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from jgan.errors import UserError, shown

MAX_TEXT = 10_000  # characters of a text that is a name or a setting
MOST = 2**63 - 1  # of a whole number


class Rule(NamedTuple):
    """What a value may be, and how a message says it."""

    fits: Callable[[Any], bool]
    expected: str


def whole(least: int = 0, most: int = MOST) -> Rule:
    """A whole number in [least, most]; true and false are none."""
    return Rule(lambda value: type(value) is int and least <= value <= most, f"a whole number from {least} to {most}")


def number(least: float = -math.inf, most: float = math.inf) -> Rule:
    """A finite number in [least, most]."""

    def fits(value: Any) -> bool:
        return type(value) in (int, float) and abs(value) < 2**1023 and math.isfinite(value) and least <= value <= most

    return Rule(fits, "a finite number" if least == -math.inf else f"a number from {least:g} to {most:g}")


def text(most: int = MAX_TEXT) -> Rule:
    """A string of `most` characters at most."""
    return Rule(lambda value: isinstance(value, str) and len(value) <= most, f"a string of {most} characters at most")


def matching(pattern: str, expected: str) -> Rule:
    """A string that a regular expression matches whole."""
    return Rule(lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None, expected)


def one_of(*values: Any) -> Rule:
    """One of some values."""
    return Rule(lambda value: any(type(value) is type(v) and value == v for v in values), f"one of {list(values)}")


def optional(rule: Rule) -> Rule:
    """null, or what the rule says."""
    return Rule(lambda value: value is None or rule.fits(value), f"null or {rule.expected}")


def list_of(rule: Rule, most: int) -> Rule:
    """A list of `most` such values at most."""

    def fits(value: Any) -> bool:
        return isinstance(value, list) and len(value) <= most and all(map(rule.fits, value))

    return Rule(fits, f"a list of {most} at most, each {rule.expected}")


def each(*rules: Rule) -> Rule:
    """A list with one value for each rule."""

    def fits(value: Any) -> bool:
        long = isinstance(value, list) and len(value) == len(rules)
        return long and all(rule.fits(item) for rule, item in zip(rules, value, strict=True))

    return Rule(fits, f"[{', '.join(rule.expected for rule in rules)}]")


def map_of(rule: Rule, most: int) -> Rule:
    """An object of `most` such values at most, under names of any kind."""

    def fits(value: Any) -> bool:
        if not isinstance(value, dict) or len(value) > most:
            return False
        return all(len(name) <= MAX_TEXT and rule.fits(item) for name, item in value.items())

    return Rule(fits, f"an object of {most} at most, each {rule.expected}")


def fields_of(rules: Mapping[str, Rule]) -> Rule:
    """An object with these fields and no others."""

    def fits(value: Any) -> bool:
        same = isinstance(value, dict) and value.keys() == rules.keys()
        return same and all(rule.fits(value[name]) for name, rule in rules.items())

    return Rule(fits, f"an object with {', '.join(f'{name}: {rule.expected}' for name, rule in rules.items())}")


def anything() -> Rule:
    """Any value."""
    return Rule(lambda value: True, "anything")


def check_fields(
    data: Any, rules: Mapping[str, Rule], *, may_lack: Collection[str] = (), others: bool = False
) -> dict[str, Any]:
    """The object, when each of its fields is as the rules say and, unless `others` are welcome, has no others.

    Raises ValueError, naming the field, what it is and what was expected.
    """
    if not isinstance(data, dict):
        raise ValueError(f"expected an object with {', '.join(rules)}, got {shown(data)}")
    for name, rule in rules.items():
        if name not in data:
            if name in may_lack:
                continue
            raise ValueError(f"has no {name}; expected {rule.expected}")
        if not rule.fits(data[name]):
            raise ValueError(f"{name}={shown(data[name])}: expected {rule.expected}")
    if unknown := [name for name in data if name not in rules] if not others else []:
        raise ValueError(f"has an unknown field {shown(unknown[0])}")
    return data


def checked_file(path: object, data: Any, rules: Mapping[str, Rule], advice: str, **settings: Any) -> dict[str, Any]:
    """As `check_fields`, with a UserError that names the file and ends with the advice."""
    try:
        return check_fields(data, rules, **settings)
    except ValueError as error:
        raise UserError(f"{path}: {error}; {advice}") from None

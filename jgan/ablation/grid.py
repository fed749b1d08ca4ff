"""The grid of a sweep: `--grid field=value,value` to the runs that it asks for, checked, each with a name."""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jgan import config as configs
from jgan.config import Config
from jgan.reports.record import SweepRun, short_path
from jgan.types import UserError

SAFE = re.compile(r"[a-z0-9._+-]+")  # values that stand in a directory's name as they are, also where case is ignored
UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._+-]")
MOST_RUNS = 10_000  # of a sweep
LONGEST_NAME = 150  # characters; file systems take 255 bytes

Point = Sequence[tuple[str, str]]  # a field and the text of its value, for each axis


@dataclasses.dataclass(frozen=True)
class Axis:
    """A field of the config and the values it takes, as text."""

    field: str
    texts: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run of the grid: what it is called and is recorded as, its flags and its steps."""

    recorded: SweepRun
    flags: tuple[str, ...]  # on top of those of all runs
    steps: int
    evaluates: bool  # also at its last step


def parse_axes(texts: Iterable[str]) -> list[Axis]:
    """Reads the values of every `--grid`.

    Values are separated by commas. A comma in brackets or quotes belongs to its value: `(16,32),(64,64)` are two; the
    quotes around a whole value are not part of it.

    Raises:
      UserError: a text is not `field=value,...`, or a field is given twice.
    """
    axes: list[Axis] = []
    for text in texts:
        field, _, values = text.partition("=")
        if not field or not values:
            raise UserError(f"--grid {text}: expected field=value,value, such as game.r1_gamma=0.1,1")
        if field == "seed":
            raise UserError(f"--grid {text}: seeds are chosen by --seeds: give their number there")
        if field in [axis.field for axis in axes]:
            raise UserError(f"--grid {text}: {field} is given twice; give all of its values at once")
        axes.append(Axis(field, tuple(_split(text, values))))
    return axes


def _split(axis: str, text: str) -> list[str]:
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "," and depth == 0:
            parts.append("")
            continue
        else:
            depth += (character in "([") - (character in ")]")
        parts[-1] += character
    if quote or depth:
        raise UserError(f"--grid {axis}: a bracket or a quote has no other half; quote values that hold one")
    if "" in parts:
        raise UserError(f"--grid {axis}: a value is empty; write '' for an empty text")
    return [part[1:-1] if part[0] in "\"'" and part[0] == part[-1] else part for part in parts]


def plan(base: Config, axes: Sequence[Axis], seeds: int) -> list[PlannedRun]:
    """Every point of the grid with the seeds 0 to `seeds` - 1: all points of the first seed, then of the next.

    Raises:
      UserError: a field does not exist, a value is not one it takes, a point's config cannot run, or there are more
        runs than MOST_RUNS.
    """
    count = seeds * math.prod(len(axis.texts) for axis in axes)
    if count > MOST_RUNS:
        raise UserError(f"--seeds={seeds}: {count:,} runs with the grid; expected {MOST_RUNS:,} at most")
    for axis in axes:
        _check_axis(base, axis)
    fields = list(configs.flatten(base))
    points = [
        list(zip([axis.field for axis in axes], texts, strict=True))
        for texts in itertools.product(*[axis.texts for axis in axes])
    ]
    planned = [(point, _at(base, point)) for point in points]
    return [_planned(config, point, seed, fields) for seed in range(seeds) for point, config in planned]


def _check_axis(base: Config, axis: Axis) -> None:
    """Each value is one of the field's and comes once; whether the config can run is a question of whole points."""
    seen: list[Any] = []
    for text in axis.texts:
        with _naming([(axis.field, text)]):
            value = configs.flatten(configs.override(base, _flags([(axis.field, text)])))[axis.field]
        if value in seen:
            raise UserError(f"--grid {axis.field}={text}: this value is given twice; give it once")
        seen.append(value)


def _at(base: Config, point: Point) -> Config:
    with _naming(point):
        config = configs.override(base, _flags(point))
        configs.check(config)
    return config


@contextlib.contextmanager
def _naming(point: Point) -> Iterator[None]:
    """Errors begin with the part of the grid that they are from."""
    try:
        yield
    except UserError as error:
        if not point:
            raise
        grid = " ".join(f"--grid {field}={text}" for field, text in point)
        raise UserError(f"{grid}: {_reason(str(error), point)}") from None


def _reason(error: str, point: Point) -> str:
    """The error without the field and its value where the point has no other."""
    if len(point) > 1:
        return error
    return re.sub(rf"^(--config\.)?{re.escape(point[0][0])}(=[^;]*?)?[:;] ", "", error)


def _flags(point: Point) -> list[str]:
    return [f"--config.{field}={text}" for field, text in point]


def _planned(config: Config, point: Point, seed: int, fields: Sequence[str]) -> PlannedRun:
    flat = configs.flatten(config)
    values = {field: configs.to_data(flat[field]) for field, _ in point}
    # Short among all fields of the config, so that names stay as they are when the grid grows.
    parts = [f"{short_path(field, fields)}={_in_name(flat[field])}" for field in values]
    name = ",".join([*parts, f"seed={seed}"]).replace("[", "").replace("]", "")
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 40]}~{_digest(name)},seed={seed}"
    flags = (*_flags(point), f"--config.seed={seed}")
    steps = sum(stage.steps for stage in config.stages)
    return PlannedRun(SweepRun(name, values, seed), flags, steps, config.evaluate_every > 0)


def _in_name(value: Any) -> str:
    """A value as part of a directory's name. Values that are not the same give different texts."""
    if isinstance(value, tuple) and value and all(isinstance(item, (int, float)) for item in value):
        return "x".join(map(_in_name, value))
    text = str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else _number(value)
    return text if SAFE.fullmatch(text) else f"{UNSAFE_CHARACTERS.sub('_', text)}~{_digest(text)}"


def _number(value: Any) -> str:
    """The shortest of 0.0001 and 1e-4, exactly; other values as they print."""
    if not isinstance(value, float):
        return str(value)
    digits = decimal.Decimal(repr(value)).normalize()
    sign, numerals, exponent = digits.as_tuple()
    assert isinstance(exponent, int), "checked configs hold finite numbers"
    point = len(numerals) - 1 + exponent
    mantissa = "".join(map(str, numerals))
    scientific = f"{'-' * sign}{mantissa[0]}{'.' * (len(mantissa) > 1)}{mantissa[1:]}e{point}"
    return min(f"{digits:f}", scientific, key=len)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]

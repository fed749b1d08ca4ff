"""Pairs as two folders of PNGs, A and B, with equal names: to translate one side and compare with the other."""

from __future__ import annotations

import shutil
from pathlib import Path

from jgan.data.folders import SIDES
from jgan.data.pairs import PairSource
from jgan.data.pixels import BrokenImageError, natural_channels, to_image, to_mode
from jgan.data.source import Source
from jgan.rundir.atomic_files import check_name, replacing
from jgan.rundir.lock import writing_alone
from jgan.rundir.new_directories import make_directory
from jgan.terminal import bars
from jgan.types import UserError

WHITE = 255


def split(source: Source, out: Path) -> int:
    """Writes every pair's images, at their own size, and returns how many pairs: all of them, or none.

    Raises:
      UserError: the source has no pairs, one of them is broken, or `out` holds files already.
    """
    if not isinstance(source, PairSource):
        raise UserError("--source: has no pairs; expected pairs:<directory>")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"--out={out}: holds files already; choose a new directory")
    places = _places(source)
    with writing_alone(out):
        try:
            for index, place in enumerate(bars.bar(iterable=places, unit="pair", disable=None)):
                _write(source, index, out, place)
        except BaseException:  # a set without its end would pass for the whole, and the same command be refused
            for side in SIDES:
                shutil.rmtree(out / side, ignore_errors=True)
            raise
    return source.count


def _write(source: PairSource, index: int, out: Path, place: Path) -> None:
    try:
        images, _ = source.read(index)
    except BrokenImageError as error:
        raise UserError(f"{source.name(index)}: {error}; remove it") from None
    for side, image in zip(SIDES, images, strict=True):
        path = out / side / place
        make_directory(path.parent, "--out")
        picture = to_image(image)
        with replacing(path) as partial:
            to_mode(picture, natural_channels(picture), WHITE).save(partial, format="PNG")


def _places(source: PairSource) -> list[Path]:
    """Where each pair goes below A and B: its name, which leads out of no folder, as a PNG."""
    found: dict[Path, str] = {}
    for index in range(source.count):
        name = source.name(index)
        below = name.removeprefix(f"{SIDES[0]}/") if len(source.sides) > 1 else name
        place = Path(below).with_suffix(".png")
        if place in found:
            raise UserError(f"{source.title}: {found[place]} and {name} would both become {place}; rename one of them")
        check_name(place, source.title)
        found[place] = name
    return list(found)

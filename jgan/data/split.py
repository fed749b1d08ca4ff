"""Pairs as two folders of PNGs, A and B, with equal names: to translate one side and compare with the other."""

from __future__ import annotations

from pathlib import Path

from jgan.data.pairs import SIDES, PairSource
from jgan.data.pixels import BrokenImageError, natural_channels, to_image, to_mode
from jgan.data.source import Source
from jgan.terminal import bars
from jgan.types import UserError

WHITE = 255


def split(source: Source, out: Path) -> int:
    """Writes every pair's images, at their own size, and returns how many pairs.

    Raises:
      UserError: the source has no pairs, one of them is broken, or `out` holds files already.
    """
    if not isinstance(source, PairSource):
        raise UserError("--source: has no pairs; expected pairs:<directory>")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"--out={out}: holds files already; choose a new directory")
    for index in bars.bar(iterable=range(source.count), unit="pair", disable=None):
        name = Path(source.name(index))
        name = name.relative_to(SIDES[0]) if name.parts[0] == SIDES[0] and len(source.sides) > 1 else name
        try:
            images, _ = source.read(index)
        except BrokenImageError as error:
            raise UserError(f"{source.name(index)}: {error}; remove it") from None
        for side, image in zip(SIDES, images, strict=True):
            place = (out / side / name).with_suffix(".png")
            place.parent.mkdir(parents=True, exist_ok=True)
            picture = to_image(image)
            to_mode(picture, natural_channels(picture), WHITE).save(place)
    return source.count

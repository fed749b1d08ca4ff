"""Sampled images in a directory: written as they come, and gone on with where they were stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from jgan import __version__
from jgan.data.folders import images_in
from jgan.inference.samples import Sampling
from jgan.inference.weights import digest_of
from jgan.photos.photo_files import read_photo
from jgan.rundir.atomic_files import write_json, writing
from jgan.rundir.pictures import save_png
from jgan.rundir.written import GRID, SAMPLED
from jgan.types import PixelBatch, Player, UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.json_data import MAX_JSON_BYTES, parse_json

LONGEST_NUMBER = 30  # characters of the name of an image
NUMBERED = re.compile(r"\d+\.png")
PNG_END = b"IEND\xaeB`\x82"  # a file that lacks it was cut off


@dataclasses.dataclass(frozen=True)
class SampleFiles:
    """So many images in a directory, each a function of its number and of what they were sampled by."""

    directory: Path
    num: int
    made_by: dict[str, Any]

    def begin(self, *, overwrite: bool) -> int:
        """Makes the directory, which is there, ready; the number of the first image that is still to be made.

        Images that were sampled alike stay. Others are deleted where it may `overwrite` them, before sampled.json says
        whose the new ones are.

        Raises:
          UserError: the directory holds others, or cannot be written.
        """
        there, recorded = self._there(), self._recorded()
        self._check_alone(recorded)
        if recorded == self.made_by:
            return next((i for i in range(self.num) if not _is_whole(self.path(i))), self.num)
        if there and not overwrite:
            raise UserError(
                f"--out={self.directory}: holds {there[0].name} sampled otherwise; choose another directory, or "
                "replace them all by --overwrite"
            )
        with writing(self.directory):
            for path in (*there, self.directory / GRID):
                path.unlink(missing_ok=True)
        write_json(self.directory / SAMPLED, self.made_by)
        return 0

    def _check_alone(self, recorded: Any) -> None:
        """Raises UserError where the directory holds images that `jgan sample` has not written there."""
        others = [
            name for name in images_in(self.directory, f"--out={self.directory}") if not self._may_be(name, recorded)
        ]
        if others:
            raise UserError(
                f"--out={self.directory}: holds {others[0]}, of which {SAMPLED} does not tell; choose another "
                "directory, or move it away"
            )

    def _may_be(self, name: str, recorded: Any) -> bool:
        """Whether a file may be an image that was sampled: by its name, or, without a record, as one of these."""
        if not NUMBERED.fullmatch(name):
            return False
        index = int(name.removesuffix(".png")) if len(name) < LONGEST_NUMBER else self.num
        return recorded is not None or (index < self.num and self.path(index).name == name)

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.directory / f"{index:0{max(5, len(str(self.num - 1)))}d}.png"

    def write(self, batches: Iterable[PixelBatch], first: int) -> Iterable[int]:
        """Writes images as they come, from the `first` on; after each batch, how many there are."""
        for images, _ in batches:
            for image in images:
                save_png(self.path(first), image)
                first += 1
            yield first

    def read(self, count: int) -> np.ndarray:
        """The first images, uint8 [count, h, w, c]."""
        photos = (read_photo(self.path(index)) for index in range(count))
        return np.stack([photo.colors if photo.alpha is None else photo.levels(4) for photo in photos])

    def _there(self) -> list[Path]:
        return sorted(path for path in self.directory.glob("*.png") if NUMBERED.fullmatch(path.name))

    def _recorded(self) -> Any:
        path = self.directory / SAMPLED
        try:
            return parse_json(read_file(path, MAX_JSON_BYTES)) if path.is_file() else None
        except (OSError, ValueError):
            return None


def made_by(generator: Player, step: int, condition: np.ndarray | None, num: int, sampling: Sampling) -> dict[str, Any]:
    """What images depend on: the weights, the labels or captions, the seed and the rest, as JSON."""
    shown = "" if condition is None else hashlib.sha256(np.ascontiguousarray(condition).tobytes()).hexdigest()
    settings = dataclasses.asdict(sampling)
    if not sampling.standing_batches:
        settings.pop("batch_size")  # changes nothing but rounding
    return {"weights": digest_of(generator), "step": step, "shown": shown, "num": num, **settings, "jgan": __version__}


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-len(PNG_END), 2)
            return file.read() == PNG_END
    except OSError:  # not there, or shorter
        return False

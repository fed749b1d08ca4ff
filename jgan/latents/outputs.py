"""Files that a verb writes: whole or not at all, and never in the place of what it has not made."""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jgan import __version__
from jgan.inference.weights import digest_of
from jgan.latents.space import LatentSpace
from jgan.rundir.atomic_files import as_json, check_name, check_replaceable, replacing_shared, sha256
from jgan.rundir.new_directories import making_directory
from jgan.types import UserError

MARK = "jgan latents"  # how the text of its PNGs begins, among their first bytes
NO_SETTINGS = {"workdir", "out", "overwrite", "batch_size", "run"}  # options that change nothing but rounding


class Output:
    """A picture, and what belongs to it: the files beside it are as old as it is, and were made by the same."""

    def __init__(self, options: argparse.Namespace, endings: tuple[str, ...] = (".png",)) -> None:
        """`--out` and `--overwrite` of the options; a file of another ending than .png has a picture beside it.

        Raises:
          UserError: the name has another ending, or the place cannot be written, or is another's.
        """
        self.path: Path = options.out
        self.picture = self.path if self.path.suffix.lower() == ".png" else self.path.with_suffix(".png")
        self._options = options
        if self.path.suffix.lower() not in endings:
            raise UserError(f"--out={self.path}: expected a name that ends in {' or '.join(endings)}")
        check_name(self.picture, "--out")
        check_replaceable(self.picture, MARK.encode(), f"a picture of {MARK}")
        if self.path != self.picture and self.path.exists() and self._kind.encode() not in self._head():
            raise UserError(
                f"--out={self.path}: is there already, and {self.picture.name} does not tell of it; choose another name"
            )
        place = next(place for place in self.path.absolute().parents if place.exists())
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise UserError(f"--out={self.path}: cannot write to {place}; choose another place")

    def check(self, space: LatentSpace) -> None:
        """Raises UserError where a picture is there that was made by other weights or settings, unless `overwrite`."""
        head = self._head()
        if head and not self._options.overwrite and self._mark(space).encode() not in head:
            raise UserError(
                f"--out={self.picture}: was made by other weights or settings; choose another name, or replace it by "
                "--overwrite"
            )

    def write(self, sheet: np.ndarray, space: LatentSpace) -> None:
        """Writes the picture, uint8 [h, w, c]. Raises UserError where it cannot."""
        text = PngInfo()
        text.add_text("Software", self._mark(space))
        with making_directory(self.picture.parent, "--out"), replacing_shared(self.picture) as whole:
            Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(whole, "PNG", pnginfo=text)

    def _mark(self, space: LatentSpace) -> str:
        settings = {
            name: _with_content(value) for name, value in vars(self._options).items() if name not in NO_SETTINGS
        }
        made_by = {**settings, "weights": digest_of(space.player), "step": space.step, "jgan": __version__}
        digest = hashlib.blake2b(as_json(made_by, sort_keys=True).encode(), digest_size=16).hexdigest()
        return f"{self._kind} {digest}"

    @property
    def _kind(self) -> str:
        """How the text of the picture begins: whose it is, and what stands beside it."""
        return f"{MARK} {self._options.run.__module__.rpartition('.')[2]} {self.path.suffix.lower()}"

    def _head(self) -> bytes:
        """The first bytes of the picture, which hold its text; none where there is none."""
        if not self.picture.is_file():
            return b""
        with self.picture.open("rb") as file:
            return file.read(300)


def _with_content(value: object) -> list[str]:
    """An option's value or values, each with the digest of the file that it names, with or without ":i" at its end."""
    texts = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
    places = [Path(place) for text in texts for place in (text, text.rpartition(":")[0]) if place]
    return texts + [sha256(place) for place in places if place.is_file()]

"""Translated images in a directory, and what each was made by: translated.jsonl, a line before each image."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from jgan.data.folders import images_in
from jgan.photos.photo_files import Photo, encoded
from jgan.rundir.atomic_files import append_line, as_json, replacing
from jgan.rundir.new_directories import make_directory
from jgan.rundir.written import TRANSLATED
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.fields import anything, check_fields, map_of, matching, text, whole
from jgan.untrusted.json_data import parse_json

MAX_SETTINGS = 64
_IMAGE = {"file": text(), "input": text(), "bytes": whole(-1), "sha256": matching("[0-9a-f]{64}", "a SHA-256 sum")}
_SETTINGS = {"made_by": map_of(anything(), MAX_SETTINGS)}


class Made(NamedTuple):
    """What an image was made by, and of which file."""

    by: dict[str, Any]
    input: str  # its path below --input
    bytes: int  # of it


class TranslatedFiles:
    """A directory of images that a command writes, each a function of its input and of `made_by`."""

    def __init__(self, directory: Path, made_by: dict[str, Any]) -> None:
        """Reads what the directory holds.

        Raises:
          UserError: it is the directory of a run, or its record cannot be read.
        """
        self.directory, self.made_by = directory, made_by
        self._path = directory / TRANSLATED
        self._there = set(images_in(directory, f"--out={directory}"))
        self._last: dict[str, Any] | None = None  # what the images of the lines to come were made by
        self._images = self._read()

    def check(self, places: dict[Path, Made], *, overwrite: bool, skip: bool) -> None:
        """Raises UserError unless all images that are there are of such a command, and none would be lost unasked.

        Those of `places` may be there with `overwrite`, or with `skip` where they are what this command would make.
        """
        names = {self._name(place): made for place, made in places.items()}
        if others := sorted(self._there - names.keys() - self._images.keys()):
            raise UserError(
                f"--out={self.directory}: holds {others[0]}, of which {TRANSLATED} does not tell; choose a directory "
                "for these images alone, or move it away"
            )
        there = sorted(self._there & names.keys())
        if there and not overwrite and not skip:
            place = self.directory / there[0]
            advice = "choose another directory, or add --overwrite or --skip_existing"
            raise UserError(f"--out={self.directory}: {place} is there already; {advice}")
        for name in there if skip else ():
            if difference := self._difference(name, names[name]):
                raise UserError(
                    f"--out={self.directory}: holds {name}, {difference}; replace it by --overwrite, or choose another "
                    "directory"
                )

    def is_there(self, place: Path) -> bool:
        """Whether the image of a place is there."""
        return self._name(place) in self._there

    def write(self, place: Path, photo: Photo, made: Made) -> None:
        """Writes an image, whole or not at all. Its line comes first, with its sum: no image is taken for another."""
        data, name = encoded(place, photo), self._name(place)
        if self._last != made.by:
            append_line(self._path, {"made_by": made.by})
            self._last = made.by
        make_directory(place.parent, "--out")
        sum_of = hashlib.sha256(data).hexdigest()
        append_line(self._path, {"file": name, "input": made.input, "bytes": made.bytes, "sha256": sum_of})
        with replacing(place) as partial:
            partial.write_bytes(data)

    def _name(self, place: Path) -> str:
        return place.relative_to(self.directory).as_posix()

    def _difference(self, name: str, made: Made) -> str:
        """In what an image that is there is another than would be made; "" where it is the same."""
        if name not in self._images:
            return f"of which {TRANSLATED} does not tell"
        found, digest = self._images[name]
        fields = [field for field in {**found.by, **made.by} if found.by.get(field) != made.by.get(field)]
        if fields:
            return f"made with other {' and '.join(fields)}"
        if (found.input, found.bytes) != (made.input, made.bytes):
            return f"made of another input, {found.input} of {found.bytes:,} bytes"
        whole_one = hashlib.sha256(read_file(self.directory / name)).hexdigest() == digest
        return "" if whole_one else "which is not what was written"

    def _read(self) -> dict[str, tuple[Made, str]]:
        """The images of the record; a last line that was cut off in mid-write is left out, and out of the file."""
        found: dict[str, tuple[Made, str]] = {}
        for line in self._lines():
            if "made_by" in line:
                self._last = line["made_by"]
            else:
                found[line["file"]] = Made(self._last or {}, line["input"], line["bytes"]), line["sha256"]
        return found

    def _lines(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        try:
            texts = read_file(self._path).split(b"\n")
        except OSError as error:
            raise UserError(f"{self._path}: cannot be read ({error.strerror or error}); move it away") from None
        lines = []
        for number, line in enumerate(texts[:-1], start=1):
            try:
                data = parse_json(line)
                lines.append(check_fields(data, _SETTINGS if "made_by" in data else _IMAGE))
            except (ValueError, TypeError) as error:
                problem = f"line {number} is not what was written ({error})"
                raise UserError(f"{self._path}: {problem}; move it away, and --overwrite the images") from None
        if texts[-1]:
            with replacing(self._path) as partial:
                partial.write_text("".join(f"{as_json(line, indent=None)}\n" for line in lines))
        return lines

"""Pairs of images: folders A and B with equal names, or files with both halves side by side."""

from __future__ import annotations

import dataclasses
import posixpath
from pathlib import Path

import numpy as np
from PIL import Image

from jgan.data.broken_files import FileReport, check_files
from jgan.data.captions import Captions
from jgan.data.file_source import FileSource
from jgan.data.file_trees import open_files
from jgan.data.folders import DOMAINS, SIDES, TEST_DOMAINS, is_image
from jgan.data.pixels import Pair
from jgan.data.source import NO_LABEL, fingerprint
from jgan.types import UserError
from jgan.untrusted.normal_names import normal

ONE_SIDED = tuple(name.lower() for name in SIDES + DOMAINS + TEST_DOMAINS)  # of one image of each pair
SHOWN = 5  # files named in an error


class PairSource:
    """Pairs of images. A first, unless `swapped`; of files side by side A is the left half."""

    in_memory = False
    is_paired = True
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    captions: Captions | None = None
    class_counts: np.ndarray | None = None

    def __init__(self, title: str, sides: tuple[FileSource, ...], missing: list[str]) -> None:
        """One source with both halves in each file, or two with equal names; `missing`: files without a partner."""
        self.title, self.sides, self.missing = title, sides, missing
        self.swapped = False
        self.count = sides[0].count

    @property
    def fingerprint(self) -> str:
        """Of both sides, and of which one comes first."""
        found = fingerprint("pairs", *(side.fingerprint for side in self.sides))
        return fingerprint(found, "b_to_a") if self.swapped else found

    def as_earlier(self) -> PairSource:
        """As `FileSource.as_earlier`."""
        return self._with_sides(tuple(side.as_earlier() for side in self.sides), self.missing)

    def _with_sides(self, sides: tuple[FileSource, ...], missing: list[str]) -> PairSource:
        other = PairSource(self.title, sides, missing)
        other.swapped = self.swapped
        return other

    def name(self, index: int) -> str:
        """The file's path, of A where there are two."""
        return self.sides[0].name(index)

    def read(self, index: int) -> tuple[Pair, int]:
        """Both images, and no label. Raises BrokenImageError."""
        images = [side.read(index)[0] for side in self.sides]
        first, second = images if len(images) == 2 else _halves(images[0])
        return ((second, first) if self.swapped else (first, second)), NO_LABEL

    def channels(self) -> int:
        """Raises UserError: each side may have its own."""
        raise UserError("data.channels=0: pairs have two sides; set data.input_channels and data.channels")

    def from_b_to_a(self) -> PairSource:
        """The same pairs with B first."""
        turned = self._with_sides(self.sides, self.missing)
        turned.swapped = True
        return turned

    def without(self, indices: list[int]) -> PairSource:
        """This source without some of its pairs."""
        return self._with_sides(tuple(side.without(indices) for side in self.sides), [])


def open_pairs(argument: str) -> PairSource:
    """`<directory or zip>` with folders A and B, whose files pair up by name, or with files of two halves each."""
    title = f"pairs:{argument}"
    files = open_files(argument, "pairs", "pairs of images")
    names = list(files.sizes())
    if not all(any(name.startswith(f"{side}/") for name in names) for side in SIDES):
        _check_no_sides(title, [posixpath.join(Path(argument).name, name) for name in names])
        return PairSource(title, (FileSource(files, labelled=False),), [])
    a, b = (_by_stem(title, names, side) for side in SIDES)
    both = sorted(a.keys() & b.keys())
    if not both:
        raise UserError(
            f"{title}: no file of A has the name of one of B; give the two of a pair the same name, "
            "or, if they are two domains without pairs, call the folders trainA and trainB"
        )
    alone = [a[stem] for stem in a.keys() - b.keys()] + [b[stem] for stem in b.keys() - a.keys()]
    paired = {*a.values(), *b.values()}
    missing = sorted([*alone, *(name for name in names if is_image(name) and name not in paired)])
    sides = tuple(FileSource(files, names=[side[stem] for stem in both], labelled=False) for side in (a, b))
    return PairSource(title, sides, missing)


def source_reports(source: FileSource | PairSource, megabytes: int) -> list[FileReport]:
    """A report on every image, or pair: of its files, or that these do not fit each other.

    Files of up to so many megabytes in all are decoded whole.
    """
    sides = source.sides if isinstance(source, PairSource) else (source,)
    full = sum(side.file_bytes for side in sides) <= megabytes * 2**20
    reports = [check_files(side, full) for side in sides]
    return [_of_pair(*both) for both in zip(*reports, strict=True)] if source.is_paired else reports[0]


def missing_partners_message(source: PairSource) -> str:
    """One line that counts the files without a partner and names the first."""
    more = f" and {len(source.missing) - SHOWN} more" if len(source.missing) > SHOWN else ""
    count = len(source.missing)
    have = "file has" if count == 1 else "files have"
    return f"{source.title}: {count} {have} no partner: {', '.join(source.missing[:SHOWN])}{more}"


def _check_no_sides(title: str, names: list[str]) -> None:
    """Raises UserError where files that should hold both images lie in folders named as if they held one."""
    folders = sorted({folder for name in names for folder in posixpath.dirname(name).split("/")})
    odd = [folder for folder in folders if folder.lower() in ONE_SIDED]
    if odd:
        raise UserError(
            f"{title}: has a folder {odd[0]}, and not both A and B at its top; expected these two with equal names, "
            "files with both images side by side, or unpaired:<directory> with trainA and trainB"
        )


def _by_stem(title: str, names: list[str], side: str) -> dict[str, str]:
    """{path below the folder, without its ending: path} of the images of a side."""
    found: dict[str, str] = {}
    for name in sorted(names):
        stem = normal(posixpath.splitext(name.removeprefix(f"{side}/"))[0])
        if not name.startswith(f"{side}/") or not is_image(name):
            continue
        if stem in found:
            raise UserError(f"{title}: {found[stem]} and {name} have the same name; remove one of them")
        found[stem] = name
    return found


def _halves(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    width, height = image.size
    return image.crop((0, 0, width // 2, height)), image.crop((width // 2, 0, width, height))


def _of_pair(first: FileReport, second: FileReport | None = None) -> FileReport:
    """Of a pair: the first problem of its files, or that they do not fit each other."""
    if second is None:
        if not first.problem and first.size[0] % 2:
            return FileReport(first.index, problem=f"{first.size[0]} pixels wide; expected two images side by side")
        return dataclasses.replace(first, size=(first.size[0] // 2, first.size[1]))
    if first.problem or second.problem:
        problem = first.problem or f"its partner: {second.problem}"
        return FileReport(first.index, problem=problem)
    if first.size != second.size:
        sizes = [f"{report.size[0]} x {report.size[1]}" for report in (first, second)]
        return FileReport(first.index, problem=f"{sizes[0]} pixels, its partner {sizes[1]}")
    return first

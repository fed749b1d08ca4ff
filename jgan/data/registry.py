"""The table of sources: the part of `data.source` before the colon, and what reads the rest."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from jgan.data.arrays import open_idx, open_mnist5k, open_npz
from jgan.data.digit_captions import open_captioned_digits
from jgan.data.file_source import FileSource, open_captions
from jgan.data.file_trees import FolderFiles, ZipFiles, in_archive, open_files
from jgan.data.folders import DOMAINS, TEST_DOMAINS, holds_images
from jgan.data.layouts import source_of_path
from jgan.data.pairs import open_pairs
from jgan.data.records import RecordSource
from jgan.data.source import Source
from jgan.data.tfds import open_tfds
from jgan.rundir.paths import nearest_path, with_home
from jgan.types import UserError

EMBEDDED: dict[str, Callable[[], Source]] = {"mnist5k": open_mnist5k, "mnist5k-captions": open_captioned_digits}
SOURCES: dict[str, Callable[[str], Source]] = {
    "folder": lambda argument: FileSource(FolderFiles(argument)),
    "zip": lambda argument: FileSource(ZipFiles(argument)),
    "captions": open_captions,
    "pairs": open_pairs,
    "idx": open_idx,
    "npz": open_npz,
    "records": RecordSource,
    "tfds": open_tfds,
}
EXAMPLES = {
    "mnist5k": "mnist5k",
    "mnist5k-captions": "mnist5k-captions",
    "folder": "folder:<directory>",
    "zip": "zip:<file>",
    "captions": "captions:<directory or zip>[:<file>.npz]",
    "pairs": "pairs:<directory or zip>",
    "unpaired": "unpaired:<directory or zip>[:test]",
    "idx": "idx:<directory>[:t10k]",
    "npz": "npz:<file>",
    "records": "records:<directory>",
    "tfds": "tfds:<name>[:<split>]",
}


TEST = ":test"  # ends the name of an unpaired set whose held-out folders, testA and testB, are meant


def is_unpaired(source: str) -> bool:
    """Whether a string names two sets of images, without pairs."""
    return source.startswith("unpaired:")


def is_path(source: str) -> bool:
    """Whether a string is the path of a folder or a file that is there, and no source of `data.source`."""
    return bool(source) and source not in EMBEDDED and (Path(source).is_dir() or bool(in_archive(source)[0]))


def absolute(source: str, base: Path | None = None) -> str:
    """The source by the whole path of its files, relative ones from `base` on, by default the working directory."""
    source, base = with_home(source), base or Path.cwd()
    scheme, separator, argument = source.partition(":")
    if not separator:
        is_here = bool(source) and source not in EMBEDDED and is_path(str(base / source))
        return str(base / source) if is_here else source
    if not argument or scheme == "tfds" or not (scheme in SOURCES or is_unpaired(source)):
        return source
    place, _, file = argument.rpartition(":")
    if scheme == "captions" and place and file.endswith(".npz"):
        return f"{scheme}:{base / place}:{file}"  # the .npz is named from the folder of the images
    return f"{scheme}:{base / argument}"


def check_place(source: str, directory: Path, flag: str = "--workdir") -> None:
    """Raises UserError where a directory that is to be written in is a folder of images of the source, or of a class.

    Any other below it may be: what jgan has written there is no part of the data, see `jgan/rundir/written.py`.
    """
    place = directory.resolve()
    for folder in _folders(with_home(source)):
        within = place.is_relative_to(folder.resolve()) and place.is_dir()
        if place == folder.resolve() or (within and holds_images(place, f"{flag}={directory}")):
            raise UserError(f"{flag}={directory}: is a folder of images of {source}; choose another, such as runs/1")


def check_outside(source: str, out: Path) -> None:
    """Raises UserError where images in `--out` would be images of the source."""
    for folder in _folders(with_home(source)):
        if out.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"--out={out}: lies among the images of --source; choose a place outside of {folder}")


def _folders(source: str) -> list[Path]:
    """The folders that a source has its images in."""
    if is_unpaired(source):
        place, names = _domain_folders(source)
        return [Path(place) / name for name in names]
    scheme, separator, argument = source.partition(":")
    place, _, file = argument.rpartition(":")
    argument = place if scheme == "captions" and place and file.endswith(".npz") else argument
    path = Path(argument if separator else source)
    return [path] if scheme in ("folder", "captions", "pairs") and path.is_dir() else []


def open_domains(source: str) -> tuple[FileSource, FileSource]:
    """Both domains of `unpaired:<directory or zip>`, its folders trainA and trainB; with `:test`, testA and testB."""
    place, names = _domain_folders(with_home(source))
    files = open_files(place, "unpaired", f"folders {' and '.join(names)} of images")
    missing = [name for name in names if name not in files.top()[0]]
    if missing:
        raise UserError(f"{source}: has no folder {missing[0]}; expected folders {' and '.join(names)} of images")
    first, second = (FileSource(files.below(name), labelled=False) for name in names)
    return first, second


def _domain_folders(source: str) -> tuple[str, tuple[str, ...]]:
    argument = source.partition(":")[2]
    if argument.endswith(TEST):
        return argument.removesuffix(TEST), TEST_DOMAINS
    return argument, DOMAINS


def open_source(source: str, field: str = "data.source") -> Source:
    """The data set that a string, the value of `field`, names. Raises UserError where it cannot be read."""
    source = with_home(source)
    if is_unpaired(source):
        place, names = _domain_folders(source)
        scheme = "folder" if Path(place).is_dir() else "zip"
        folders = " or ".join(f"{scheme}:{Path(place) / name}" for name in names)
        raise UserError(f"{field}={source!r}: two sets of images, and one is expected here; give {folders}")
    scheme, _, argument = source.partition(":")
    if source in EMBEDDED:
        return EMBEDDED[source]()
    if scheme in SOURCES and argument:
        opened = SOURCES[scheme](argument)
        if opened.count == 0:
            raise UserError(f"{source}: holds no image; choose another source")
        return opened
    if is_path(source):
        raise UserError(f"{field}={source!r}: a path alone; write {source_of_path(source, field).source}")
    nearest = difflib.get_close_matches(scheme, EXAMPLES, n=2, cutoff=0.5)
    if nearest:
        raise UserError(f"{field}={source!r}: not known; did you mean {' or '.join(EXAMPLES[n] for n in nearest)}?")
    hint = nearest_path(source) or f"; expected one of {', '.join(EXAMPLES.values())}"
    raise UserError(f"{field}={source!r}: no such folder, file or source{hint}")

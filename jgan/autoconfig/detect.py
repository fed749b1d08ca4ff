"""From what a user names, such as `photos/`, to a source as `data.source` has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from jgan.data.captions import TABLE
from jgan.data.file_source import FolderFiles, ZipFiles
from jgan.data.folders import folders_in
from jgan.data.pairs import SIDES
from jgan.data.records import MANIFEST
from jgan.data.registry import DOMAINS, EMBEDDED, EXAMPLES, SOURCES, is_unpaired
from jgan.rundir.paths import with_home
from jgan.types import UserError, did_you_mean

TRAINING = ("train", "training")  # folders of the images to learn from
HELD_OUT = ("val", "valid", "validation", "test", "testing", "dev")  # and of those to measure by


class Found(NamedTuple):
    """A source, and what was seen that told so."""

    source: str  # as in data.source
    reason: str


def find_source(text: str) -> Found:
    """The source that a folder, a file or a source string stands for.

    A folder with trainA and trainB holds two domains, one with A and B pairs, one with captions.csv captions; of one
    with train beside val or test, train is meant. All else is a folder of images.

    Raises:
      UserError: nothing of that name is there, or the file holds no set of images.
    """
    text = with_home(text)
    if not text.strip():
        raise UserError(f"SOURCE={text!r}: is empty; expected a folder of images, a .zip, or a source such as mnist5k")
    path = Path(text)
    if path.is_dir():
        return _of_folder(path)
    if path.is_file():
        return _of_file(path)
    scheme, separator, _ = text.partition(":")
    if text in EMBEDDED or (separator and (scheme in SOURCES or is_unpaired(text))):
        return Found(text, "as given")
    hint = did_you_mean(scheme, EXAMPLES) if separator else ""
    raise UserError(f"SOURCE={text!r}: no such folder or file, nor a source such as pairs:DIR or mnist5k{hint}")


def data_name(source: str) -> str:
    """A short name of a source for a directory: "photos" of "folder:data/photos", "maps" of "pairs:maps/train"."""
    _, separator, argument = source.partition(":")
    path = Path(argument if separator else source).resolve() if Path(argument).exists() else Path(argument or source)
    name = (
        path.parent.name if path.name in TRAINING and path.parent.name else path.stem if path.is_file() else path.name
    )
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "data"


def _of_folder(path: Path) -> Found:
    folders = folders_in(path, f"folder:{path}")
    domains, sides = folders & set(DOMAINS), folders & set(SIDES)
    if domains:
        return Found(f"unpaired:{path}", f"it has the folder {' and '.join(sorted(domains))}: two domains")
    if folders == sides == set(SIDES):
        return Found(f"pairs:{path}", "it has the folders A and B: pairs of images")
    training = [name for name in TRAINING if name in folders]
    if training and folders <= {*TRAINING, *HELD_OUT}:
        rest = ", ".join(sorted(folders - {training[0]}))
        found = _of_folder(path / training[0])
        return found._replace(reason=f"{found.reason}; {rest} is left for measuring" if rest else found.reason)
    if any(path.glob("train-images[-.]idx3-ubyte*")):
        return Found(f"idx:{path}", "it has MNIST's files")
    if (path / MANIFEST).is_file() and any(path.glob("*.array_record")):
        return Found(f"records:{path}", "`jgan data prepare` has written it")
    return _of_names(f"{path}", FolderFiles(str(path)).sizes(), "folder")


def _of_file(path: Path) -> Found:
    if path.suffix.lower() == ".npz":
        return Found(f"npz:{path}", "an .npz of arrays")
    if path.suffix.lower() != ".zip":
        raise UserError(f"SOURCE={str(path)!r}: one file; expected a folder of images, a .zip or an .npz")
    names = ZipFiles(str(path)).sizes()
    if any(name.split("/")[0] in DOMAINS for name in names):
        raise UserError(f"SOURCE={str(path)!r}: two domains in an archive; unpack it and give the folder")
    if {name.partition("/")[0] for name in names} == set(SIDES):
        return Found(f"pairs:{path}", "it has the folders A and B: pairs of images")
    return _of_names(f"{path}", names, "zip")


def _of_names(path: str, names: dict[str, int], scheme: str) -> Found:
    """A folder, or an archive, of images, with captions perhaps."""
    if any(name.rpartition("/")[2] == TABLE for name in names):
        return Found(f"captions:{path}", f"it has {TABLE}")
    return Found(f"{scheme}:{path}", f"a {scheme} of images" if scheme == "folder" else "an archive of images")

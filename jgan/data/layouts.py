"""What a folder or an archive holds, told by the names in it: images, pairs, two domains, captions, prepared data."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import NamedTuple

from jgan.data.captions import TABLE
from jgan.data.file_trees import Files, FolderFiles, ZipFiles, in_archive
from jgan.data.folders import DOMAINS, SIDES, is_image
from jgan.data.records import MANIFEST
from jgan.types import UserError

TRAINING = ("train", "training")  # folders of the images to learn from
HELD_OUT = ("val", "valid", "validation", "test", "testing", "dev")  # and of those to measure by
MNIST = "train-images[-.]idx3-ubyte*"


class Found(NamedTuple):
    """A source, and what was seen that told so."""

    source: str  # as in data.source
    reason: str


def source_of_path(path: str, field: str = "data.source") -> Found:
    """The source that the path of a folder, an archive or an .npz, the value of `field`, stands for.

    A folder with trainA and trainB holds two domains, one with A and B pairs, one with captions.csv captions; of one
    with train beside val or test, train is meant, and of one that holds nothing but such a folder, that. All else is a
    folder of images. Archives are looked at in the same way; a folder in one is maps.zip/train.

    Raises:
      UserError: it is no such file, or cannot be read.
    """
    if Path(path).is_dir():
        return _of_files(path, FolderFiles(path))
    archive, folder = in_archive(path)
    suffix = Path(archive).suffix.lower()
    if suffix == ".npz" and not folder:
        return Found(f"npz:{path}", "an .npz of arrays")
    if suffix != ".zip":
        raise UserError(f"{field}={path!r}: one file; expected a folder of images, a .zip or an .npz")
    return _of_files(path, ZipFiles(path))


def _of_files(path: str, files: Files) -> Found:
    folders, others = files.top()
    if found := _by_folders(path, files, folders):
        return found
    if len(folders) == 1 and not any(map(is_image, others)) and (found := _in_the_only_one(path, files, *folders)):
        return found
    is_archive = isinstance(files, ZipFiles)
    if scheme := _written_for_machines(others):
        if is_archive:
            raise UserError(f"zip:{path}: has the files of {scheme}:, which are read from a folder; unpack it")
        return Found(
            f"{scheme}:{path}", {"idx": "it has MNIST's files"}.get(scheme, "`jgan data prepare` has written it")
        )
    if any(name.rpartition("/")[2] == TABLE for name in files.sizes()):
        return Found(f"captions:{path}", f"it has {TABLE}")
    return Found(f"zip:{path}", "an archive of images") if is_archive else Found(f"folder:{path}", "a folder of images")


def _by_folders(path: str, files: Files, folders: set[str]) -> Found | None:
    """What the folders at the top say, where they say anything but classes."""
    domains = folders & set(DOMAINS)
    if domains:
        return Found(f"unpaired:{path}", f"it has the folder {' and '.join(sorted(domains))}: two domains")
    if folders == set(SIDES):
        return Found(f"pairs:{path}", "it has the folders A and B: pairs of images")
    training = [name for name in TRAINING if name in folders]
    if not training or not folders <= {*TRAINING, *HELD_OUT}:
        return None
    rest = ", ".join(sorted(folders - {training[0]}))
    found = _of_files(f"{path}/{training[0]}", files.below(training[0]))
    return found._replace(reason=f"{found.reason}; {rest} is left for measuring" if rest else found.reason)


def _in_the_only_one(path: str, files: Files, folder: str) -> Found | None:
    """What the only folder holds, as of an archive that a folder was packed into; None of a class of images."""
    below = files.below(folder)
    found = _by_folders(f"{path}/{folder}", below, below.top()[0])
    return found and found._replace(reason=f"{found.reason}, in its folder {folder}")


def _written_for_machines(names: set[str]) -> str:
    """The scheme of MNIST's files, or of prepared data."""
    if any(fnmatch.fnmatch(name, MNIST) for name in names):
        return "idx"
    return "records" if MANIFEST in names and any(name.endswith(".array_record") for name in names) else ""

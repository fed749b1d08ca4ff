"""What jgan itself has written among images: folders that are no data, and pictures that stand beside data."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

SAMPLED, TRANSLATED = "sampled.json", "translated.jsonl"  # what the images of a directory were made by
EVALUATED = "eval.json"
GRID, NEAREST = "grid.png", "nearest.png"  # pictures of images


_OF_RUN = ("checkpoints", "metrics.jsonl", "environment.json", "config.py")  # one is there from its first moment on


class _Folder(NamedTuple):
    what: str
    marks: tuple[set[str], ...]  # the names that tell it: all of one of these sets are in it
    images: bool = False  # whether it is a set of images, where it is named itself


_FOLDERS = (
    _Folder("the directory of a run", tuple({"config.json", other} for other in _OF_RUN)),
    _Folder("the directory of a sweep", ({"sweep.json", "plots"},)),
    _Folder("a prepared data set", ({"plan.json", "manifest.json"},)),
    _Folder("what `jgan sample` writes", ({SAMPLED},), images=True),
    _Folder("what `jgan translate` and `upscale` write", ({TRANSLATED},), images=True),
)
_PICTURES = {SAMPLED: GRID, EVALUATED: NEAREST}  # beside which file: of images, but no image of the set


def written_here(names: Collection[str]) -> str:
    """What jgan has made of a folder that holds these names, as "the directory of a run"; "" where it is another's."""
    return next((folder.what for folder in _FOLDERS if _is(folder, names)), "")


def no_images(names: Collection[str]) -> str:
    """As `written_here`, for what is no set of images even where it is named as one."""
    return next((folder.what for folder in _FOLDERS if not folder.images and _is(folder, names)), "")


def pictures_here(names: Collection[str]) -> set[str]:
    """Which names in a folder are pictures that jgan has made of its images, and none of them."""
    return {picture for mark, picture in _PICTURES.items() if mark in names}


def _is(folder: _Folder, names: Collection[str]) -> bool:
    return any(all(name in names for name in mark) for mark in folder.marks)

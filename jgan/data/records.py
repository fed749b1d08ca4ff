"""Prepared data sets: shards of raw square pixels in ArrayRecord files, and a manifest that is written last.

A record is the label (int32, little-endian, -1 for none) and then the pixels, uint8 [r, r, c]. Raw pixels take about
twice a PNG's space and are read many times faster.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import grain
import numpy as np

from jgan.data.captions import Captions
from jgan.data.config import FITS
from jgan.data.labels import MAX_CLASSES
from jgan.data.pixels import MAX_RESOLUTION, MODES, BrokenImageError
from jgan.data.source import check_label, fingerprint
from jgan.types import UserError
from jgan.untrusted.fields import Rule, checked_file, each, list_of, matching, one_of, optional, text, whole
from jgan.untrusted.json_data import read_json

MANIFEST = "manifest.json"
VERSION = 1
LABEL_BYTES = 4
MAX_IMAGES = 2**31 - 1
MAX_SHARDS = 100_000
# What `prepare` calls a shard; so it lies in the directory of the manifest.
SHARD = matching(r"images-[0-9]{5,9}-of-[0-9]{5,9}\.array_record", "the name of a shard")
FIELDS: dict[str, Rule] = {
    "version": one_of(VERSION),
    "resolution": whole(1, MAX_RESOLUTION),
    "channels": one_of(*MODES),
    "fit": one_of(*FITS),
    "background": whole(0, 255),
    "input_channels": one_of(0),
    "blind_scale": one_of(0),
    "count": whole(1, MAX_IMAGES),
    "num_classes": optional(whole(1, MAX_CLASSES)),
    "class_names": optional(list_of(text(), MAX_CLASSES)),
    "shards": list_of(each(SHARD, whole(0, MAX_IMAGES)), MAX_SHARDS),
    "fingerprint": matching("[0-9a-f]{8,64}", "the hex digits of a hash"),
}
# Of the format, which earlier versions wrote in part, and which no reader needs.
MAY_LACK = {"fit", "background", "input_channels", "blind_scale"}


def pack(pixels: np.ndarray, label: int) -> bytes:
    """The record of an image uint8 [r, r, c] and its label."""
    return label.to_bytes(LABEL_BYTES, "little", signed=True) + pixels.tobytes()


def unpack(record: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, int]:
    """The image uint8 of the shape [r, r, c] and the label of a record. Raises ValueError for one of another size."""
    label = int.from_bytes(record[:LABEL_BYTES], "little", signed=True)
    return np.frombuffer(record, np.uint8, offset=LABEL_BYTES).reshape(shape), label


class RecordSource:
    """A directory that `jgan data prepare` has written."""

    in_memory = False
    is_paired = False
    captions: Captions | None = None
    class_counts: np.ndarray | None = None  # its images have to be read for their labels

    def __init__(self, directory: str) -> None:
        self.title = f"records:{directory}"
        manifest = _read_manifest(self.title, Path(directory))
        shards = [Path(directory, name) for name, _ in manifest["shards"]]
        missing = [shard.name for shard in shards if not shard.is_file()]
        if missing:
            raise UserError(f"{self.title}: {missing[0]} is missing ({len(missing)} in all); prepare it again")
        self._resolution, self._channels = manifest["resolution"], manifest["channels"]
        self._shape = (self._resolution, self._resolution, self._channels)
        self._check_sizes(directory, manifest["shards"])
        try:
            self._records: Any = grain.sources.ArrayRecordDataSource([str(shard) for shard in shards])
        except RuntimeError as error:  # ArrayRecord's own, for truncated files among others
            reason = " ".join(str(error).split())
            raise UserError(f"{self.title}: a shard is damaged ({reason}); prepare it again") from None
        self.count: int = manifest["count"]
        if len(self._records) != self.count:
            found = len(self._records)
            raise UserError(f"{self.title}: holds {found} images, not the {self.count} of its manifest; prepare again")
        self.num_classes: int | None = manifest["num_classes"]
        self.class_names = None if manifest["class_names"] is None else tuple(manifest["class_names"])
        self.fingerprint = fingerprint(sorted(manifest.items()))

    def _check_sizes(self, directory: str, shards: list[tuple[str, int]]) -> None:
        """Refuses shards that are smaller than their pixels: `prepare` packs none, so these would unpack to more."""
        for name, count in shards:
            held, least = Path(directory, name).stat().st_size, count * (LABEL_BYTES + math.prod(self._shape))
            if held < least:
                pixels = f"{count} images of {' x '.join(map(str, self._shape))}"
                raise UserError(f"{self.title}: {name} is damaged: {held} bytes, too few for {pixels}; prepare again")

    def name(self, index: int) -> str:
        """The directory and the place."""
        return f"{self.title}[{index}]"

    def read(self, index: int) -> tuple[np.ndarray, int]:
        """The pixels and the label. Raises BrokenImageError."""
        try:
            pixels, label = unpack(self._records[index], self._shape)
        except (RuntimeError, ValueError) as error:
            raise BrokenImageError(" ".join(str(error).split())) from None
        return pixels, check_label(label, self.num_classes)

    def channels(self) -> int:
        """The channels it was prepared with."""
        return self._channels


def _read_manifest(title: str, directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST
    if not path.is_file():
        problem = "preparing it was not finished" if directory.is_dir() else "no such directory"
        raise UserError(f"{title}: {problem}; run jgan data prepare --source ... --out {directory}")
    again = "prepare the data set again"
    manifest = checked_file(path, read_json(path, again), FIELDS, again, may_lack=MAY_LACK)
    _check_agreement(path, manifest)
    return manifest


def _check_agreement(path: Path, manifest: dict[str, Any]) -> None:
    """Raises UserError where fields that are right by themselves contradict each other."""
    shards, names, classes = manifest["shards"], manifest["class_names"], manifest["num_classes"]
    total = sum(count for _, count in shards)
    twice = [name for name, times in Counter(name for name, _ in shards).items() if times > 1]
    problems = {
        f"lists {twice[:1]} twice": bool(twice),
        f"count={manifest['count']}, and its shards hold {total}": total != manifest["count"],
        f"num_classes={classes}, and {len(names or ())} class_names": names is not None and len(names) != classes,
    }
    for problem, found in problems.items():
        if found:
            raise UserError(f"{path}: {problem}; prepare the data set again")

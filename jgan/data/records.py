"""Prepared data sets: shards of raw square pixels in ArrayRecord files, and a manifest that is written last.

A record is the label (int32, little-endian, -1 for none) and then the pixels, uint8 [r, r, c]. Raw pixels take about
twice a PNG's space and are read many times faster.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grain
import numpy as np

from jgan.data.captions import Captions
from jgan.data.pixels import BrokenImageError
from jgan.data.source import check_label, fingerprint
from jgan.types import UserError

MANIFEST = "manifest.json"
VERSION = 1
LABEL_BYTES = 4
FIELDS = {"version", "resolution", "channels", "count", "num_classes", "class_names", "shards", "fingerprint"}


def pack(pixels: np.ndarray, label: int) -> bytes:
    """The record of an image uint8 [r, r, c] and its label."""
    return label.to_bytes(LABEL_BYTES, "little", signed=True) + pixels.tobytes()


def unpack(record: bytes, resolution: int) -> tuple[np.ndarray, int]:
    """The image uint8 [r, r, c] and the label of a record."""
    label = int.from_bytes(record[:LABEL_BYTES], "little", signed=True)
    return np.frombuffer(record, np.uint8, offset=LABEL_BYTES).reshape(resolution, resolution, -1), label


class RecordSource:
    """A directory that `jgan data prepare` has written."""

    in_memory = False
    is_paired = False
    captions: Captions | None = None

    def __init__(self, directory: str) -> None:
        self.title = f"records:{directory}"
        manifest = _read_manifest(self.title, Path(directory))
        shards = [Path(directory, name) for name, _ in manifest["shards"]]
        missing = [shard.name for shard in shards if not shard.is_file()]
        if missing:
            raise UserError(f"{self.title}: {missing[0]} is missing ({len(missing)} in all); prepare it again")
        try:
            self._records: Any = grain.sources.ArrayRecordDataSource([str(shard) for shard in shards])
        except RuntimeError as error:  # ArrayRecord's own, for truncated files among others
            reason = " ".join(str(error).split())
            raise UserError(f"{self.title}: a shard is damaged ({reason}); prepare it again") from None
        self._resolution = int(manifest["resolution"])
        self._channels = int(manifest["channels"])
        self.count = int(manifest["count"])
        if len(self._records) != self.count:
            found = len(self._records)
            raise UserError(f"{self.title}: holds {found} images, not the {self.count} of its manifest; prepare again")
        self.num_classes: int | None = manifest["num_classes"]
        self.class_names = None if manifest["class_names"] is None else tuple(manifest["class_names"])
        self.fingerprint = fingerprint(sorted(manifest.items()))

    def name(self, index: int) -> str:
        """The directory and the place."""
        return f"{self.title}[{index}]"

    def read(self, index: int) -> tuple[np.ndarray, int]:
        """The pixels and the label. Raises BrokenImageError."""
        try:
            pixels, label = unpack(self._records[index], self._resolution)
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
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); prepare the data set again") from None
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION or not manifest.keys() >= FIELDS:
        raise UserError(f"{path}: not a manifest of version {VERSION}; prepare the data set again")
    return manifest

"""Data that are not there yet: black images of the shapes that a run would read, for `--dry_run`."""

from __future__ import annotations

import dataclasses

import numpy as np

from jgan.data.captions import Captions
from jgan.data.config import DataConfig
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.pixels import Pair, Pixels
from jgan.data.registry import is_unpaired
from jgan.data.source import NO_LABEL
from jgan.data.vocabulary import Vocabulary

COUNT = 2**20  # images: they suffice for any batch


class PlannedSource:
    """Black pixels, one per image; all of class 0 where there are classes, all of one caption where there are some."""

    count: int = COUNT
    class_names: tuple[str, ...] | None = None
    fingerprint: str = "planned"
    class_counts: np.ndarray | None = None
    in_memory: bool = True

    def __init__(
        self,
        channels: int,
        num_classes: int | None = None,
        caption: np.ndarray | None = None,
        input_channels: int = 0,
    ) -> None:
        """`caption` is [1, words or features]; with `input_channels` pairs."""
        self.num_classes = num_classes
        self.is_paired = input_channels > 0
        self._input = np.zeros((1, 1, input_channels), np.uint8)
        self.captions = None if caption is None else _captions(caption)
        self._pixel = np.zeros((1, 1, channels), np.uint8)

    def name(self, index: int) -> str:
        """A place only."""
        return f"planned[{index}]"

    def read(self, index: int) -> tuple[Pixels | Pair, int]:
        """The same pixel, or pair of them, for every index."""
        del index
        return (
            self._input,
            self._pixel,
        ) if self.is_paired else self._pixel, NO_LABEL if self.num_classes is None else 0

    def channels(self) -> int:
        """As they were asked for."""
        return self._pixel.shape[-1]


def _captions(caption: np.ndarray) -> Captions:
    vocabulary = Vocabulary((), caption.shape[1]) if caption.dtype == np.int32 else None
    return Captions(caption, (), np.zeros(COUNT, np.int32), np.ones(COUNT, np.int32), vocabulary)


def planned_dataset(
    config: DataConfig, num_classes: int | None, seed: int, caption: np.ndarray | None = None
) -> Dataset | UnpairedDataset:
    """Stands for `config.source`, with RGB images where the config leaves their channels to the files."""
    channels = config.channels or 3
    # There is nothing to decode, and how many images there will be is not known: they do not stay on the device.
    config = dataclasses.replace(config, workers=0, device_megabytes=0)
    if config.fit == "patch":  # a pixel has none, and is made as large as the patch
        config = dataclasses.replace(config, fit="crop")
    if is_unpaired(config.source):
        first, second = (Dataset(config, PlannedSource(channels), channels, seed) for _ in range(2))
        return UnpairedDataset(first, second)
    inputs = config.input_channels if config.source.startswith("pairs:") else 0
    return Dataset(config, PlannedSource(channels, num_classes, caption, inputs), channels, seed)

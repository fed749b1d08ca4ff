"""A source whose files stay decoded in memory once they have been read: patches are cut from them again and again."""

from __future__ import annotations

from jgan.data.pixels import Pair, Pixels
from jgan.data.source import Source


class DecodedSource:
    """The images of another source."""

    in_memory = True

    def __init__(self, source: Source) -> None:
        self._source = source
        self._read: dict[int, tuple[Pixels | Pair, int]] = {}
        self.is_paired = getattr(source, "is_paired", False)
        self.count, self.fingerprint = source.count, source.fingerprint
        self.num_classes, self.class_names, self.captions = source.num_classes, source.class_names, source.captions
        self.class_counts = source.class_counts

    def name(self, index: int) -> str:
        """As the other source says."""
        return self._source.name(index)

    def read(self, index: int) -> tuple[Pixels | Pair, int]:
        """As the other source, which is asked once. Raises BrokenImageError."""
        if index not in self._read:
            self._read[index] = self._source.read(index)
        return self._read[index]

    def channels(self) -> int:
        """As the other source says."""
        return self._source.channels()

"""Whether every file of a source can be read, before a run starts."""

from __future__ import annotations

import dataclasses
import os
from typing import Protocol

from jgan.data.decoding import parallel_map
from jgan.data.depth import peak_of
from jgan.data.file_source import FileSource
from jgan.data.pixels import decode, natural_channels
from jgan.terminal import bars
from jgan.types import UserError
from jgan.untrusted.images import BrokenImageError, open_image

SHOWN = 5  # broken files named in an error; `inspect` lists them all

# The last bytes of a whole file, searched within the last TAIL bytes; of WebP the header says how long it is. A file
# without them is decoded: it is cut off, or a photo with a film behind it, or of a format whose end says nothing.
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND", "WEBP": b""}
TAIL = 4096


@dataclasses.dataclass(frozen=True)
class FileReport:
    """What one file holds, or why it cannot be used."""

    index: int
    size: tuple[int, int] = (0, 0)  # width and height as shown, after the orientation
    mode: str = ""
    channels: int = 0
    peak: float | None = None  # of its range, its brightest level, where it was decoded whole
    problem: str = ""


def check_files(source: FileSource, full: bool) -> list[FileReport]:
    """A report on every file: decoded whole or, unless `full`, its header alone where it ends as whole files do."""

    def check(chunk: range) -> list[FileReport]:
        return [_check_file(source, index, full) for index in chunk]

    with bars.bar(total=source.count, desc="checking", unit=" files", delay=bars.DELAY, leave=False) as bar:
        reports = []
        chunks = [range(start, min(start + 64, source.count)) for start in range(0, source.count, 64)]
        for chunk in parallel_map(check, chunks, os.cpu_count() or 1):
            reports += chunk
            bar.update(len(chunk))
    return reports


def _check_file(source: FileSource, index: int, full: bool) -> FileReport:
    try:
        data = source.read_noted(index)
        image = decode(data) if full else open_image(data)
        if not full and not _ends(data, image.format or ""):
            image = decode(data)
        channels = natural_channels(image)
        if image.mode == "F":
            raise BrokenImageError("float pixels have no known range; save it with 8 or 16 bits")
    except BrokenImageError as error:
        return FileReport(index, problem=str(error))
    return FileReport(index, image.size, image.mode, channels, peak_of(image) if full else None)


def _ends(data: bytes, kind: str) -> bool:
    return kind in ENDS and ENDS[kind] in data[-TAIL:]


class Named(Protocol):
    """What messages say of a source of files."""

    title: str
    count: int

    def name(self, index: int) -> str:
        """The file of an example."""
        ...


def broken_files_message(source: Named, broken: list[FileReport]) -> str:
    """One line that counts the broken files and names the first."""
    shown = "; ".join(f"{source.name(report.index)}: {report.problem}" for report in broken[:SHOWN])
    more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    return f"{source.title}: {len(broken)} of {source.count} files are broken: {shown}{more}"


def usable_channels(source: Named, reports: list[FileReport]) -> int:
    """The channels of all files. Raises UserError naming two files that differ."""
    first: dict[int, FileReport] = {}
    for report in reports:
        first.setdefault(report.channels, report)
    if len(first) > 1:
        found = ", ".join(f"{source.name(report.index)} has {channels}" for channels, report in first.items())
        raise UserError(f"{source.title}: channels differ ({found}); set data.channels to 1, 3 or 4")
    return next(iter(first))

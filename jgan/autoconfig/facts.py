"""What the images of a source are, as far as the choice of a config depends on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jgan.autoconfig.detect import find_source
from jgan.data.broken_files import FileReport, broken_files_message
from jgan.data.file_source import FileSource
from jgan.data.folders import SIDES
from jgan.data.inspect import examine
from jgan.data.pairs import PairSource, missing_partners_message, source_reports
from jgan.data.registry import is_path, is_unpaired, open_domains, open_source
from jgan.data.source import Source
from jgan.types import UserError

HEADERS = 0  # megabytes of files to decode whole: none, their headers are enough
FEWEST_HALVES = 4  # files twice as wide as high, from which on these are pairs side by side

Kind = Literal["images", "pairs", "unpaired", "captions"]


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """A data set, by numbers alone."""

    source: str  # as in data.source
    kind: Kind
    count: int  # images, or pairs, that can be used; of two domains, those of the smaller one
    width: int  # pixels, of median shape and shorter side; of files with two halves, of one half
    height: int
    smallest: int  # pixels of the shortest side of all
    channels: int = 3  # 1 where all are gray, otherwise 3; of pairs, the second image
    input_channels: int = 3  # the same of the first image of pairs
    transparent: int = 0  # images with an alpha channel
    gray: int = 0  # images without colour
    num_classes: int = 0
    class_sizes: tuple[int, ...] = ()  # images of each class, where all were counted
    vocabulary: int = 0  # different words of the captions
    embedding_features: int = 0  # of captions that are vectors
    all_halves: bool = False  # whether all files are twice as wide as high
    sides: tuple[str, ...] = ()  # of pairs and domains, the sources of either side's images, or of both in one file
    unusable: str = ""  # says which files are broken or have no partner; "": none
    reason: str = "as given"  # for taking them for this kind


def look_at(text: str, *, whole: bool = False) -> DataFacts:
    """Facts of the source that `text` names, as `find_source` takes it. Headers are read, pixels are not.

    Files that are all twice as wide as high are pairs side by side, unless images are meant to be taken `whole`.

    Raises:
      UserError: there is no such source, or no image of it can be read.
    """
    found = find_source(text)
    facts = facts_of(found.source, "SOURCE")
    if is_path(text) and facts.all_halves and not facts.num_classes:
        path = found.source.partition(":")[2]
        if whole:
            reason = f"{found.reason}, all twice as wide as high; pairs:{path} as SOURCE takes them as two halves"
            return dataclasses.replace(facts, reason=reason)
        reason = f"all are twice as wide as high: pairs side by side; {found.source} as SOURCE takes them whole"
        return dataclasses.replace(facts_of(f"pairs:{path}", "SOURCE"), reason=reason)
    return dataclasses.replace(facts, reason=found.reason)


def facts_of(source: str, field: str = "data.source") -> DataFacts:
    """Facts of a source as `data.source` has it, the value of `field`.

    Raises:
      UserError: as `look_at`.
    """
    if is_unpaired(source):
        return _of_domains(source)
    opened = open_source(source, field)
    if isinstance(opened, PairSource):
        return _of_pairs(source, opened)
    return _of_images(source, opened)


def _of_domains(source: str) -> DataFacts:
    domains = open_domains(source)
    reports = [source_reports(domain, HEADERS) for domain in domains]
    whole = [_whole(domain.title, each) for domain, each in zip(domains, reports, strict=True)]
    broken = [_broken(domain, each) for domain, each in zip(domains, reports, strict=True)]
    return DataFacts(
        source,
        "unpaired",
        min(map(len, whole)),
        **_pixels([*whole[0], *whole[1]]),
        sides=tuple(domain.title for domain in domains),
        unusable="; ".join(filter(None, broken)),
    )


def _of_pairs(name: str, source: PairSource) -> DataFacts:
    reports = source_reports(source, HEADERS)
    whole = _whole(name, reports)
    missing = missing_partners_message(source) if source.missing else ""
    sides = [_pixels(_whole(name, source_reports(side, HEADERS))) for side in source.sides]
    pixels = _pixels(whole) | {field: sides[-1][field] for field in ("channels", "transparent", "gray")}
    path = name.partition(":")[2]
    images = f"{'folder' if Path(path).is_dir() else 'zip'}:{path}"
    return DataFacts(
        name,
        "pairs",
        len(whole),
        **pixels,
        input_channels=sides[0]["channels"],
        sides=tuple(f"{images}/{side}" for side in SIDES) if len(sides) > 1 else (images,),
        unusable=missing or _broken(source, reports),
    )


def _of_images(name: str, source: Source) -> DataFacts:
    reports, labels = examine(source, HEADERS)
    whole = _whole(name, reports)
    captions, words = source.captions, source.captions and source.captions.vocabulary
    broken = {report.index for report in reports if report.problem}
    used = [label for place, label in enumerate(labels) if place not in broken] if len(labels) == source.count else []
    return DataFacts(
        name,
        "images" if captions is None else "captions",
        source.count - len(broken),
        **_pixels(whole),
        num_classes=source.num_classes or 0,
        class_sizes=tuple(np.bincount(used, minlength=source.num_classes or 0).tolist()) if used else (),
        vocabulary=len(words.words) if words else 0,
        embedding_features=captions.rows.shape[1] if captions and words is None else 0,
        all_halves=captions is None and _are_halves(whole),
        unusable=_broken(source, reports) if isinstance(source, FileSource) else "",
    )


def _whole(title: str, reports: Sequence[FileReport]) -> list[FileReport]:
    whole = [report for report in reports if not report.problem]
    if not whole:
        raise UserError(f"{title}: none of {len(reports)} files can be read ({reports[0].problem}); check the source")
    return whole


def _broken(source: FileSource | PairSource, reports: Sequence[FileReport]) -> str:
    """Which files are broken, in a line; "" where none is."""
    broken = [report for report in reports if report.problem]
    return broken_files_message(source, broken) if broken else ""


def _are_halves(reports: list[FileReport]) -> bool:
    return len(reports) >= FEWEST_HALVES and all(width == 2 * height for width, height in (r.size for r in reports))


def _pixels(reports: list[FileReport]) -> dict[str, Any]:
    """The fields that say of what size and colours images are."""
    sizes = np.array([report.size for report in reports])
    channels = [report.channels for report in reports]
    # Apart, the medians of widths and heights of mixed images make a shape that none of them has.
    shape, side = np.exp(np.median(np.log(sizes[:, 0] / sizes[:, 1]))), np.median(sizes.min(axis=1))
    return {
        "width": round(side * max(shape, 1)),
        "height": round(side * max(1 / shape, 1)),
        "smallest": int(sizes.min()),
        "channels": 1 if set(channels) == {1} else 3,
        "transparent": channels.count(4),
        "gray": channels.count(1),
    }

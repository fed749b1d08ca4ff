"""What a source holds, before any training: counts, sizes, modes, classes, problems, and a contact sheet."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from PIL.PngImagePlugin import PngInfo

from jgan.data.arrays import ArraySource
from jgan.data.broken_files import FileReport
from jgan.data.captions import Captions
from jgan.data.classes import classes_without_images, names_or_numbers
from jgan.data.decoding import parallel_map
from jgan.data.depth import darkness
from jgan.data.file_source import FileSource
from jgan.data.pairs import PairSource, missing_partners_message, source_reports
from jgan.data.pixels import BrokenImageError, Format, natural_channels, to_pixels
from jgan.data.source import NO_LABEL, Source
from jgan.rundir.atomic_files import replacing_shared
from jgan.rundir.new_directories import making_directory

SAMPLED = 256  # examples looked at where every one cannot be: sets without files of their own
SHOWN = 8  # different sizes or modes in the report
SHOWN_CLASSES = 100
SHEET = "contact sheet of jgan data inspect"  # a text of its PNG, by which a later sheet may take its place
TILE = 96  # pixels of an image on the contact sheet
COLUMNS, ROWS = 10, 6
CAPTION = 12  # pixels of height


def describe(source: Source) -> list[str]:
    """Lines about a source. Every file of a folder or archive is decoded; of other sources, a sample."""
    lines = [f"{'pairs' if source.is_paired else 'images'}: {source.count:,}"]
    reports, labels = examine(source, megabytes=sys.maxsize)
    if isinstance(source, PairSource):
        lines += [missing_partners_message(source)] if source.missing else []
    elif isinstance(source, FileSource):
        lines.append(f"bytes: {source.file_bytes:,}; other files, left alone: {source.other_files}")
    elif len(reports) < source.count:
        lines.append(f"looked at: {len(reports)} images, evenly spread")
    whole = [report for report in reports if not report.problem]
    lines.append(f"sizes: {_counted(f'{report.size[0]} x {report.size[1]}' for report in whole)}")
    lines.append(f"modes: {_counted(report.mode for report in whole)}")
    lines.append(f"channels: {_counted(str(report.channels) for report in whole)}")
    if dark := darkness([report.peak for report in whole]):
        lines.append(f"depth: {dark}")
    lines += _classes(source, labels) if source.captions is None else [_captions(source.captions)]
    broken = [report for report in reports if report.problem]
    lines.append(f"problems: {len(broken) or 'none'}")
    return lines + [f"  {source.name(report.index)}: {report.problem}" for report in broken]


def examine(source: Source, megabytes: int) -> tuple[list[FileReport], list[int]]:
    """Reports on the images of a source, or pairs, and their labels, empty where there are none.

    On every file, decoded whole where all files are of so many megabytes at most; of other sources, on a sample.
    """
    if isinstance(source, FileSource | PairSource):
        labels = source.labels if isinstance(source, FileSource) and source.captions is None else None
        return source_reports(source, megabytes), [] if labels is None else labels.tolist()
    reports, labels = _sample(source, _spread(source.count, SAMPLED))
    if isinstance(source, ArraySource) and source.labels is not None:
        labels = source.labels.tolist()  # all of them are in memory
    return reports, labels if source.captions is None else []


def _spread(count: int, most: int) -> np.ndarray:
    """At most so many places from 0 to count - 1, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _sample(source: Source, rows: np.ndarray) -> tuple[list[FileReport], list[int]]:
    def look(row: int) -> tuple[FileReport, int]:
        try:
            image, label = source.read(row)
        except BrokenImageError as error:
            return FileReport(row, problem=str(error)), NO_LABEL
        image = image[0] if isinstance(image, tuple) else image
        if isinstance(image, np.ndarray):
            return FileReport(row, (image.shape[1], image.shape[0]), "uint8", image.shape[2]), label
        return FileReport(row, image.size, image.mode, natural_channels(image)), label

    looks = list(parallel_map(look, rows.tolist(), os.cpu_count() or 1))
    return [report for report, _ in looks], [label for _, label in looks if label != NO_LABEL]


def _counted(values: Iterable[str], most: int = SHOWN) -> str:
    """The values from the most frequent down, with their numbers."""
    counts = Counter(values).most_common()
    rest = sum(number for _, number in counts[most:])
    shown = [f"{value} ({number:,})" for value, number in counts[:most]]
    return ", ".join(shown + ([f"{len(counts) - most} others ({rest:,})"] if rest else [])) or "none"


def _classes(source: Source, labels: list[int]) -> list[str]:
    """A line for each class that has images: its number, which is its place in the networks, name and images."""
    if source.num_classes is None:
        return ["classes: none (no labels)"]
    names = names_or_numbers(source.class_names, source.num_classes)
    counts = np.bincount(labels, minlength=len(names))
    used, rows = np.flatnonzero(counts), [("number", "name", "images")]
    rows += [(str(place), names[place], f"{counts[place]:,}") for place in used[:SHOWN_CLASSES].tolist()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    looked_at = f", of {len(labels):,} images looked at" if len(labels) < source.count else ""
    lines = [f"classes: {len(names):,}{looked_at}"]
    lines += [f"  {n:>{widths[0]}}  {name:<{widths[1]}}  {count:>{widths[2]}}" for n, name, count in rows]
    if len(used) > SHOWN_CLASSES:
        lines.append(f"  and {len(used) - SHOWN_CLASSES:,} more classes with images")
    if source.class_counts is not None and (missing := classes_without_images(names, counts)):
        lines.append(f"  {missing}")
    return lines


def _captions(captions: Captions) -> str:
    least, most = captions.counts.min(), captions.counts.max()
    number = f"captions: {captions.counts.sum():,}, {least if least == most else f'{least} to {most}'} an image"
    if captions.vocabulary is None:
        return f"{number}, vectors of {captions.rows.shape[1]} numbers"
    vocabulary = captions.vocabulary
    return f"{number}, of {len(vocabulary.words):,} different words, {vocabulary.length} in the longest"


def contact_sheet(source: Source, channels: int, fit: str, background: int) -> Image.Image:
    """Up to 60 images, evenly spread, as training would see them at 96 pixels, with class and place below."""
    form = Format(TILE, channels, fit, background, input_channels=channels if source.is_paired else 0)
    rows = _spread(source.count, COLUMNS * ROWS)
    height = -(-len(rows) // COLUMNS) * (TILE + CAPTION)
    sheet = Image.new("RGB", (COLUMNS * TILE, height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, row in enumerate(rows.tolist()):
        left, top = place % COLUMNS * TILE, place // COLUMNS * (TILE + CAPTION)
        tile, caption = _tile(source, row, form)
        sheet.paste(tile, (left, top), tile if tile.mode == "RGBA" else None)
        draw.text((left + 2, top + TILE), caption, fill="black")
    return sheet


def _tile(source: Source, row: int, form: Format) -> tuple[Image.Image, str]:
    """An image and its caption; a red square for a broken one."""
    try:
        image, label = source.read(row)
        pixels = to_pixels(image, form)
    except BrokenImageError:
        return Image.new("RGB", (TILE, TILE), "red"), f"{row} broken"
    if source.is_paired:
        pixels = np.concatenate(np.split(pixels, 2, axis=-1), axis=1)
    shown = Image.fromarray(pixels[:, :, 0] if form.channels == 1 else pixels)
    if source.is_paired:
        shown = ImageOps.pad(shown, (TILE, TILE), color="white")
    if label == NO_LABEL:
        return shown, str(row)
    if source.captions is not None:
        return shown, source.captions.text(row)[:16]
    return shown, f"{row}: {source.class_names[label] if source.class_names else label}"[:16]


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Writes the sheet as a PNG whose first bytes say what it is. Raises UserError where it cannot be written."""
    text = PngInfo()
    text.add_text("Software", SHEET)
    with making_directory(path.parent, "--out"), replacing_shared(path) as whole:
        sheet.save(whole, "PNG", pnginfo=text)

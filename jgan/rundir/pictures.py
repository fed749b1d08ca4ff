"""Pictures of a run: grids of images and curves of metrics."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jgan.rundir.atomic_files import replacing, writing
from jgan.types import Array
from jgan.untrusted.images import read_picture

# Of curves, in turn; each is told apart on white and on black.
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#a8a80b", "#17becf")
LINES = ("-", "--", ":", "-.")  # one for every turn of the colors
LEGEND_SIZE, LEGEND_HEIGHT = 11, 16  # pixels of the text above a grid, and of its row
LEGEND_CELL = 64  # pixels of a column that has room for a word
LABEL_LENGTH = 60  # characters of a legend's line
QUICK_PNG = {"compress_level": 1}  # of figures, whose plain areas still become small


def to_uint8(images: Array | np.ndarray) -> np.ndarray:
    """[-1, 1] to 0..255, rounded."""
    values = np.asarray(images, np.float32)
    return np.clip(np.rint((values + 1.0) * 127.5), 0, 255).astype(np.uint8)


def make_grid(images: np.ndarray, padding: int = 2) -> np.ndarray:
    """[rows, columns, h, w, c] uint8 to one picture [height, width, c] with white lines between."""
    rows, columns, height, width, channels = images.shape
    shape = (rows * (height + padding) + padding, columns * (width + padding) + padding, channels)
    grid = np.full(shape, 255, np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = padding + row * (height + padding), padding + column * (width + padding)
            grid[top : top + height, left : left + width] = images[row, column]
    return grid


def with_legend(grid: np.ndarray, columns: int, legend: Sequence[str], *, enlarge: bool = False) -> np.ndarray:
    """A grid as of `make_grid` [height, width, c] with a row of text above: what its columns show, in turn.

    Where a column is too narrow for its words, its pixels are repeated up to LEGEND_CELL with `enlarge`; else numbers
    take the words' place, as for many classes, or nothing.
    """
    if not legend:
        return grid
    font = ImageFont.load_default(LEGEND_SIZE)
    names = [legend[column % len(legend)] for column in range(columns)]
    if enlarge:
        times = -(-LEGEND_CELL // (grid.shape[1] // columns))
        grid = grid.repeat(times, axis=0).repeat(times, axis=1)
    for texts in (names, [str(column) for column in range(columns)]):
        if max(map(font.getlength, texts)) <= grid.shape[1] / columns - 2:
            return np.concatenate([_legend(texts, grid.shape[1], grid.shape[2], font), grid])
    return grid


def _legend(texts: Sequence[str], width: int, channels: int, font: Any) -> np.ndarray:
    """Texts side by side, each in the middle of its share of the width: [LEGEND_HEIGHT, width, channels], uint8."""
    row = Image.new("L", (width, LEGEND_HEIGHT), 255)
    draw = ImageDraw.Draw(row)
    for column, text in enumerate(texts):
        middle = (column + 0.5) * width / len(texts)
        draw.text((middle, LEGEND_HEIGHT / 2), text, fill=0, font=font, anchor="mm")
    pixels = np.repeat(np.asarray(row)[..., None], channels, axis=-1)
    pixels[..., 3:] = 255  # opaque
    return pixels


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes [h, w, c] uint8 (1, 3 or 4 channels), whole or not at all.

    Raises:
      UserError: the file cannot be written.
    """
    with replacing(path) as partial:
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(partial, format="PNG")


def plot_metrics(lines: list[dict[str, Any]], directory: Path) -> None:
    """One PNG per kind of metric ("loss", "grad_norm", ...), one curve per phase, over images seen.

    Raises:
      UserError: a file cannot be written.
    """
    with writing(directory):
        directory.mkdir(exist_ok=True)
    kinds: dict[str, list[str]] = {}
    for name in sorted({name for line in lines for name in line if "/" in name}):
        kinds.setdefault(name.rsplit("/", 1)[1], []).append(name)
    for kind, names in kinds.items():
        _plot_kind(lines, kind, names, directory / f"{kind}.png")


def _plot_kind(lines: list[dict[str, Any]], kind: str, names: list[str], path: Path) -> None:
    # Half a second of import that a start without curves need not pay; no pyplot, whose figures are global.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(8, 4.5))
    axes = figure.add_axes((0.12, 0.11, 0.86, 0.84))  # known margins: looking for them draws everything twice
    for name in names:
        points = [(line["images_seen"], line[name]) for line in lines if name in line]
        axes.plot(*zip(*points, strict=True), label=name.rsplit("/", 1)[0], linewidth=1)
    axes.set(xlabel="images seen", ylabel=kind)
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.legend()
    axes.grid(alpha=0.3)
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=120, pil_kwargs=QUICK_PNG)


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a figure; `x`, `mean` and `spread` are [points], and `spread` is shaded to both sides of the mean."""

    number: int  # from 1; chooses its color
    label: str
    x: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


def curve_color(number: int) -> str:
    """The color of curves of this number, as "#rrggbb"."""
    return COLORS[(number - 1) % len(COLORS)]


def draw_curves(curves: list[Curve], title: str, *, dark: bool) -> bytes:
    """A PNG of the curves over images seen, legible at the width of a phone, for a light page or a dark one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    ink, paper = ("#e8e8e8", "#16181d") if dark else ("#202020", "#ffffff")
    width, below = 5.0, 0.7 + 0.2 * len(curves)  # inches; the legend takes a line a curve below the axes
    height = below + 2.65
    figure = Figure(figsize=(width, height), facecolor=paper)
    axes = figure.add_axes((0.75 / width, below / height, 4.1 / width, 2.25 / height), facecolor=paper)
    lines = []
    for curve in curves:
        color, line = curve_color(curve.number), LINES[(curve.number - 1) // len(COLORS) % len(LINES)]
        marker = "o" if len(curve.x) == 1 else None
        lines += axes.plot(curve.x, curve.mean, line, color=color, linewidth=1.4, marker=marker)
        axes.fill_between(curve.x, curve.mean - curve.spread, curve.mean + curve.spread, color=color, alpha=0.2, lw=0)
    axes.set_xlabel("images seen", color=ink)
    axes.set_title(title, color=ink, parse_math=False, loc="left", fontsize=10, pad=14)
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.tick_params(colors=ink)
    axes.spines[:].set_color(ink)
    axes.grid(alpha=0.3)
    labels = [f"{curve.number}  {_shortened(curve.label)}" for curve in curves]
    legend = figure.legend(lines, labels, loc="lower left", fontsize=9, frameon=False, labelcolor=ink)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a "$" is a "$"
    FigureCanvasAgg(figure)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, pil_kwargs=QUICK_PNG)
    return png.getvalue()


def _shortened(text: str) -> str:
    """The ends of a long label: its beginning is often a directory, its end what tells it apart."""
    half = LABEL_LENGTH // 2
    return text if len(text) <= LABEL_LENGTH else f"{text[: half - 3]}...{text[-half:]}"


def read_thumbnail(path: Path, side: int) -> bytes:
    """A picture as JPEG for a page, made smaller where a side is longer than `side` pixels.

    Raises:
      UserError: the file is not a whole picture.
    """
    image = read_picture(path, "RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    image.save(jpeg, format="JPEG", quality=90, subsampling=0)
    return jpeg.getvalue()

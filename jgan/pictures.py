"""Pictures of a run: grids of images and curves of metrics, as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jgan.files import replacing, writing
from jgan.types import Array


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

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name in names:
        points = [(line["images_seen"], line[name]) for line in lines if name in line]
        axes.plot(*zip(*points, strict=True), label=name.rsplit("/", 1)[0], linewidth=1)
    axes.set(xlabel="images seen", ylabel=kind)
    axes.legend()
    axes.grid(alpha=0.3)
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=120)

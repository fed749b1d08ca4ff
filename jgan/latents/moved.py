"""What moved between images and their edits, and what did not: by their pixels, and by a classifier's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jgan.latents.attributes import attributes, change
from jgan.metrics.classifier import Classifier, predict

PIXELS, KEPT, CHANCE = "pixels", "keeps its class", "class probability"
DEVIATIONS = "deviations"


def measure_moves(
    edited: np.ndarray, originals: np.ndarray, strengths: Sequence[tuple[float, ...]], classifier: Classifier | None
) -> list[dict[str, Any]]:
    """A row for each strength: means over seeds of how edits uint8 [seeds, n, h, w, c] differ from [seeds, h, w, c].

    `pixels` is the mean absolute difference in levels, 0 to 255; of each attribute of attributes.py the change,
    and the `deviations` of it, in standard deviations of the originals, where these differ. With a classifier,
    `keeps its class` is the share read as their originals are, and `class probability` the change of that class's.

    Raises:
      UserError: images of channels that the classifier does not read.
    """
    measurable = originals.shape[-1] in (1, 3, 4)
    before = attributes(originals) if measurable else {}
    chances = None if classifier is None else _chances(classifier, originals)
    rows = []
    for number, strength in enumerate(strengths):
        images = edited[:, number]
        apart = np.abs(images.astype(np.int16) - originals)
        row: dict[str, Any] = {"strengths": list(strength), PIXELS: float(apart.mean())}
        if classifier is not None and chances is not None:
            after, read = _chances(classifier, images), chances.argmax(axis=1)
            seeds = np.arange(len(read))
            row[KEPT] = float((after.argmax(axis=1) == read).mean())
            row[CHANCE] = float((after[seeds, read] - chances[seeds, read]).mean())
        changes = {
            name: float(change(name)(value, before[name]).mean())
            for name, value in (attributes(images) if measurable else {}).items()
        }
        spreads = {name: float(value.std()) for name, value in before.items()}
        row["changes"] = changes
        row[DEVIATIONS] = {name: value / spreads[name] for name, value in changes.items() if spreads[name] > 0}
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as lines for a terminal, with a head."""
    names = list(rows[0]["changes"])
    titles = ["strength", PIXELS, *(name for name in (KEPT, CHANCE) if name in rows[0]), *names]
    together = all(len(set(row["strengths"])) == 1 for row in rows)
    cells = [titles]
    for row in rows:
        line = [", ".join(f"{value:g}" for value in row["strengths"][: 1 if together else None]), f"{row[PIXELS]:.1f}"]
        if KEPT in row:
            line += [f"{row[KEPT]:.0%}", f"{row[CHANCE]:+.2f}"]
        cells.append(line + [f"{row['changes'][name]:+.2f}" for name in names])
    widths = [max(len(line[column]) for line in cells) for column in range(len(titles))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _chances(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """The probability of every class, float64 [n, classes]."""
    logits = predict(classifier, images).astype(np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)

"""Large images through a network tile by tile: memory follows the tile, and no seam is seen.

Tiles overlap. The outer quarter of an overlap, where a tile has seen least of its surroundings, is thrown away; across
the rest one tile fades into the next. A network whose receptive field reaches no further than that quarter gives what
it would give of the whole image: tiles begin at multiples of what its strides halve, so that it sees the same pixels
together. What it fills a side up to such a multiple with, it adds to the last tile as to the whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

Render = Callable[[np.ndarray], np.ndarray]  # [h, w, c] to [scale h, scale w, c'], both float32


@dataclasses.dataclass(frozen=True)
class Tiling:
    """Squares of `tile` pixels that share `overlap`, or more where a step has to be a multiple of `multiple`.

    `multiple` divides `tile`. Where both are equal, tiles begin anywhere: such a network, a deep U-Net, sees a tile
    whole.
    """

    tile: int
    overlap: int
    multiple: int = 1

    def starts(self, size: int) -> list[int]:
        """Where tiles begin along an axis; the last one ends at the end, or, as far as multiples go, beyond it."""
        if size <= self.tile:
            return [0]
        step = self.tile - self.overlap
        unit = self.multiple if step >= self.multiple else 1
        last = -(-(size - self.tile) // unit) * unit
        return [*range(0, last, step // unit * unit), last]

    def count(self, height: int, width: int) -> int:
        """Tiles of an image."""
        return len(self.starts(height)) * len(self.starts(width))


def render_in_tiles(render: Render, image: np.ndarray, scale: int, tiling: Tiling) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows [k, scale w, c'] float32) of the rendered image from the top to the bottom, band by band.

    `image` is [h, w, c]; every tile has the tiling's side, or ends with the image where that is before.
    """
    height, width = image.shape[:2]
    rows, columns = tiling.starts(height), tiling.starts(width)
    total = weights = None  # of the output rows that a later band may still add to
    for index, top in enumerate(rows):
        strip = image[top : top + tiling.tile]
        band, band_weights = _band(render, strip, columns, scale, tiling)
        fade = _profile(len(strip), tiling.overlap, top > 0, index + 1 < len(rows), scale)
        band, band_weights = band * fade[:, None, None], band_weights * fade[:, None, None]
        if total is not None:
            kept = len(total)
            band[:kept] += total
            band_weights[:kept] += weights
        done = (rows[index + 1] - top) * scale if index + 1 < len(rows) else len(band)
        yield top * scale, band[:done] / band_weights[:done]
        total, weights = band[done:], band_weights[done:]


def _band(
    render: Render, strip: np.ndarray, columns: list[int], scale: int, tiling: Tiling
) -> tuple[np.ndarray, np.ndarray]:
    """A row of tiles: the sum of their weighted images [k, scale w, c'], and of the weights [1, scale w, 1]."""
    width = strip.shape[1]
    total, weights = None, np.zeros((1, width * scale, 1), np.float32)
    for left in columns:
        part = strip[:, left : left + tiling.tile]
        rendered = render(part)
        fade = _profile(part.shape[1], tiling.overlap, left > 0, left < columns[-1], scale)[None, :, None]
        if total is None:
            total = np.zeros((rendered.shape[0], width * scale, rendered.shape[2]), np.float32)
        span = slice(left * scale, left * scale + rendered.shape[1])
        total[:, span] += rendered * fade
        weights[:, span] += fade
    assert total is not None, "an image has a tile"
    return total, np.broadcast_to(weights, (total.shape[0], *weights.shape[1:])).copy()


def _profile(size: int, overlap: int, before: bool, after: bool, scale: int) -> np.ndarray:
    """Weights of a tile along an axis [scale size]: 0 at an edge that another tile meets, then rising to 1."""
    lost = overlap // 4
    ramp = np.clip((np.arange(size * scale) + 0.5 - lost * scale) / max((overlap - 2 * lost) * scale, 1), 0.0, 1.0)
    weights = np.ones(size * scale)
    if before:
        weights = np.minimum(weights, ramp)
    if after:
        weights = np.minimum(weights, ramp[::-1])
    return weights.astype(np.float32)

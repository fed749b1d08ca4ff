"""Large images through a network tile by tile: memory follows the tile, and no seam is seen.

Tiles overlap. The outer quarter of an overlap, where a tile has seen least of its surroundings, is thrown away; across
the rest one tile fades into the next. A network whose receptive field reaches no further than that quarter gives what
it would give of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Render = Callable[[np.ndarray], np.ndarray]  # [h, w, c] to [scale h, scale w, c'], both float32


def tile_starts(size: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along an axis: a step of tile - overlap, the last one at the end."""
    if size <= tile:
        return [0]
    starts = list(range(0, size - tile, tile - overlap))
    return [*starts, size - tile]


def count_tiles(height: int, width: int, tile: int, overlap: int) -> int:
    """Tiles of an image."""
    return len(tile_starts(height, tile, overlap)) * len(tile_starts(width, tile, overlap))


def render_in_tiles(
    render: Render, image: np.ndarray, scale: int, tile: int, overlap: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows [k, scale w, c'] float32) of the rendered image from the top to the bottom, band by band.

    `image` is [h, w, c]; every tile is `tile` pixels on a side, or as long as the image where that is shorter.
    """
    height, width = image.shape[:2]
    rows, columns = tile_starts(height, tile, overlap), tile_starts(width, tile, overlap)
    total = weights = None  # of the output rows that a later band may still add to
    for index, top in enumerate(rows):
        band, band_weights = _band(render, image[top : top + tile], columns, scale, tile, overlap)
        fade = _profile(min(tile, height), overlap, top > 0, top + tile < height, scale)
        band, band_weights = band * fade[:, None, None], band_weights * fade[:, None, None]
        if total is not None:
            kept = len(total)
            band[:kept] += total
            band_weights[:kept] += weights
        done = (rows[index + 1] - top) * scale if index + 1 < len(rows) else len(band)
        yield top * scale, band[:done] / band_weights[:done]
        total, weights = band[done:], band_weights[done:]


def _band(
    render: Render, strip: np.ndarray, columns: list[int], scale: int, tile: int, overlap: int
) -> tuple[np.ndarray, np.ndarray]:
    """A row of tiles: the sum of their weighted images [k, scale w, c'], and of the weights [1, scale w, 1]."""
    width = strip.shape[1]
    total, weights = None, np.zeros((1, width * scale, 1), np.float32)
    for left in columns:
        rendered = render(strip[:, left : left + tile])
        fade = _profile(min(tile, width), overlap, left > 0, left + tile < width, scale)[None, :, None]
        if total is None:
            total = np.zeros((rendered.shape[0], width * scale, rendered.shape[2]), np.float32)
        span = slice(left * scale, left * scale + rendered.shape[1])
        total[:, span] += rendered * fade
        weights[:, span] += fade
    assert total is not None, "an image has a tile"
    return total, np.broadcast_to(weights, (total.shape[0], *weights.shape[1:])).copy()


def _profile(tile: int, overlap: int, before: bool, after: bool, scale: int) -> np.ndarray:
    """Weights of a tile along an axis [scale tile]: 0 at an edge that another tile meets, then rising to 1."""
    lost = overlap // 4
    ramp = np.clip((np.arange(tile * scale) + 0.5 - lost * scale) / max((overlap - 2 * lost) * scale, 1), 0.0, 1.0)
    weights = np.ones(tile * scale)
    if before:
        weights = np.minimum(weights, ramp)
    if after:
        weights = np.minimum(weights, ramp[::-1])
    return weights.astype(np.float32)

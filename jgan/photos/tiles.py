"""Large images through a network tile by tile: memory follows the tile, and no seam is seen.

Tiles overlap by as much as their number allows. Where a network looks at what is near alone, neighbours are cut in the
middle of their overlap, and the half of it where a tile has seen least of its surroundings is thrown away whole, as
Real-ESRGAN's `tile_pad` is: one whose receptive field reaches no further gives what it would give of the whole image.
Where it looks at all of an image, as its statistics, tiles have tones of their own: the outer quarter is thrown away,
and across the rest one tile fades into the next. Tiles begin at multiples of what a network's strides halve, so that
it sees the same pixels together. What it fills a side up to such a multiple with, it adds to the last tile as to the
whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

Render = Callable[[np.ndarray], np.ndarray]  # [h, w, c] to [scale h, scale w, c'], both float32


@dataclasses.dataclass(frozen=True)
class Tiling:
    """Squares of `tile` pixels that share `overlap` or more; they `fade` into each other, or are cut.

    `multiple` divides `tile`. Where both are equal, tiles begin anywhere: such a network, a deep U-Net, sees a tile
    whole.
    """

    tile: int
    overlap: int
    multiple: int = 1
    fade: bool = True

    def starts(self, size: int) -> list[int]:
        """Where tiles begin along an axis: as few as share `overlap`, as evenly as multiples allow.

        The last one ends at the end, or, as far as multiples go, beyond it.
        """
        if size <= self.tile:
            return [0]
        step = self.tile - self.overlap
        unit = self.multiple if step >= self.multiple else 1
        last = -(-(size - self.tile) // unit)  # units
        steps = -(-last // (step // unit))
        return [index * last // steps * unit for index in range(steps + 1)]

    def count(self, height: int, width: int) -> int:
        """Tiles of an image."""
        return len(self.starts(height)) * len(self.starts(width))

    def profiles(self, size: int, scale: int) -> list[np.ndarray]:
        """Weights float32 [scale h] of each tile along an axis: 0 at an edge that another tile meets, 1 inside."""
        starts = self.starts(size)
        ends = [min(start + self.tile, size) for start in starts]
        shared = [0, *(end - start for end, start in zip(ends[:-1], starts[1:], strict=True)), 0]
        return [
            np.minimum(self._rise(end - start, before, scale), self._rise(end - start, after, scale, 1)[::-1])
            for start, end, before, after in zip(starts, ends, shared[:-1], shared[1:], strict=True)
        ]

    def _rise(self, size: int, shared: int, scale: int, up: int = 0) -> np.ndarray:
        """Of a tile that shares so many pixels, at its first one, with another: what falls there is the same reversed.

        Where half a pixel would be cut, `up` says to whom it belongs.
        """
        place = np.arange(size * scale) + 0.5
        if not shared:
            return np.ones(size * scale, np.float32)
        if not self.fade:
            return (place > (shared + up) // 2 * scale).astype(np.float32)
        lost = shared // 4
        return np.clip((place - lost * scale) / ((shared - 2 * lost) * scale), 0.0, 1.0).astype(np.float32)


def filled_up(image: np.ndarray, multiple: int, smallest: int = 1) -> np.ndarray:
    """An image [h, w, c] with sides that are multiples of `multiple`, and `smallest` at least.

    Beyond the right and the bottom edge it is mirrored, the edge itself not repeated, as `RealESRGANer.pre_process` of
    https://github.com/xinntao/Real-ESRGAN does.
    """
    sides = [max(smallest, -(-side // multiple) * multiple) for side in image.shape[:2]]
    pads = [(0, side - old) for side, old in zip(sides, image.shape[:2], strict=True)]
    return np.pad(image, (*pads, (0, 0)), mode="reflect")


def render_in_tiles(render: Render, image: np.ndarray, scale: int, tiling: Tiling) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows [k, scale w, c'] float32) of the rendered image from the top to the bottom, band by band.

    `image` is [h, w, c]; every tile has the tiling's side, or ends with the image where that is before.
    """
    height, width = image.shape[:2]
    rows, profiles = tiling.starts(height), tiling.profiles(height, scale)
    columns = list(zip(tiling.starts(width), tiling.profiles(width, scale), strict=True))
    total = weights = None  # of the output rows that a later band may still add to
    for index, (top, fade) in enumerate(zip(rows, profiles, strict=True)):
        band, band_weights = _band(render, image[top : top + tiling.tile], columns, scale, tiling.tile)
        band, band_weights = band * fade[:, None, None], band_weights * fade[:, None, None]
        if total is not None:
            kept = len(total)
            band[:kept] += total
            band_weights[:kept] += weights
        done = (rows[index + 1] - top) * scale if index + 1 < len(rows) else len(band)
        yield top * scale, band[:done] / band_weights[:done]
        total, weights = band[done:], band_weights[done:]


def _band(
    render: Render, strip: np.ndarray, columns: list[tuple[int, np.ndarray]], scale: int, tile: int
) -> tuple[np.ndarray, np.ndarray]:
    """A row of tiles: the sum of their weighted images [k, scale w, c'], and of the weights [1, scale w, 1]."""
    width = strip.shape[1]
    total, weights = None, np.zeros((1, width * scale, 1), np.float32)
    for left, profile in columns:
        rendered, fade = render(strip[:, left : left + tile]), profile[None, :, None]
        if total is None:
            total = np.zeros((rendered.shape[0], width * scale, rendered.shape[2]), np.float32)
        span = slice(left * scale, left * scale + rendered.shape[1])
        total[:, span] += rendered * fade
        weights[:, span] += fade
    assert total is not None, "an image has a tile"
    return total, np.broadcast_to(weights, (total.shape[0], *weights.shape[1:])).copy()

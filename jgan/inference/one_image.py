"""One image of any size through a run's generator, in tiles where it is large."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from PIL import Image

from jgan.inference.translator import Translator
from jgan.photos.photo_files import Photo
from jgan.photos.tiles import Tiling, render_in_tiles
from jgan.photos.transparency import for_network, over, without_background
from jgan.types import UserError

SMALLEST_TILE = 32  # pixels of the input
LEAST_OVERLAP = 20  # pixels, of networks that look at what is near: twice Real-ESRGAN's `tile_pad`
TILE, TILE_OF_UPSCALING = 512, 256  # where nobody says
WHITE = 0.5  # of a mask: what is lighter is to be filled


@dataclasses.dataclass(frozen=True)
class Tiles:
    """Squares in which larger images go through the network."""

    side: int | None = None  # 0: images go through whole; None: `usual`, or the network's next multiple above it
    overlap: int | None = None  # pixels that tiles share; None: a quarter of a tile, or what `tiling` says
    usual: int = TILE

    def check(self) -> None:
        """Raises UserError for a number out of range, or an overlap of nothing."""
        if self.side and self.side < SMALLEST_TILE:
            raise UserError(f"--tile={self.side}: expected 0, for whole images, or at least {SMALLEST_TILE}")
        if self.overlap is None:
            return
        if self.side == 0:
            raise UserError(f"--overlap={self.overlap}: with --tile=0 images go through whole; leave one of them out")
        tile = self.side or self.usual
        if not 0 <= self.overlap <= tile // 2:
            raise UserError(f"--overlap={self.overlap}: expected 0 to {tile // 2}, half of a tile of {tile} pixels")

    def tiling(self, translator: Translator, largest: int) -> Tiling:
        """The tiles for the translator's network; `largest` is the longest side of an input.

        A network that looks at what is near alone is given the shared pixels on top of the side, as RealESRGANer gives
        its `tile_pad`: an eighth of the side, and 20 at least.
        """
        multiple = translator.multiple
        if self.side and self.side % multiple:
            raise UserError(
                f"--tile={self.side}: expected a multiple of {multiple}, in which this network takes its pixels "
                "together"
            )
        wanted = self.usual if self.side is None else self.side or largest
        tile = -(-wanted // multiple) * multiple
        if not translator.is_local:
            return Tiling(tile, tile // 4 if self.overlap is None else self.overlap, multiple)
        overlap = max(LEAST_OVERLAP, tile // 8) if self.overlap is None else self.overlap
        return Tiling(-(-(tile + overlap) // multiple) * multiple, overlap, multiple, fade=False)


def inputs_of(translator: Translator, photo: Photo, hidden: np.ndarray | None = None) -> np.ndarray:
    """What `Translator.as_inputs` takes of a photo: its levels, behind them a mask above 0 where it is to be filled.

    No more than a tile is ever held as floats. `hidden` [h, w, 1] is where a photo is to be filled, in place of its
    transparent pixels.

    Raises:
      UserError: the run fills masks, and nothing says where.
    """
    channels, background = translator.channels, translator.background
    if not translator.fills_masks:
        return for_network(photo, channels, background).levels(channels)
    if hidden is None:
        if photo.alpha is None:
            raise UserError("nothing says what to fill; give --mask, transparent pixels, or --degrade")
        hidden = photo.alpha < WHITE * photo.most
    levels = for_network(photo, channels - 1, background).levels(channels - 1)
    return np.concatenate([levels, hidden.astype(levels.dtype)], axis=2)


def is_white(mask: Photo) -> np.ndarray:
    """Where a mask says that its image is to be filled, bool [h, w, 1]; not where it is transparent.

    Raises:
      UserError: its numbers are 0 and 1 of 255, as of a mask that was not scaled, and all of it would be black.
    """
    if mask.colors.max() == 1:
        raise UserError(f"--mask: its values are 0 and 1, which are both black; expected {mask.most} where to fill")
    return over(mask, background=0).with_channels(1) > 2.0 * WHITE - 1.0


def check_mask_size(hidden: np.ndarray, photo: Photo, mask_name: str) -> None:
    """Raises UserError where a mask is not of its image's size."""
    if hidden.shape[:2] != photo.colors.shape[:2]:
        sizes = [f"{side.shape[1]} x {side.shape[0]}" for side in (hidden, photo.colors)]
        raise UserError(f"--mask: {mask_name} is {sizes[0]} pixels, its image {sizes[1]}; give one of the same size")


def rendered(
    translator: Translator, photo: Photo, inputs: np.ndarray, tiling: Tiling, after_tile: Callable[[], object]
) -> Photo:
    """The photo that the network generates, of the depth and with the transparency of the one that came.

    What a network saw over the run's background looks, over the same background, as the network has made it.
    """
    translator.say_if_gray(photo)
    height, width = (side * translator.scale for side in inputs.shape[:2])
    colors = np.empty((height, width, translator.image_channels), photo.colors.dtype)
    alpha = _alpha(translator, photo, inputs, height, width)

    def render(part: np.ndarray) -> np.ndarray:
        image = translator.render(translator.as_inputs(part))
        after_tile()
        return image

    for top, rows in render_in_tiles(render, inputs, translator.scale, tiling):
        values, place = (rows + 1.0) * (photo.most / 2), slice(top, top + len(rows))
        if alpha is not None and translator.channels - translator.fills_masks < 4:
            values = without_background(values, alpha[place], photo, translator.background)
        colors[place] = np.clip(np.rint(values), 0, photo.most).astype(colors.dtype)
    if translator.image_channels == 4:
        colors, alpha = colors[:, :, :3], colors[:, :, 3:]
    return Photo(colors, alpha, photo.profile)


def _alpha(translator: Translator, photo: Photo, inputs: np.ndarray, height: int, width: int) -> np.ndarray | None:
    """The transparency of what is generated, unless the network generates its own."""
    if photo.alpha is None or translator.image_channels == 4:
        return None
    if translator.fills_masks:  # what is filled can be seen
        return np.where(inputs[..., -1:] > 0, photo.most, photo.alpha).astype(photo.alpha.dtype)
    return _resized(photo.alpha, height, width)


def _resized(alpha: np.ndarray, height: int, width: int) -> np.ndarray:
    """Transparency [h, w, 1] at another size, by Pillow's bicubic filter."""
    if alpha.shape[:2] == (height, width):
        return alpha
    image = Image.fromarray(alpha[:, :, 0].astype(np.float32))
    values = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(np.rint(values), 0, np.iinfo(alpha.dtype).max).astype(alpha.dtype)[:, :, None]

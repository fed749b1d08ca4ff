"""Dropped files through a run's image-to-image generator."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jgan.config import Config
from jgan.inference.one_image import TILE, TILE_OF_UPSCALING, Tiles, check_mask_size, inputs_of, is_white, rendered
from jgan.inference.translator import Translator
from jgan.inference.weights import NEWEST, Weights
from jgan.photos.photo_files import Photo, encoded, of_levels, photo_size, read_photo
from jgan.photos.programs import Sizes
from jgan.photos.transparency import for_network, over
from jgan.rundir.pictures import to_uint8
from jgan.types import UserError

MOST_PIXELS = 2**24  # of what comes out, such as 4096 x 4096: a visitor waits for it
FIRST_SIDE = 64  # of the image that is translated before the page is shown
WHITE = 255  # behind transparent pixels of what is shown


class Shown(NamedTuple):
    """What went in, as large as what came out, both uint8 [h, w, 3]; and the PNG of what came out."""

    before: np.ndarray
    after: np.ndarray
    png: bytes


class Asked(NamedTuple):
    """A dropped file, and how it goes through the network."""

    file: Path
    direction: str | None = None
    mask: Path | None = None
    tiles: Tiles = Tiles()
    degrade: bool = False


class PhotoImages:
    """The images that a run makes of images.

    Attributes:
      directions: "a_to_b" and "b_to_a" of a run between two domains, else none.
      degrades: whether its task makes inputs of clean photos.
    """

    def __init__(self, config: Config, workdir: Path, weights: Weights = NEWEST) -> None:
        """Reads the weights. Raises UserError where the directory has no such checkpoint."""
        self.directions = tuple(config.game.directions)
        self._translators = {
            way: Translator(config, workdir, weights, direction=way) for way in self.directions or (None,)
        }
        first = next(iter(self._translators.values()))
        self.step, self.scale, self.fills_masks, self.multiple = (
            first.step, first.scale, first.fills_masks, first.multiple
        )  # fmt: skip
        self.degrades = config.data.task.name != "none"
        self.usual_tile = TILE if self.scale == 1 else TILE_OF_UPSCALING
        self._sizes = Sizes()

    def prepare(self) -> None:
        """Compiles a small program: others follow with the sizes of images."""
        side = -(-FIRST_SIDE // self.multiple) * self.multiple
        for translator in self._translators.values():
            translator.render(np.zeros((side, side, translator.channels), np.float32))

    def __call__(self, asked: Asked) -> Shown:
        """The image of a dropped file.

        Raises:
          UserError: what is no image, too large, or nothing that the run takes; the message has no path in it.
        """
        try:
            return self._made(asked)
        except UserError as error:
            text = str(error)
            for path in filter(None, (asked.file, asked.mask)):
                text = text.replace(str(path), path.name)
            raise UserError(text) from None

    def _made(self, asked: Asked) -> Shown:
        translator = self._translators[asked.direction]
        asked.tiles.check()
        height, width = photo_size(asked.file)
        scale = 1 if asked.degrade else self.scale
        if height * width * scale**2 > MOST_PIXELS:
            raise UserError(
                f"{asked.file.name}: {width} x {height} pixels, and {height * width * scale**2:,} come out; "
                f"expected at most {MOST_PIXELS:,} here; take jgan {'translate' if self.scale == 1 else 'upscale'}"
            )
        photo = read_photo(asked.file)
        inputs = self._inputs(translator, photo, asked)
        tiling = asked.tiles.tiling(translator, largest=max(inputs.shape[:2]))
        self._sizes.meet((min(inputs.shape[0], tiling.tile), min(inputs.shape[1], tiling.tile)))
        made = rendered(translator, photo, inputs, tiling, after_tile=lambda: None)
        after = _seen(made)
        return Shown(_enlarged(self._before(translator, photo, inputs, asked), after), after, encoded(asked.file, made))

    def _inputs(self, translator: Translator, photo: Photo, asked: Asked) -> np.ndarray:
        """What the network is given: see `jgan translate`."""
        if asked.degrade:
            if asked.mask is not None:
                raise UserError("the mask: the run's task makes one of its own; take one of the two away")
            if min(photo.colors.shape[:2]) < self.scale:
                raise UserError(f"{asked.file.name}: too small to be made {self.scale} times smaller")
            channels = translator.config.data.channels or translator.image_channels
            return translator.degraded(for_network(photo, channels, translator.background).with_channels(channels), 0)
        if self.fills_masks and asked.mask is None and photo.alpha is None:
            raise UserError("nothing says what to fill; drop a mask, or an image with transparent pixels")
        if asked.mask is None:
            return inputs_of(translator, photo)
        height, width = photo_size(asked.mask)
        if (height, width) != photo.colors.shape[:2]:
            size = f"{photo.colors.shape[1]} x {photo.colors.shape[0]}"
            raise UserError(f"the mask: {width} x {height} pixels, its image {size}; drop one of the same size")
        hidden = is_white(read_photo(asked.mask))
        check_mask_size(hidden, photo, asked.mask.name)
        return inputs_of(translator, photo, hidden)

    def _before(self, translator: Translator, photo: Photo, inputs: np.ndarray, asked: Asked) -> np.ndarray:
        """What the network saw, as an image uint8 [h, w, 3]."""
        if not asked.degrade and not self.fills_masks:
            return _seen(photo)
        values = translator.as_inputs(inputs)
        channels = values.shape[2] - self.fills_masks
        return _seen(of_levels(to_uint8(values[:, :, :channels]), channels))


def _seen(photo: Photo) -> np.ndarray:
    """A photo over white, uint8 [h, w, 3]."""
    return to_uint8(over(photo, WHITE).with_channels(3))


def _enlarged(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """As large as what came out, by repeated pixels: the network alone adds anything."""
    height, width = after.shape[:2]
    if before.shape[:2] == (height, width):
        return before
    return np.asarray(Image.fromarray(before).resize((width, height), Image.Resampling.NEAREST))

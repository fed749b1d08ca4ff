"""Images as Python has them - arrays, Pillow's, files - through a run's image-to-image generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from jgan.inference.one_image import Tiles, check_mask_size, inputs_of, is_white, rendered
from jgan.inference.translator import Translator
from jgan.photos.photo_files import Photo, of_pillow, read_photo
from jgan.photos.programs import Sizes
from jgan.rundir.pictures import to_uint8
from jgan.types import UserError

ImageLike = np.ndarray | Image.Image | str | Path
CHANNELS = (1, 3, 4)


class ArrayTranslator:
    """Translates images by a `Translator`."""

    def __init__(self, translator: Translator, sizes: Sizes) -> None:
        self._translator, self._sizes = translator, sizes

    def __call__(self, image: ImageLike, mask: ImageLike | None, tiles: Tiles) -> np.ndarray:
        """Images of the rank of `image`, uint8 (uint16 of a file of 16 bits): [h, w], [h, w, c] or [n, h, w, c].

        Raises:
          UserError: an array that is no image, a file that cannot be read, or a mask of another size.
        """
        tiles.check()
        given = image if isinstance(image, np.ndarray) else None
        if given is None or given.ndim < 4:
            made = self._translate(photo_of(image, "image"), mask, tiles)
            return made[:, :, 0] if given is not None and given.ndim == 2 and made.shape[2] == 1 else made
        if not len(given):
            raise UserError("image: an empty batch; expected at least one image")
        return np.stack([self._translate(photo_of(one, "image"), mask, tiles) for one in given])

    def _translate(self, photo: Photo, mask: ImageLike | None, tiles: Tiles) -> np.ndarray:
        translator, (height, width) = self._translator, photo.colors.shape[:2]
        inputs = inputs_of(translator, photo, self._hidden(photo, mask))
        tiling = tiles.tiling(translator, largest=max(height, width))
        self._sizes.meet((min(height, tiling.tile), min(width, tiling.tile)))
        made = rendered(translator, photo, inputs, tiling, after_tile=lambda: None)
        return made.colors if made.alpha is None else made.levels(4) if made.colors.shape[2] == 3 else _la_to_rgba(made)

    def _hidden(self, photo: Photo, mask: ImageLike | None) -> np.ndarray | None:
        if mask is None:
            return None
        if not self._translator.fills_masks:
            raise UserError("mask: this run does not fill masks (data.task.name is not 'inpainting'); leave it out")
        if isinstance(mask, np.ndarray):
            mask = _mask_levels(mask)
        hidden = is_white(photo_of(mask, "mask"))
        check_mask_size(hidden, photo, "it")
        return hidden


def _mask_levels(mask: np.ndarray) -> np.ndarray:
    """A mask of black and white. Raises UserError for other numbers, of which it is not known what is white."""
    if mask.dtype == np.bool_:
        return mask.astype(np.uint8) * 255
    if mask.dtype != np.uint8:
        raise UserError(
            f"mask: an array {list(mask.shape)} of {mask.dtype}; expected bool, such as mask > 0, or uint8 with 255 "
            "where the image is to be filled"
        )
    return mask


def _la_to_rgba(photo: Photo) -> np.ndarray:
    """Gray with transparency as four channels."""
    assert photo.alpha is not None, "checked before"
    return np.concatenate([np.repeat(photo.colors, 3, axis=2), photo.alpha], axis=2)


def photo_of(image: ImageLike, name: str) -> Photo:
    """The photo that an argument is.

    Raises:
      UserError: an array that is no image, or a file that cannot be read.
    """
    if isinstance(image, (str, Path)):
        return read_photo(Path(image))
    if isinstance(image, Image.Image):
        return of_pillow(image)
    array = np.asarray(image)
    expected = "expected uint8, or floats in [-1, 1], [height, width, 1, 3 or 4 channels]"
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in CHANNELS or not array.size:
        raise UserError(f"{name}: an array {list(array.shape)}; {expected}")
    if np.issubdtype(array.dtype, np.floating):
        if not (np.abs(array) <= 1.0).all():
            raise UserError(f"{name}: floats from {array.min():.3g} to {array.max():.3g}; {expected}")
        array = to_uint8(array)
    if array.dtype != np.uint8:
        raise UserError(f"{name}: an array of {array.dtype}; {expected}")
    return Photo(array[:, :, :3], array[:, :, 3:]) if array.shape[2] == 4 else Photo(array)

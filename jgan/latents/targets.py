"""Photos as a run's generator would make them: square, of its size and its channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jgan.data.config import DataConfig
from jgan.data.pixels import Format, to_pixels
from jgan.photos.photo_files import Photo, image_files, read_photo
from jgan.types import UserError


class Targets(NamedTuple):
    """Images to look for, with the names that they are called by."""

    names: tuple[str, ...]
    images: np.ndarray  # uint8 [n, h, w, c]


def read_targets(paths: Sequence[Path], image_shape: tuple[int, int, int], data: DataConfig) -> Targets:
    """The images of files, and of all files below folders, each folder's in name order.

    Raises:
      UserError: there is none, one cannot be read, or the run's images are not square.
    """
    files = [pair for path in paths for pair in image_files(path, "--images")]
    photos = [read_photo(file) for file, _ in files]
    return Targets(tuple(str(relative) for _, relative in files), fitted(photos, image_shape, data))


def fitted(photos: Sequence[Photo], image_shape: tuple[int, int, int], data: DataConfig) -> np.ndarray:
    """Photos as uint8 [n, h, w, c]: made square as the run's data were (`data.fit`), then resized by Lanczos.

    Of data of patches the centre square is taken. Transparency is composed onto `data.background` unless the run
    makes four channels.

    Raises:
      UserError: there are none, or the run's images are not square.
    """
    height, width, channels = image_shape
    if height != width:
        raise UserError(
            f"--images: photos are fitted to squares, and this run's images are {width} x {height} pixels; take a run "
            "of square images"
        )
    if not photos:
        raise UserError("--images: expected at least one image")
    form = Format(height, channels, "crop" if data.fit == "patch" else data.fit, data.background)
    return np.stack([to_pixels(_pillow(photo), form) for photo in photos])


def _pillow(photo: Photo) -> Image.Image:
    """The photo as an image of 8 bits."""
    colors, alpha = (None if array is None else _eight_bits(array) for array in (photo.colors, photo.alpha))
    assert colors is not None
    if alpha is not None:
        colors = np.repeat(colors, 3, axis=2) if colors.shape[2] == 1 else colors
        return Image.fromarray(np.concatenate([colors, alpha], axis=2))
    return Image.fromarray(colors[:, :, 0] if colors.shape[2] == 1 else colors)


def _eight_bits(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == np.uint8 else ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)

"""What metrics of pixels look at: images in RGB or in Y, without a border, alone or beside their references."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jgan.types import UserError

PEAKS = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}
LUMA_WEIGHTS, LUMA_OFFSET = (65.481, 128.553, 24.966), 16.0  # of R, G, B in [0, 1]: ITU-R BT.601, studio swing


def definition(crop: int = 0, luma: bool = False) -> str:
    """What is compared, in words, for the record beside a number."""
    channels = (
        "Y of BT.601 (16 to 235, as MATLAB's rgb2ycbcr, not rounded; gray images are Y as they are)"
        if luma
        else "all channels"
    )
    return f"{channels}, {f'{crop} pixels cut off each border' if crop else 'borders included'}"


def prepared_pairs(
    images_a: np.ndarray, images_b: np.ndarray, crop: int = 0, luma: bool = False, min_side: int = 1
) -> tuple[Iterator[tuple[np.ndarray, np.ndarray]], float]:
    """(each pair as two float64 [1, h', w', c'], the peak): uint8 images [n, h, w, c] have peak 255, uint16 65535.

    Raises:
      UserError: as `check_pairs`.
    """
    peak = check_pairs(images_a, images_b, crop, luma, min_side)
    sides = ((_prepare(image[None], crop, luma, peak) for image in images) for images in (images_a, images_b))
    return zip(*sides, strict=True), peak


def check_pairs(
    images_a: np.ndarray, images_b: np.ndarray, crop: int = 0, luma: bool = False, min_side: int = 1
) -> float:
    """The peak of images that can be compared.

    Raises:
      UserError: not uint8 or uint16 images [n, h, w, c], of different shapes or types; fewer than `min_side` pixels are
        left of a side; `luma` of images that are neither gray nor RGB.
    """
    peak = _check("images_a", images_a, crop, luma, min_side)
    _check("images_b", images_b, crop, luma, min_side)
    if (images_a.shape, images_a.dtype) != (images_b.shape, images_b.dtype):
        kinds = [f"{images.dtype} {list(images.shape)}" for images in (images_a, images_b)]
        raise UserError(f"images: {kinds[0]} and {kinds[1]}; expected equal shapes and types")
    return peak


def prepared_images(images: np.ndarray, crop: int = 0, luma: bool = False, min_side: int = 1) -> Iterator[np.ndarray]:
    """Each of uint8 or uint16 images [n, h, w, c] by itself, prepared and checked as `prepared_pairs` does."""
    peak = _check("images", images, crop, luma, min_side)
    return (_prepare(image[None], crop, luma, peak) for image in images)


def _prepare(images: np.ndarray, crop: int, luma: bool, peak: float) -> np.ndarray:
    """Float64 [n, h - 2 crop, w - 2 crop, c or 1] of [n, h, w, c], in the same unit.

    With `luma` Y of RGB; gray images are taken for Y as they are, as BasicSR's `to_y_channel` takes them.
    """
    height, width = images.shape[1:3]
    images = images[:, crop : height - crop, crop : width - crop].astype(np.float64)
    if not luma or images.shape[3] == 1:
        return images
    return images @ np.array(LUMA_WEIGHTS).reshape(3, 1) / 255.0 + LUMA_OFFSET * peak / 255.0


def _check(name: str, images: np.ndarray, crop: int, luma: bool, min_side: int) -> float:
    kind = f"{images.dtype} {list(images.shape)}"
    if images.ndim != 4 or images.dtype not in PEAKS or len(images) < 1:
        raise UserError(f"{name}: {kind}; expected uint8 or uint16 images [n, h, w, c]")
    if luma and images.shape[3] not in (1, 3):
        raise UserError(f"{name}: {kind}; expected one channel, gray, or three, RGB, for luma")
    if crop < 0 or min(images.shape[1:3]) - 2 * crop < min_side:
        raise UserError(f"{name}: {kind}, crop={crop}; expected sides of {min_side} pixels or more without the border")
    return PEAKS[images.dtype]

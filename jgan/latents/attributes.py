"""Attributes measured from pixels, of whatever an image shows: how bright, large, thick, slanted, and of what hue.

What stands out from the background is the ink of a drawing: the distance of each pixel's luma from the median of the
image's border. Thickness and slant are those of the digits' captions (jgan/data/digit_captions.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from jgan.data.digit_captions import slants, stroke_widths
from jgan.types import UserError

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
HUE = "hue"  # in degrees, the one that goes round


def colours(images: np.ndarray) -> np.ndarray:
    """Gray [n, h, w, 1] or RGB [n, h, w, 3] in 0 to 255, float32, of images uint8; RGBA is laid on white.

    Raises:
      UserError: other channels.
    """
    channels = images.shape[-1]
    if channels not in (1, 3, 4):
        raise UserError(f"images of {channels} channels: attributes are measured of gray, RGB and RGBA images")
    values = images.astype(np.float32)
    if channels < 4:
        return values
    alpha = values[..., 3:] / 255.0
    return values[..., :3] * alpha + 255.0 * (1.0 - alpha)


def attributes(images: np.ndarray) -> dict[str, np.ndarray]:
    """Each attribute by name, float64 [n], of images uint8 [n, h, w, c].

    `thickness`: mean width of strokes in pixels; `slant`: pixels to the right for each pixel up; `brightness`: mean
    luma, 0 to 255; `size`: root mean square distance of the ink from its centre, in pixels; and of images with colours
    `saturation`, 0 to 255, and `hue` in degrees, -180 to 180, 0 red, 120 green, 0 where there is no colour.

    Raises:
      UserError: images that are neither gray nor RGB nor RGBA.
    """
    pixels = colours(images)
    luma = pixels[..., 0].astype(np.float64) if pixels.shape[-1] == 1 else pixels @ LUMA
    ink = _ink(luma)
    measured = {
        "thickness": stroke_widths(ink),
        "slant": slants(ink),
        "brightness": luma.mean(axis=(1, 2)),
        "size": _spread(ink),
    }
    if pixels.shape[-1] == 3:
        measured["saturation"] = np.ptp(pixels, axis=-1).mean(axis=(1, 2)).astype(np.float64)
        measured[HUE] = _hue(pixels)
    return measured


def measure(name: str, images: np.ndarray) -> np.ndarray:
    """One attribute float64 [n] of images uint8 [n, h, w, c]. Raises UserError where these have none of that name."""
    measured = attributes(images)
    if name not in measured:
        reason = "; these images are gray" if name in ("saturation", HUE) else ""
        raise UserError(f"--attribute={name}: expected one of {', '.join(measured)}{reason}")
    return measured[name]


def change(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """How an attribute's values [n] changed from others [n]: their difference, of hues the shorter way round."""
    return _turn if name == HUE else np.subtract


def around_middle(name: str, values: np.ndarray) -> np.ndarray:
    """Values [n] less their median; hues less their mean angle, which is where a circle is cut least."""
    if name != HUE:
        return values - np.median(values)
    angles = np.radians(values)
    turned = _turn(values, np.full_like(values, math.degrees(math.atan2(np.sin(angles).mean(), np.cos(angles).mean()))))
    return turned - np.median(turned)


def _ink(luma: np.ndarray) -> np.ndarray:
    """[n, h, w]: how far each pixel is from its image's background."""
    border = np.concatenate([luma[:, 0], luma[:, -1], luma[:, :, 0], luma[:, :, -1]], axis=1)
    return np.abs(luma - np.median(border, axis=1)[:, None, None])


def _spread(ink: np.ndarray) -> np.ndarray:
    total = np.maximum(ink.sum((1, 2)), 1e-9)
    y, x = np.arange(ink.shape[1])[None, :, None], np.arange(ink.shape[2])[None, None, :]
    centre_y, centre_x = ((ink * axis).sum((1, 2)) / total for axis in (y, x))
    squares = (y - centre_y[:, None, None]) ** 2 + (x - centre_x[:, None, None]) ** 2
    return np.sqrt((ink * squares).sum((1, 2)) / total)


def _hue(pixels: np.ndarray) -> np.ndarray:
    """The angle of the mean colour in the plane across the gray axis."""
    red, green, blue = np.moveaxis(pixels.mean(axis=(1, 2), dtype=np.float64), -1, 0)
    return np.degrees(np.arctan2(math.sqrt(3.0) / 2.0 * (green - blue), red - 0.5 * (green + blue)))


def _turn(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (values - others + 180.0) % 360.0 - 180.0

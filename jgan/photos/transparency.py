"""What transparent pixels show: a gray level behind them; their hidden colours are nothing to networks and metrics."""

from __future__ import annotations

import dataclasses

import numpy as np

from jgan.photos.photo_files import Photo

WHITE = 255  # where no run says what is behind
ROWS = 256  # worked on at once, to bound memory


def over(photo: Photo, background: int) -> Photo:
    """The photo as it is seen over a gray level from 0 to 255: opaque colours of its depth, rounded."""
    if photo.alpha is None:
        return photo
    colors, most = np.empty_like(photo.colors), photo.most
    behind = np.uint32(_level(photo, background))
    for top in range(0, len(colors), ROWS):
        alpha = photo.alpha[top : top + ROWS].astype(np.uint32)
        mixed = photo.colors[top : top + ROWS] * alpha + behind * (most - alpha)  # below 2**32 at 16 bits
        colors[top : top + ROWS] = ((mixed + np.uint32(most // 2)) // np.uint32(most)).astype(colors.dtype)
    return dataclasses.replace(photo, colors=colors, alpha=None)


def for_network(photo: Photo, channels: int, background: int) -> Photo:
    """The photo as a network of so many channels is given it, and as training gives it the images of its data.

    One of 4 channels sees the transparency, and `background` in place of colours that nobody sees; others see the photo
    over `background`.
    """
    if photo.alpha is None or channels < 4:
        return over(photo, background)
    hidden = np.where(photo.alpha == 0, np.array(_level(photo, background), photo.colors.dtype), photo.colors)
    return dataclasses.replace(photo, colors=hidden)


def without_background(values: np.ndarray, alpha: np.ndarray, photo: Photo, background: int) -> np.ndarray:
    """Colours that, with transparency `alpha` [h, w, 1] and over `background`, look as `values` [h, w, c] do.

    Both in levels of the photo's depth; float32, which may be out of range where no colour looks so.
    """
    behind, share = np.float32(_level(photo, background)), alpha.astype(np.float32) / photo.most
    return np.where(alpha == 0, behind, (values - behind * (1 - share)) / np.maximum(share, 1 / photo.most))


def _level(photo: Photo, background: int) -> int:
    return background * (photo.most // 255)

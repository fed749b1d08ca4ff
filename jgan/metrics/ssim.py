"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004, https://doi.org/10.1109/TIP.2003.819861)."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jgan.metrics.pixel_inputs import prepared_pairs

FILTER_SIZE, FILTER_SIGMA = 11, 1.5  # pixels
DEFINITION = (
    "11 x 11 Gaussian window of deviation 1.5 inside the image, k1 0.01, k2 0.03, mean over pixels and channels"
)


def ssim(images_a: np.ndarray, images_b: np.ndarray, crop: int = 0, luma: bool = False) -> np.ndarray:
    """SSIM [n] of each pair of uint8 or uint16 images [n, h, w, c]: 1 for equal ones, above -1.

    11 x 11 Gaussian windows of deviation 1.5 that lie inside the image, k1 = 0.01, k2 = 0.03, variances by the window's
    own weights, averaged over pixels and channels; of Y alone with `luma` and without `crop` pixels of each border, as
    in `psnr`. That is the authors' ssim_index.m without its later automatic reduction, and BasicSR's `calculate_ssim`.

    Raises:
      UserError: different shapes or types, other types, sides below 11 pixels after `crop`, `luma` of images that are
        neither gray nor RGB.
    """
    pairs, peak = prepared_pairs(images_a, images_b, crop, luma, min_side=FILTER_SIZE)
    return np.array([similarities(a, b, peak)[0].item() for a, b in pairs])


def similarities(a: np.ndarray, b: np.ndarray, peak: float = 255.0) -> tuple[np.ndarray, np.ndarray]:
    """SSIM [n] of float images [n, h, w, c] and its contrast-structure part [n], means over pixels and channels.

    Where an image is smaller than the window, window and deviation shrink to it.
    """
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_a, mean_b = _window(a), _window(b)
    # One sum serves both variances: only their sum enters.
    variances = _window(a * a + b * b) - mean_a * mean_a - mean_b * mean_b
    covariance = _window(a * b) - mean_a * mean_b
    structure = (2.0 * covariance + c2) / (variances + c2)
    luminance = (2.0 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return (luminance * structure).mean(axis=(1, 2, 3)), structure.mean(axis=(1, 2, 3))


def _window(images: np.ndarray) -> np.ndarray:
    """Gaussian means of all windows that lie inside."""
    size = min(FILTER_SIZE, *images.shape[1:3])
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-np.square(offsets) / (2.0 * (FILTER_SIGMA * size / FILTER_SIZE) ** 2))
    taps /= taps.sum()
    for axis in (1, 2):
        images = np.einsum("nhwcs,s->nhwc", sliding_window_view(images, size, axis), taps)
    return images

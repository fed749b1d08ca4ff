"""Peak signal-to-noise ratio, as super-resolution is compared by."""

from __future__ import annotations

import math

import numpy as np

from jgan.metrics.pixel_inputs import prepared_pairs

DEFINITION = "10 log10(peak^2 / mean squared error), dB, of each image, peak 255 (65535 of 16 bits)"


def psnr(images_a: np.ndarray, images_b: np.ndarray, crop: int = 0, luma: bool = False) -> np.ndarray:
    """PSNR [n] in dB of each pair of uint8 or uint16 images [n, h, w, c]; infinite where they are equal.

    The mean squared error is over all pixels and channels, or over Y alone with `luma` (BT.601, 16 to 235, not rounded;
    the peak stays 255), without `crop` pixels of each border: BasicSR's `calculate_psnr`
    (https://github.com/XPixelGroup/BasicSR). Papers of super-resolution take Y and crop as many pixels as the factor.

    Raises:
      UserError: different shapes or types, other types, nothing left after `crop`, `luma` of images that are neither
        gray nor RGB.
    """
    pairs, peak = prepared_pairs(images_a, images_b, crop, luma)
    errors = [float(np.square(a - b).mean()) for a, b in pairs]
    return np.array([20 * math.log10(peak) - 10 * math.log10(error) if error else math.inf for error in errors])

"""NIQE (Mittal, Soundararajan and Bovik 2013, https://doi.org/10.1109/LSP.2012.2227726): quality without a reference.

How far the statistics of an image's blocks are from those of undistorted photos; the statistics of the photos, and the
window, are the user's file: `niqe_pris_params.npz` of https://github.com/XPixelGroup/BasicSR (`basicsr/metrics`), the
numbers of the authors' release.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jgan.interop.weights import read_weights
from jgan.layers.bicubic import resize_matrix
from jgan.metrics.pixel_inputs import PEAKS, prepared_images
from jgan.types import UserError

BLOCK = 96  # pixels of a side
FEATURES = 36  # of a block: 18 at each of two scales
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns that a product's other pixel is moved by
DEFINITION = "Y of BT.601 (16 to 235) rounded, 96 x 96 blocks from the top left corner, all of them, halved by imresize"


class Pristine(NamedTuple):
    """What undistorted photos are like."""

    mean: np.ndarray  # float64 [36]
    covariance: np.ndarray  # float64 [36, 36]
    window: np.ndarray  # float64 [k, k], odd: local means and deviations


def load_niqe(path: Path) -> Pristine:
    """The parameters of a file that holds arrays `mu_pris_param`, `cov_pris_param` and `gaussian_window`.

    Raises:
      UserError: no such file, not weights that can be read, an array missing or of another shape.
    """
    arrays = read_weights(path)
    shapes = {"mu_pris_param": (1, FEATURES), "cov_pris_param": (FEATURES, FEATURES)}
    for name in (*shapes, "gaussian_window"):
        if name not in arrays:
            raise UserError(f"{path}: no {name} in it; expected niqe_pris_params.npz of BasicSR")
        shape = arrays[name].shape
        good = len(shape) == 2 and shape[0] == shape[1] and shape[0] % 2 == 1
        if not (shape == shapes[name] if name in shapes else good):
            raise UserError(f"{path}: {name} of shape {shape}; expected {shapes.get(name, 'an odd square')}")
    mean, covariance, window = (arrays[name].astype(np.float64) for name in (*shapes, "gaussian_window"))
    return Pristine(mean[0], covariance, window)


def niqe(pristine: Pristine, images: np.ndarray, crop: int = 0) -> np.ndarray:
    """NIQE [n] of uint8 or uint16 images [n, h, w, 3 or 1], lower is better; NaN without two blocks that have texture.

    Of Y (BT.601, 16 to 235, rounded to whole levels of 255), or of the pixels of gray images, without `crop` pixels of
    each border and what is left of 96 x 96 blocks at the right and at the bottom: BasicSR's `calculate_niqe`. The
    authors' code differs: it takes MATLAB's rgb2gray and has no border.

    Raises:
      UserError: other images, or fewer than two blocks after `crop`.
    """
    if images.ndim == 4 and images.shape[3] not in (1, 3):
        raise UserError(f"images: {list(images.shape)}; expected one channel or three")
    luma = images.ndim == 4 and images.shape[3] == 3
    prepared = prepared_images(images, crop, luma=luma, min_side=BLOCK)
    blocks = math.prod((side - 2 * crop) // BLOCK for side in images.shape[1:3])
    if blocks < 2:
        raise UserError(f"images: {list(images.shape)}, crop={crop}; expected two blocks of {BLOCK} x {BLOCK} or more")
    scale = 255.0 / PEAKS[images.dtype]
    return np.array([_distance(pristine, np.round(image[0, :, :, 0] * scale)) for image in prepared])


def _distance(pristine: Pristine, image: np.ndarray) -> float:
    """Equation 10 of the paper, of a float64 image [h, w] in 0..255."""
    features = _features(image, pristine.window)
    whole = features[~np.isnan(features).any(axis=1)]
    if len(whole) < 2:
        return math.nan
    # As the authors: a flat block's few numbers count in the mean and not in the covariance.
    off = pristine.mean - np.nanmean(features, axis=0)
    return math.sqrt(off @ np.linalg.pinv((pristine.covariance + np.cov(whole, rowvar=False)) / 2) @ off)


def _features(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    """[blocks, 36] of an image, in which flat blocks have NaNs."""
    rows, columns = (side // BLOCK for side in image.shape)
    image = image[: rows * BLOCK, : columns * BLOCK]
    halves = [resize_matrix(side, side // 2) for side in image.shape]
    scales = []
    for scaled in (image, halves[0] @ image @ halves[1].T):
        size = scaled.shape[0] // rows
        blocks = _normalised(scaled, window).reshape(rows, size, columns, size).swapaxes(1, 2)
        scales.append(_block_features(blocks.reshape(-1, size, size)))
    return np.concatenate(scales, axis=1)


def _normalised(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Equation 1: without the local mean, over the local deviation plus 1; the edge is repeated."""
    mean = _weighted(image, window)
    deviation = np.sqrt(np.abs(_weighted(np.square(image), window) - np.square(mean)))
    return (image - mean) / (deviation + 1)


def _weighted(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    views = sliding_window_view(np.pad(image, len(window) // 2, mode="edge"), window.shape)
    return np.tensordot(views, window[::-1, ::-1], 2)


def _block_features(blocks: np.ndarray) -> np.ndarray:
    """[n, 18] of blocks [n, h, w]: the shapes of their pixels' distribution and of products with four neighbours."""
    alpha, left, right = asymmetric_gaussian(blocks)
    features = [alpha, (left + right) / 2]
    for shift in NEIGHBOURS:
        alpha, left, right = asymmetric_gaussian(blocks * np.roll(blocks, shift, axis=(1, 2)))
        mean = (right - left) * (_gamma(2 / alpha) / _gamma(1 / alpha))  # equation 8
        features += [alpha, mean, left, right]
    return np.stack(features, axis=1)


def asymmetric_gaussian(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shape, left and right scale [n] of the generalised Gaussian fitted to each of the blocks [n, h, w] (equation 7).

    By moments (Lasmar, Stitou and Berthoumieu 2009, https://doi.org/10.1109/ICIP.2009.5414036); scales are NaN where a
    side is empty.
    """
    values = blocks.reshape(len(blocks), -1)
    squares = np.square(values)
    with np.errstate(invalid="ignore"):
        left, right = (np.sqrt((squares * side).sum(axis=1) / side.sum(axis=1)) for side in (values < 0, values > 0))
        ratio = left / right
        moments = np.square(np.abs(values).mean(axis=1)) / squares.mean(axis=1)
    wanted = moments * (ratio**3 + 1) * (ratio + 1) / np.square(ratio**2 + 1)
    shapes, table = _shapes()
    alpha = shapes[np.argmin(np.square(table - wanted[:, None]), axis=1)]
    scale = np.sqrt(_gamma(1 / alpha) / _gamma(3 / alpha))
    return alpha, left * scale, right * scale


@functools.cache
def _shapes() -> tuple[np.ndarray, np.ndarray]:
    """Shapes that a distribution may have, and the ratio of moments that tells each."""
    shapes = np.arange(0.2, 10.001, 0.001)
    return shapes, np.square(_gamma(2 / shapes)) / (_gamma(1 / shapes) * _gamma(3 / shapes))


def _gamma(values: np.ndarray) -> np.ndarray:
    return np.array([math.gamma(value) for value in values])

"""Multi-scale structural similarity, and diversity as its mean over random pairs.

MS-SSIM: Wang, Simoncelli & Bovik 2003, "Multi-scale structural similarity for image quality assessment". As a measure
of diversity: Odena et al. 2017 (AC-GAN, https://arxiv.org/abs/1610.09585, section 4.2).
"""

from __future__ import annotations

import numpy as np

from jgan.metrics.checks import check_images
from jgan.metrics.estimate import Estimate
from jgan.metrics.ssim import FILTER_SIZE, similarities
from jgan.types import UserError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first, of the paper
SMALLEST = 2 ** (len(WEIGHTS) - 1)  # one pixel is left at the coarsest scale
WHOLE = (FILTER_SIZE - 1) * 2 ** (len(WEIGHTS) - 1) + 1  # pixels of a side whose last scale still holds the window
PAIRS = 32  # handled at once, to bound memory


def ms_ssim_diversity(images: np.ndarray, rng: np.random.Generator, *, pairs: int = 1000) -> Estimate:
    """MS-SSIM over random pairs of different images among uint8 [n, h, w, c]: mean and standard deviation over pairs.

    High means alike: a collapsed class has nearly 1, and more than real images of the class is a loss of diversity. It
    is meant for images of one class (AC-GAN takes 100 pairs of each); between classes it says little.

    Raises:
      UserError: fewer than two images, sides below 16 pixels, not uint8, or fewer than one pair.
    """
    check_images("images", images, at_least=2, min_side=SMALLEST)
    if pairs < 1:
        raise UserError(f"pairs={pairs}: expected at least 1")
    first = rng.integers(0, len(images), pairs)
    second = (first + rng.integers(1, len(images), pairs)) % len(images)
    blocks = [slice(start, start + PAIRS) for start in range(0, pairs, PAIRS)]
    return Estimate.over(np.concatenate([ms_ssim(images[first[block]], images[second[block]]) for block in blocks]))


def ms_ssim(images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
    """Similarity [n] of each pair of uint8 images [n, h, w, c]: 1 for equal ones, at least 0.

    11 x 11 Gaussian windows of deviation 1.5 inside the image, five scales by 2 x 2 averages, similarities averaged
    over pixels and channels and set to 0 where negative, as in the msssim.py that ProGAN took from TensorFlow's models.
    Where a scale is smaller than the window, window and deviation shrink to it. Odd sides repeat their last line before
    they are halved. `tf.image.ssim_multiscale` is the same of gray images whose scales hold the window; of colours, it
    multiplies the scales of each channel and averages then.

    Raises:
      UserError: different shapes, sides below 16 pixels, or not uint8.
    """
    check_images("images_a", images_a, min_side=SMALLEST)
    check_images("images_b", images_b, min_side=SMALLEST)
    if images_a.shape != images_b.shape:
        raise UserError(f"images: shapes {list(images_a.shape)} and {list(images_b.shape)}; expected equal ones")
    a, b = images_a.astype(np.float64), images_b.astype(np.float64)
    similarity = np.ones(len(a))
    for weight in WEIGHTS[:-1]:
        similarity *= np.maximum(similarities(a, b)[1], 0.0) ** weight
        a, b = _halve(a), _halve(b)
    return similarity * np.maximum(similarities(a, b)[0], 0.0) ** WEIGHTS[-1]


def _halve(images: np.ndarray) -> np.ndarray:
    count, height, width, channels = images.shape
    if height % 2 or width % 2:
        images = np.pad(images, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return images.reshape(count, -(-height // 2), 2, -(-width // 2), 2, channels).mean(axis=(2, 4))

"""Sliced Wasserstein distance between patches of Laplacian pyramids (Karras et al. 2018, ProGAN,
https://arxiv.org/abs/1710.10196, section 5), with the constants of the released code.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jgan.metrics.checks import check_images
from jgan.types import UserError

PATCH = 7  # pixels a side
COARSEST = 16  # pixels a side of the last level
REPEATS, DIRECTIONS = 4, 128
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # the filter of Burt & Adelson 1983, as in cv2.pyrDown
IMAGES, PROJECTIONS = 64, 16  # handled at once, to bound memory


def sliced_wasserstein(
    real: np.ndarray, fake: np.ndarray, rng: np.random.Generator, *, patches_per_image: int = 128
) -> dict[int, float]:
    """Distance between the patch distributions of uint8 images [n, h, w, c] at every level of their Laplacian pyramids:
    {height of the level: distance}. The finest level tells of pixel noise, the coarsest of large structures.

    Each level's 7 x 7 patches, normalised to mean 0 and deviation 1 per channel and set, are projected on 4 x 128
    random directions; the distance is the mean absolute difference of sorted projections. Papers print 1000 times this
    number, and the mean over levels. Levels halve while sides are even and stay at least 16. Memory for the descriptors
    is 4 * n * patches_per_image * 49 * c bytes a set and level (the paper takes n = 16,384).

    Raises:
      UserError: different shapes of the two sets, sides below 16 pixels, not uint8, or fewer than one patch an image.
    """
    check_images("real images", real, min_side=COARSEST, at_least=1)
    check_images("generated images", fake, min_side=COARSEST, at_least=1)
    if real.shape != fake.shape:
        raise UserError(
            f"images: {list(real.shape)} real and {list(fake.shape)} generated; expected equal shapes, sorted samples "
            "are compared one to one: take as many of one as of the other"
        )
    if patches_per_image < 1:
        raise UserError(f"patches_per_image={patches_per_image}: expected at least 1")
    levels_real = _descriptors(real, patches_per_image, rng)
    levels_fake = _descriptors(fake, patches_per_image, rng)
    return {height: _distance(levels_real[height], levels_fake[height], rng) for height in levels_real}


def _descriptors(images: np.ndarray, patches_per_image: int, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Normalised patches [n * patches_per_image, c * 49], float32, of every level by its height."""
    levels: dict[int, list[np.ndarray]] = {}
    for first in range(0, len(images), IMAGES):
        for level in laplacian_pyramid(images[first : first + IMAGES]):
            levels.setdefault(level.shape[1], []).append(_patches(level, patches_per_image, rng))
    return {height: _normalize(np.concatenate(patches)) for height, patches in levels.items()}


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Band-pass levels [n, h / 2^i, w / 2^i, c], float32, finest first; the last is the low-pass rest."""
    levels: list[np.ndarray] = [images.astype(np.float32)]
    while all(side % 2 == 0 and side // 2 >= COARSEST for side in levels[-1].shape[1:3]):
        smaller = _blur(levels[-1])[:, ::2, ::2]
        dilated = np.zeros_like(levels[-1])
        dilated[:, ::2, ::2] = smaller
        levels[-1] = levels[-1] - 4.0 * _blur(dilated)
        levels.append(smaller)
    return levels


def _blur(images: np.ndarray) -> np.ndarray:
    """Binomial filter over height and width, the border mirrored at the centre of its pixels."""
    images = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    for axis in (1, 2):
        images = np.einsum("nhwcs,s->nhwc", sliding_window_view(images, len(BINOMIAL), axis), BINOMIAL)
    return images


def _patches(images: np.ndarray, per_image: int, rng: np.random.Generator) -> np.ndarray:
    """Patches at random places, [n * per_image, c, column, row]: the released code's order of axes, and of draws."""
    count, height, width, _ = images.shape
    left = rng.integers(0, width - PATCH + 1, count * per_image)
    top = rng.integers(0, height - PATCH + 1, count * per_image)
    offsets = np.arange(PATCH)
    image = np.arange(count).repeat(per_image)[:, None, None]
    patches = images[image, (top[:, None] + offsets)[:, None, :], (left[:, None] + offsets)[:, :, None]]
    return np.moveaxis(patches, -1, 1)


def _normalize(patches: np.ndarray) -> np.ndarray:
    axes = (0, 2, 3)
    mean = np.asarray(patches.mean(axis=axes, keepdims=True, dtype=np.float64), np.float32)
    std = np.asarray(patches.std(axis=axes, keepdims=True, dtype=np.float64), np.float32)
    contrast = np.where(std > 0, std, np.float32(1))  # a channel without any stays 0
    return ((patches - mean) / contrast).reshape(len(patches), -1)


def _distance(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> float:
    """Mean over random directions of the Wasserstein-1 distance between projections of [n, d] and [n, d]."""
    distances = []
    for _ in range(REPEATS):
        directions = rng.standard_normal((a.shape[1], DIRECTIONS))
        directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
        for first in range(0, DIRECTIONS, PROJECTIONS):
            some = directions[:, first : first + PROJECTIONS]
            difference = np.abs(np.sort(a @ some, axis=0) - np.sort(b @ some, axis=0))
            distances.append(difference.mean(dtype=np.float64))
    return float(np.mean(distances))

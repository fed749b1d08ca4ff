"""EQ-T and EQ-R: how well a generator's images move and turn with what makes them, in decibels.

Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 2.2 and appendix E; checked against
https://github.com/NVlabs/stylegan3 (metrics/equivariance.py). An image made from a moved input is compared with the
moved image: by whole pixels, by any distance, through a Lanczos filter, or turned, by a windowed sinc filter that
limits the band before and after. What comes from beyond an edge is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.ndimage
import scipy.signal

from jgan.types import UserError

# (number of the batch, transform [3, 3]) to images [n, s, s, c] in [-1, 1] of that batch's latents. The transform is
# the inverse of what is done to the image, which is 1 wide and centred at 0, as StyleGAN3's `transform` has it.
Generate = Callable[[int, np.ndarray], np.ndarray]

FARTHEST = 0.125  # shift, in widths of the image
LOBES = 3  # of the Lanczos windows
REACH = 2 * LOBES  # pixels that the filter of a rotation reaches
UPSAMPLING = 4  # of what a rotation samples, by bilinear interpolation
FAR = 64  # pixels over which two filters are convolved


def eq_t(generate: Generate, batches: int, random: np.random.Generator) -> float:
    """EQ-T over so many batches, each moved by whole pixels, an eighth of the width at most."""

    def moved(original: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], Compared]]:
        size = original.shape[1]
        shift = np.rint(random.uniform(-FARTHEST, FARTHEST, 2) * size).astype(int)
        return shifting(shift / size), lambda image: (translate(original, *shift), (image, np.ones_like(image)))

    return _decibels(generate, batches, moved)


def eq_t_fractional(generate: Generate, batches: int, random: np.random.Generator) -> float:
    """EQ-T over so many batches, each moved by any distance, an eighth of the width at most: the paper's EQ-T_frac."""

    def moved(original: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], Compared]]:
        shift = random.uniform(-FARTHEST, FARTHEST, 2)
        by = shift * original.shape[1]
        return shifting(shift), lambda image: (translate_between(original, *by), (image, np.ones_like(image)))

    return _decibels(generate, batches, moved)


def eq_r(generate: Generate, batches: int, random: np.random.Generator) -> float:
    """EQ-R over so many batches, each turned by any angle."""

    def turned(original: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], Compared]]:
        angle = random.uniform(-math.pi, math.pi)
        return turning(-angle), lambda image: (rotate(original, angle), band_limit(image, angle))

    return _decibels(generate, batches, turned)


Masked = tuple[np.ndarray, np.ndarray]  # images, and 1 where they count
Compared = tuple[Masked, Masked]
Change = Callable[[np.ndarray], tuple[np.ndarray, Callable[[np.ndarray], Compared]]]


def _decibels(generate: Generate, batches: int, change: Change) -> float:
    """The peak signal-to-noise ratio of images in [-1, 1], over all pixels that count."""
    error = count = 0.0
    for batch in range(batches):
        original = np.asarray(generate(batch, np.eye(3)), np.float64)
        transform, compare = change(original)
        (expected, counts), (made, others) = compare(np.asarray(generate(batch, transform), np.float64))
        mask = counts * others
        error += float((np.square(expected - made) * mask).sum())
        count += float(mask.sum())
    if not count:
        raise UserError("equivariance: images are too small for their edges not to count; expected 16 pixels or more")
    return 20 * math.log10(2) - 10 * math.log10(error / count) if error else math.inf


def shifting(shift: np.ndarray) -> np.ndarray:
    """The transform [3, 3] that moves an image by a shift (x, y), in its widths."""
    transform = np.eye(3)
    transform[:2, 2] = -shift
    return transform


def turning(angle: float) -> np.ndarray:
    """The rotation matrix [3, 3] of an angle, in radians."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def translate(images: np.ndarray, x: int, y: int) -> Masked:
    """Images [n, s, s, c] moved by whole pixels, zeros coming in, and where they did not."""
    size = images.shape[1]
    moved, mask = np.zeros_like(images), np.zeros_like(images)
    into, out_of = ((..., *(_span(by * sign, size) for by in (y, x)), slice(None)) for sign in (1, -1))
    moved[into], mask[into] = images[out_of], 1.0
    return moved, mask


def translate_between(images: np.ndarray, x: float, y: float) -> Masked:
    """Images [n, s, s, c] moved by parts of pixels too, by a Lanczos filter, and where no zeros came into it."""
    mask = np.ones_like(images)
    for by, turned in ((x, (0, 1, 2, 3)), (y, (0, 2, 1, 3))):  # columns, then rows
        whole, places = math.floor(by), np.arange(1 - LOBES, LOBES + 1)
        away = places - (by - whole)
        taps = np.sinc(away) * np.sinc(away / LOBES)
        parts = [translate(images.transpose(turned), whole + int(place), 0)[0] for place in places]
        images = np.tensordot(taps / taps.sum(), np.stack(parts), axes=1).transpose(turned)
        for end in places[[0, -1]]:
            mask = mask * translate(mask.transpose(turned), whole + int(end), 0)[1].transpose(turned)
    return images, mask


def _span(by: int, size: int) -> slice:
    return slice(max(by, 0), size + min(by, 0))


def rotate(images: np.ndarray, angle: float) -> Masked:
    """Images [n, s, s, c] turned, band-limited before and after; and where nothing came from beyond the edges."""
    size, taps = images.shape[1], _oriented_taps(turning(angle)[:2, :2], UPSAMPLING)
    wide = np.zeros((len(images), *(UPSAMPLING * (size - 1) + 1,) * 2, images.shape[3]))
    wide[:, ::UPSAMPLING, ::UPSAMPLING] = images
    wide = scipy.signal.fftconvolve(wide, taps[None, :, :, None] * UPSAMPLING**2, axes=(1, 2))
    places = np.arange(size) - (size - 1) / 2
    # Where each pixel comes from: (rows, columns), by the inverse rotation of (x, y).
    x, y = np.einsum("ij,jhw->ihw", turning(-angle)[:2, :2], np.stack(np.meshgrid(places, places)))
    source = UPSAMPLING * (np.stack([y, x]) + (size - 1) / 2)
    pixels = source + len(taps) // 2
    turned = [
        [scipy.ndimage.map_coordinates(part, pixels, order=1) for part in np.moveaxis(one, -1, 0)] for one in wide
    ]
    # As far from the edges as the filter reaches, and what the released code leaves out beyond that at the far ones.
    near, far = UPSAMPLING * REACH - 2, UPSAMPLING * (size - REACH - 1) + 1
    inside = ((np.rint(source) >= near) & (np.rint(source) <= far)).all(0).astype(float)
    return np.moveaxis(np.array(turned), 1, -1), np.broadcast_to(inside[None, :, :, None], images.shape)


def band_limit(images: np.ndarray, angle: float) -> Masked:
    """Images [n, s, s, c] filtered as if they had been turned by an angle, which they were as they were made."""
    taps = _oriented_taps(turning(-angle)[:2, :2], 1)
    edge = len(taps) // 2
    mask = np.zeros_like(images)
    mask[:, edge:-edge, edge:-edge] = 1.0
    return scipy.signal.fftconvolve(images, taps[None, :, :, None], "same", axes=(1, 2)), mask


def _oriented_taps(matrix: np.ndarray, up: int) -> np.ndarray:
    """A filter [k, k] at `up` taps a pixel that limits the band of the pixels and of the turned ones; its sum is 1."""
    places = np.arange(1 - FAR * up, FAR * up) / up
    own = np.stack(np.meshgrid(places, places))
    turned = np.einsum("ij,jhw->ihw", matrix, own)
    ideal, window = (_convolved(*(shape(axes).prod(0) for axes in (own, turned))) for shape in (np.sinc, _lanczos))
    edge = (FAR - REACH) * up
    taps = np.pad((ideal * window)[edge:-edge, edge:-edge], (0, 1)).reshape(2 * REACH, up, 2 * REACH, up)
    taps = taps / taps.sum((0, 2), keepdims=True) / up**2  # each phase by itself, so that a constant stays one
    return taps.reshape(2 * REACH * up, -1)[:-1, :-1]


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < LOBES, np.sinc(x / LOBES), 0.0)


def _convolved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Around their centres, one end following on the other."""
    spectra = (np.fft.fft2(np.fft.ifftshift(each)) for each in (first, second))
    return np.fft.fftshift(np.fft.ifft2(np.prod(list(spectra), axis=0)).real)

"""Captions of the embedded digits, measured from the images: digit, stroke weight and slant.

An adjective is relative to its noun: the limits between thin, medium and bold and between left, upright and right are
the terciles of the 500 images of each digit.
"""

from __future__ import annotations

import numpy as np

from jgan.data.arrays import ArraySource, open_mnist5k
from jgan.data.captions import captions_of_texts

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WEIGHTS = ("thin", "medium", "bold")
SLANTS = ("left", "upright", "right")


def stroke_widths(images: np.ndarray) -> np.ndarray:
    """Mean width of the strokes in pixels, float [n], of images uint8 [n, h, w], bright on dark.

    A stroke of length l and width w has area l w and outline 2 l, so the width is 2 area / outline. The outline is the
    total variation, which the coarea formula makes the mean length of the level lines: no threshold is chosen.
    """
    ink = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(ink, axis=1)[:, :, :-1], np.diff(ink, axis=2)[:, :-1]
    return 2 * ink.sum((1, 2)) / np.maximum(np.hypot(down, right).sum((1, 2)), 1.0)


def slants(images: np.ndarray) -> np.ndarray:
    """Pixels to the right for each pixel up, float [n], of images uint8 [n, h, w]: -mu11 / mu02 of the ink."""
    ink = images.astype(np.float64)
    total = np.maximum(ink.sum((1, 2)), 1.0)
    y, x = np.arange(ink.shape[1])[:, None], np.arange(ink.shape[2])[None]
    centre_y, centre_x = ((ink * axis).sum((1, 2)) / total for axis in (y, x))
    from_y = y[None] - centre_y[:, None, None]
    from_x = x[None] - centre_x[:, None, None]
    return -(ink * from_x * from_y).sum((1, 2)) / np.maximum((ink * from_y**2).sum((1, 2)), 1.0)


def terciles(values: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """The two limits between the thirds of each digit's values, float [10, 2]."""
    return np.stack([np.quantile(values[digits == digit], (1 / 3, 2 / 3)) for digit in range(len(DIGITS))])


def thirds(values: np.ndarray, digits: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """0, 1 or 2: the third of its digit that each value [n] lies in, by the limits [10, 2]."""
    return (values[:, None] > limits[digits]).sum(axis=1)


def measured(images: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in WEIGHTS and in SLANTS, int [n] each, of images uint8 [n, 28, 28] of known digits, by `limits`."""
    weight_limits, slant_limits = limits()
    weights = thirds(stroke_widths(images), digits, weight_limits)
    return weights, thirds(slants(images), digits, slant_limits)


def limits() -> tuple[np.ndarray, np.ndarray]:
    """The terciles of the embedded digits: of the stroke widths, and of the slants."""
    source = open_mnist5k()
    assert source.labels is not None, "digits are labelled"
    images = source.images[..., 0]
    return terciles(stroke_widths(images), source.labels), terciles(slants(images), source.labels)


def caption(digit: int, weight: int, slant: int | None = None) -> str:
    """As in "a bold three leaning left", "a thin upright seven", or, without a slant, "a thin seven"."""
    start = f"a {WEIGHTS[weight]}"
    if slant is None:
        return f"{start} {DIGITS[digit]}"
    if SLANTS[slant] == "upright":
        return f"{start} upright {DIGITS[digit]}"
    return f"{start} {DIGITS[digit]} leaning {SLANTS[slant]}"


def open_captioned_digits() -> ArraySource:
    """mnist5k with two captions an image: one says digit, weight and slant, the other leaves the slant out."""
    digits = open_mnist5k()
    assert digits.labels is not None, "digits are labelled"
    weights, leanings = measured(digits.images[..., 0], digits.labels)
    places = list(zip(digits.labels.tolist(), weights.tolist(), leanings.tolist(), strict=True))
    texts = [text for place in places for text in (caption(*place), caption(*place[:2]))]
    captions = captions_of_texts([image for image in range(digits.count) for _ in range(2)], texts, digits.count)
    return ArraySource("mnist5k-captions", digits.images, None, captions=captions)

"""Whether images use the levels that their files have: 12 bits stored in 16 would be trained on as near black."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from jgan.data.pixels import SIXTEEN_BIT_MODES

EIGHT_BIT_MODES, WITH_ALPHA = ("L", "LA", "RGB", "RGBA"), ("LA", "RGBA")
DARK = 1 / 15  # of the range: no image of a set reaches it where 12 bits or fewer are stored in 16


def peak_of(image: Image.Image) -> float | None:
    """The brightest level of an image's colours as a share of its range, 0 to 1; None of other modes."""
    if image.mode in SIXTEEN_BIT_MODES:
        return float(np.asarray(image).max()) / 65535
    if image.mode not in EIGHT_BIT_MODES:
        return None
    bands = image.split()[: -1 if image.mode in WITH_ALPHA else None]
    return max(float(np.asarray(band).max()) for band in bands) / 255


def darkness(peaks: Sequence[float | None]) -> str:
    """A line about images of which none is brighter than DARK, of their peaks; "" where one is, or nobody looked."""
    known = [peak for peak in peaks if peak is not None]
    if not known or len(known) < len(peaks) or max(known) >= DARK:
        return ""
    if max(known) == 0:
        return "all images are black"
    bits = math.ceil(math.log2(round(max(known) * 65535) + 1))
    return (
        f"the brightest level of all images is {max(known):.1%} of their range, so that they are seen as near black; "
        f"if their files hold {bits} bits in 16, multiply their levels by {2 ** (16 - bits):,} and save them again"
    )

"""What the layers of a StyleGAN3 let through: cutoffs, sampling rates, sizes, and the filters between them.

Karras et al. 2021 (https://arxiv.org/abs/2106.12423), sections 3.1 and 3.2, Figure 4c and appendix C; checked against
https://github.com/NVlabs/stylegan3. Frequencies are in cycles an image, rates in samples an image.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jgan.layers.lowpass import kaiser_taps, radial_taps
from jgan.types import UserError

FIRST_CUTOFF = 2.0
FIRST_STOPBAND = 2.0**2.1
LAST_STOPBAND = 2.0**0.3  # to the last cutoff
MARGIN = 10  # pixels that layers compute beyond each edge of the image
CRITICAL = 2  # layers at the end whose cutoff is half their rate
FILTER_SIZE = 6  # taps at the lower of two rates


class Band(NamedTuple):
    """What a layer's output holds: frequencies up to `cutoff`, next to none beyond cutoff + half_width."""

    cutoff: float
    half_width: float
    rate: int
    size: int  # pixels of a side, with the margins
    channels: int


def bands_of(resolution: int, layers: int, base: int, most: int, image_channels: int) -> list[Band]:
    """The outputs of all layers, the last one's being the image: section 3.2 and Figure 4c.

    Raises:
      UserError: the resolution is no power of two from 8 on, or there are too few layers.
    """
    if resolution < 8 or resolution & (resolution - 1):
        raise UserError(f"game.generator.resolution={resolution}: expected a power of two from 8 on")
    if layers <= CRITICAL:
        raise UserError(
            f"game.generator.layers={layers}: expected more than the {CRITICAL} that are critically sampled"
        )
    last = resolution / 2
    exponents = np.minimum(np.arange(layers + 1) / (layers - CRITICAL), 1.0)
    cutoffs = FIRST_CUTOFF * (last / FIRST_CUTOFF) ** exponents
    stopbands = FIRST_STOPBAND * (last * LAST_STOPBAND / FIRST_STOPBAND) ** exponents
    rates = np.exp2(np.ceil(np.log2(np.minimum(2 * stopbands, resolution))))
    half_widths = np.maximum(stopbands, rates / 2) - cutoffs
    sizes, channels = rates + 2 * MARGIN, np.rint(np.minimum(base / 2 / cutoffs, most))
    sizes[-2:], channels[-1] = resolution, image_channels
    whole = (column.astype(int).tolist() for column in (rates, sizes, channels))
    return [Band(*row) for row in zip(cutoffs.tolist(), half_widths.tolist(), *whole, strict=True)]


class Resampling(NamedTuple):
    """What stands around a layer's leaky ReLU: `size` pixels of a side at the higher rate, and the filters (C.3)."""

    up: int
    down: int
    before: int  # zeros in front of what is upsampled
    size: int
    up_taps: np.ndarray  # [k]
    down_taps: np.ndarray  # [k], or [k, k] of a radial filter


def resampling_of(source: Band, target: Band, inputs: int, rotations: bool) -> Resampling:
    """That of a layer whose convolution makes `inputs` pixels of a side."""
    rate = 2 * max(source.rate, target.rate)
    up, down = rate // source.rate, rate // target.rate
    critical = 2 * target.cutoff == target.rate
    design = radial_taps if rotations and not critical else kaiser_taps
    up_taps = kaiser_taps(FILTER_SIZE * up, source.cutoff, 2 * source.half_width, rate)
    down_taps = design(FILTER_SIZE * down, target.cutoff, 2 * target.half_width, rate)
    size = (target.size - 1) * down + len(down_taps)
    padding = size + len(up_taps) - 1 - inputs * up
    return Resampling(up, down, (padding + up) // 2, size, up_taps, down_taps)

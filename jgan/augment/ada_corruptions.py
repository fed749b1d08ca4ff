"""ADA's image-space filtering and noise (Karras et al. 2020, https://arxiv.org/abs/2006.06676, appendix B).

By the mathematics of the authors' training/augment.py (https://github.com/NVlabs/stylegan2-ada-pytorch): four bands of
frequencies, each amplified at random with the power of a natural image kept. A filter of an image is a sum of four
fixed ones, so along an axis it is a matrix: the sum of four fixed matrices, which mirror the image at its edges too.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jgan.augment.ada import some
from jgan.types import Array, Images

BANDS = 4
POWERS = np.array([10.0, 1.0, 1.0, 1.0]) / 13.0  # of a natural image, in each band
GAIN_DEVIATION = 1.0  # of the base-2 logarithm
NOISE_DEVIATION = 0.1  # of the noise's own deviation

# The low-pass filter of the wavelet sym2, its sum sqrt(2).
_SYM2 = np.array([-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025])


@functools.cache
def band_filters() -> np.ndarray:
    """The filters of the bands, lowest first, symmetric: [bands, taps]. Their sum is the identity."""
    high = _SYM2 * (-1.0) ** np.arange(len(_SYM2))
    low, high = (np.convolve(side, side[::-1]) / 2 for side in (_SYM2, high))
    filters = np.eye(BANDS, 1)
    for band in range(1, BANDS):
        doubled = np.zeros((BANDS, 2 * filters.shape[1] - 1))
        doubled[:, ::2] = filters
        filters = np.stack([np.convolve(line, low) for line in doubled])
        first = (filters.shape[1] - len(high)) // 2
        filters[band, first : first + len(high)] += high
    return filters


@functools.cache
def _band_matrices(side: int) -> np.ndarray:
    """[bands, side, side]: a row of pixels, mirrored at both ends, filtered."""
    filters = band_filters()
    mirrored = np.pad(np.eye(side), ((filters.shape[1] // 2,) * 2, (0, 0)), mode="reflect")
    return np.stack(
        [np.stack([np.convolve(column, line, mode="valid") for column in mirrored.T], axis=1) for line in filters]
    )


def filter_bands(images: Images, gains: Array) -> Images:
    """Images [n, h, w, c], whose bands are amplified by `gains` [n, bands], rows and columns one after the other."""
    height, width = images.shape[1:3]
    rows, columns = (
        jnp.einsum("nb,bij->nij", gains, jnp.asarray(_band_matrices(side), images.dtype), precision="highest")
        for side in (height, width)
    )
    images = jnp.einsum("nph,nhwc->npwc", rows, images, precision="highest")
    return jnp.einsum("nqw,npwc->npqc", columns, images, precision="highest")


def sample_gains(rng: Array, height: int, width: int, probability: Array) -> tuple[Array]:
    """The gains [bands] of one example for `filter_bands`; each band is amplified with the probability."""
    del height, width
    gains = jnp.ones(BANDS)
    for band, key in enumerate(jax.random.split(rng, BANDS)):
        amplified = jnp.exp2(GAIN_DEVIATION * jax.random.normal(key))
        own = jnp.ones(BANDS).at[band].set(some(key, probability, amplified, 1.0))
        gains *= own / jnp.sqrt((jnp.asarray(POWERS, jnp.float32) * jnp.square(own)).sum())
    return (gains,)


def add_noise(images: Images, rngs: Array, deviations: Array) -> Images:
    """Images [n, h, w, c] with N(0, 1) of their keys [n], times `deviations` [n]."""
    noise = jax.vmap(lambda rng: jax.random.normal(rng, images.shape[1:]))(rngs)
    return images + deviations[:, None, None, None] * noise


def sample_noise(rng: Array, height: int, width: int, probability: Array) -> tuple[Array, Array]:
    """(key, deviation) of one example for `add_noise`; with the probability there is noise."""
    del height, width
    key, own = jax.random.split(rng)
    deviation = NOISE_DEVIATION * jnp.abs(jax.random.normal(own))
    return key, some(own, probability, deviation, 0.0)

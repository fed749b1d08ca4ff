"""Filtered resampling against the direct sums, its gradients, and filters against what they are for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from jgan.layers.lowpass import downsample_filtered, kaiser_taps, radial_taps, upsample_filtered

RANDOM = np.random.default_rng(0)


def symmetric(*shape):
    taps = RANDOM.standard_normal(shape)
    for axis in range(len(shape)):
        taps = taps + np.flip(taps, axis)
    return taps


def directly(x, taps, up, before, down, size):
    """Zeros between the pixels and around them, a sum over all taps, some of the pixels."""
    n, side, _, channels = x.shape
    taps = np.outer(taps, taps) if taps.ndim == 1 else taps
    wide = np.zeros((n, side * up, side * up, channels))
    wide[:, ::up, ::up] = x
    far = 40
    wide = np.pad(wide, ((0, 0), (far, far), (far, far), (0, 0)))[:, far - before :, far - before :]
    full = scipy.signal.fftconvolve(wide, taps[None, ::-1, ::-1, None], mode="valid", axes=(1, 2))
    return up**2 * full[:, ::down, ::down][:, :size, :size]


@pytest.mark.parametrize(
    ("taps", "factor", "before", "inputs", "size"),
    [
        (symmetric(24), 4, -6, 9, 21),
        (symmetric(5), 3, 3, 6, 10),  # an odd filter and an odd factor
        (symmetric(12, 12), 2, 8, 6, 15),
    ],
)
def test_resampling_is_the_direct_sum_both_ways(taps, factor, before, inputs, size):
    x = jnp.asarray(RANDOM.standard_normal((2, inputs, inputs, 3)), jnp.float32)
    smaller = (size - 2) // factor

    @jax.jit
    def both(x):
        wide, back = jax.vjp(lambda x: upsample_filtered(x, taps, factor, before, size), x)
        padded = jnp.pad(wide, ((0, 0), (0, len(taps)), (0, len(taps)), (0, 0)))
        return wide, downsample_filtered(padded, taps, factor, smaller), back(wide)[0]

    wide, down, back = both(x)
    # Rounding of float32, of sums of up to 12 x 12 products; a unit is the largest number.
    exact = directly(x, taps, factor, before, 1, size)
    np.testing.assert_allclose(wide, exact, atol=1e-5 * np.abs(exact).max())
    np.testing.assert_allclose((back * x).sum(), jnp.square(wide).sum(), rtol=1e-4)  # the transpose
    exact = directly(wide, taps, 1, 0, factor, smaller)
    np.testing.assert_allclose(down, exact, atol=1e-5 * np.abs(exact).max())


def test_sums_run_in_float32_and_results_keep_the_dtype():
    x = jnp.asarray(RANDOM.standard_normal((1, 12, 12, 2)), jnp.bfloat16)
    wide = upsample_filtered(x, kaiser_taps(12, 2, 12, 32), 2, 11, 24)
    assert wide.dtype == jnp.bfloat16
    exact = directly(np.asarray(x, np.float64), kaiser_taps(12, 2, 12, 32), 2, 11, 1, 24)
    np.testing.assert_allclose(np.asarray(wide, np.float64), exact, atol=2**-8 * np.abs(exact).max())  # one rounding


def test_filters_let_the_band_through_and_nothing_beyond_it():
    frequencies = np.linspace(0, 32, 200)
    for taps in (kaiser_taps(12, 8, 16, 64), radial_taps(12, 8, 16, 64).sum(0)):
        _, response = scipy.signal.freqz(taps, worN=frequencies, fs=64)
        assert taps.sum() == pytest.approx(1.0)
        assert np.abs(response[frequencies > 17]).max() < 0.05
        assert np.abs(response[frequencies < 1]).min() > 0.95
    radial = radial_taps(12, 8, 16, 64)
    np.testing.assert_allclose(radial, radial.T)
    np.testing.assert_allclose(radial, radial[::-1])
    # Along the diagonal as along an axis: the response at the cutoff is the same, as a square filter's is not.
    places = (np.arange(12) - 5.5) / 64
    along = lambda x, y: (radial * np.cos(2 * np.pi * (x * places[:, None] + y * places[None]))).sum()  # noqa: E731
    assert along(8, 0) == pytest.approx(along(8 / 2**0.5, 8 / 2**0.5), abs=0.01)

"""Pixels out of channels and interpolation, against their definitions; the others are in tests/layers/test_conv.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgan.layers.resample import pixel_shuffle, pixel_unshuffle, upsample, upsample_bilinear

X = np.random.default_rng(0).standard_normal((2, 3, 4, 18)).astype(np.float32)


@pytest.mark.parametrize("scale", [1, 3])
def test_pixel_shuffle_has_pytorchs_order_and_an_inverse(scale):
    made = np.asarray(pixel_shuffle(X, scale))
    assert made.shape == (2, 3 * scale, 4 * scale, 18 // scale**2)
    for k, i, j in np.ndindex(18 // scale**2, scale, scale):
        np.testing.assert_array_equal(made[:, i::scale, j::scale, k], X[..., (k * scale + i) * scale + j])
    np.testing.assert_array_equal(pixel_unshuffle(jnp.asarray(made), scale), X)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_bilinear_upsampling_is_that_of_half_pixel_centres(scale):
    expected = jax.image.resize(X, (2, 3 * scale, 4 * scale, 18), "bilinear")
    np.testing.assert_allclose(upsample_bilinear(jnp.asarray(X), scale), expected, rtol=0, atol=1e-5)


def test_nearest_upsampling_repeats_pixels():
    np.testing.assert_array_equal(upsample(X, 3), X.repeat(3, 1).repeat(3, 2))

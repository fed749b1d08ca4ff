"""The fast forms of the feature networks' convolutions and pools, beside XLA's and Flax's own."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from jgan.backbones.frozen_layers import average_pool, convolve, max_pool

CASES = {  # input [n, h, w, c], kernel, stride, padding, groups: one for every form
    "product": ((2, 5, 4, 3), (1, 1, 3, 8), 1, "SAME", 1),
    "strided 1 x 1": ((2, 5, 4, 3), (1, 1, 3, 8), 2, "SAME", 1),
    "Winograd, valid": ((2, 9, 8, 64), (3, 3, 64, 16), 1, "VALID", 1),
    "Winograd, same": ((1, 8, 8, 64), (3, 3, 64, 16), 1, "SAME", 1),
    "three channels": ((2, 9, 10, 3), (3, 3, 3, 4), 2, "VALID", 1),
    "no padding": ((1, 9, 8, 4), (3, 3, 4, 4), 1, "VALID", 1),
    "a row": ((1, 9, 8, 4), (1, 7, 4, 4), 1, "SAME", 1),
    "depthwise": ((2, 9, 8, 6), (5, 5, 1, 6), 1, "SAME", 6),
    "depthwise, strided": ((2, 8, 9, 6), (3, 3, 1, 6), 2, "SAME", 6),
}


def whole_numbers(shape):
    """Sums of their products are exact in float32, in any order and through Winograd's halves."""
    return np.random.default_rng(0).integers(-8, 9, shape).astype(np.float32)


@pytest.mark.parametrize("case", CASES)
def test_convolutions_are_xlas(case):
    shape, kernel, stride, padding, groups = CASES[case]
    options = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "feature_group_count": groups, "precision": "highest"}
    x, kernel = whole_numbers(shape), whole_numbers(kernel)
    expected = lax.conv_general_dilated(x, kernel, (stride, stride), padding, **options)
    ours = jax.jit(lambda x, kernel: convolve(x, kernel, (stride, stride), padding, **options))(x, kernel)
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("depthwise")])
def test_gradients_of_depthwise_ones_are_xlas(case):
    shape, kernel, stride, padding, groups = CASES[case]
    options = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "feature_group_count": groups, "precision": "highest"}
    x, kernel = whole_numbers(shape), whole_numbers(kernel)

    @functools.partial(jax.jit, static_argnums=0)
    def gradients(function):
        outputs, pull = jax.vjp(lambda x, kernel: function(x, kernel, (stride, stride), padding, **options), x, kernel)
        return pull(whole_numbers(outputs.shape))

    for ours, expected in zip(gradients(convolve), gradients(lax.conv_general_dilated), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_pools_are_flaxs():
    x = whole_numbers((2, 9, 8, 5))
    np.testing.assert_array_equal(max_pool(x), nn.max_pool(x, (3, 3), (2, 2)))
    np.testing.assert_array_equal(max_pool(x, 1, "SAME"), nn.max_pool(x, (3, 3), (1, 1), "SAME"))
    mean = nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)
    np.testing.assert_allclose(average_pool(x), mean, rtol=1e-6)  # a division, rounded once or twice

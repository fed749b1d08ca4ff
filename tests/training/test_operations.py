"""Operations of a traced program: as many as XLA counts, and those of loops as often as they run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jgan.training.operations import count_flops

IMAGES = jax.ShapeDtypeStruct((2, 9, 7, 4), jnp.float32)
KERNEL = jax.ShapeDtypeStruct((3, 3, 4, 6), jnp.float32)
GROUPED = jax.ShapeDtypeStruct((3, 3, 2, 6), jnp.float32)
MATRIX = jax.ShapeDtypeStruct((16, 16), jnp.float32)


def convolve(images, kernel, **options):
    options = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")} | options
    return lax.conv_general_dilated(images, kernel, **options)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (convolve, (IMAGES, KERNEL)),
        (lambda x, k: convolve(x, k, window_strides=(2, 1), padding=((2, 0), (1, 3))), (IMAGES, KERNEL)),
        (lambda x, k: convolve(x, k, lhs_dilation=(2, 2), padding=((1, 1), (1, 0))), (IMAGES, KERNEL)),
        (lambda x, k: convolve(x, k, rhs_dilation=(2, 3), padding="VALID"), (IMAGES, KERNEL)),
        (lambda x, k: convolve(x, k, feature_group_count=2), (IMAGES, GROUPED)),
        (jax.grad(lambda k, x: convolve(x, k, window_strides=(2, 2)).sum()), (KERNEL, IMAGES)),
        (lambda a, b: jnp.einsum("ij,kj->ik", a, b), (MATRIX, MATRIX)),
    ],
)
def test_a_program_without_loops_has_as_many_as_xla_counts(function, arguments):
    """But for what is done element by element: the sum that is differentiated, not more than its elements."""
    traced = jax.jit(function).trace(*arguments)
    expected = traced.lower().cost_analysis()["flops"]
    np.testing.assert_allclose(count_flops(traced.jaxpr), expected, atol=2 * np.prod(IMAGES.shape))


def test_loops_branches_and_what_nobody_needs():
    product = 2.0 * 16**3

    def loop(x):
        unused = x @ x @ x  # left out, as XLA leaves it out
        del unused
        x, _ = lax.scan(lambda x, _: (x @ x, None), x, length=5)
        x = lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x @ x @ x, x)
        return lax.platform_dependent(x, cpu=lambda x: x, default=lambda x: x @ x)

    assert count_flops(jax.jit(loop).trace(MATRIX).jaxpr) == (5 + 2 + 1) * product

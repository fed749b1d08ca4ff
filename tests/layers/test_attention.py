"""Self-attention against loops over pixels, and what it costs in memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgan.families.sagan import sagan
from jgan.layers.attention import SelfAttention
from jgan.layers.resample import max_pool
from jgan.types import Stage, UserError, schedule

RANDOM = np.random.default_rng(0)


def draw_variables(layer, x, gain):
    params = layer.init(jax.random.key(0), x)["params"]
    return {"params": params | {"gain": jnp.asarray(gain, x.dtype)}}


def test_every_pixel_looks_at_the_pooled_others():
    """Equations 1 to 3 of the paper, one pixel at a time, with keys and values pooled as the authors' code does."""
    with jax.enable_x64(True):
        x = jnp.asarray(RANDOM.normal(size=(2, 4, 6, 8)))
        layer = SelfAttention(dtype="float64")
        variables = draw_variables(layer, x, 0.7)
        kernels = {
            name: np.asarray(layer["kernel"])[0, 0] for name, layer in variables["params"].items() if name != "gain"
        }
        ours = layer.apply(variables, x)
    expected = np.array(x)
    for image, out in zip(np.asarray(x), expected, strict=True):
        pooled = {name: np.empty((2, 3, kernels[name].shape[1])) for name in ("keys", "values")}
        for name, array in pooled.items():
            for i in range(2):
                for j in range(3):
                    array[i, j] = (image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] @ kernels[name]).max((0, 1))
        for i in range(4):
            for j in range(6):
                likeness = np.exp(pooled["keys"] @ (image[i, j] @ kernels["queries"]))
                mean = (likeness[..., None] * pooled["values"]).sum((0, 1)) / likeness.sum()
                out[i, j] += 0.7 * mean @ kernels["output"]
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)


def test_at_first_it_changes_nothing_but_learns():
    x = jnp.asarray(RANDOM.normal(size=(2, 4, 4, 8)), jnp.float32)
    layer = SelfAttention()
    variables = layer.init(jax.random.key(0), x)
    np.testing.assert_array_equal(layer.apply(variables, x), x)
    gradients = jax.grad(lambda v: jnp.square(layer.apply(v, x)).sum())(variables)["params"]
    assert gradients["gain"] != 0


def test_penalties_can_be_differentiated():
    """A gradient penalty's gradient, against finite differences."""
    with jax.enable_x64(True):
        x = jnp.asarray(RANDOM.normal(size=(1, 2, 2, 8)))
        layer = SelfAttention(dtype="float64")
        variables = draw_variables(layer, x, 0.7)

        def penalty(gain):
            params = variables["params"] | {"gain": gain}
            slope = jax.grad(lambda x: jnp.tanh(layer.apply({"params": params}, x)).sum())(x)
            return jnp.square(slope).sum()

        at, size = jnp.float64(0.7), 1e-5
        slope = (penalty(at + size) - penalty(at - size)) / (2 * size)
        # size^2 of a third derivative of order 1, and 1e-16 over size
        np.testing.assert_allclose(jax.grad(penalty)(at), slope, rtol=1e-8)


def test_memory_is_linear_in_the_batch():
    def temporary_bytes(n):
        x = jax.ShapeDtypeStruct((n, 32, 32, 8), jnp.float32)
        layer = SelfAttention()
        variables = jax.eval_shape(layer.init, jax.random.key(0), x)
        gradients = jax.jit(jax.grad(lambda v, x: jnp.square(layer.apply(v, x)).sum()))
        return gradients.lower(variables, x).compile().memory_analysis().temp_size_in_bytes

    small, large = temporary_bytes(4), temporary_bytes(16)
    assert small >= 4 * 32 * 32 * 16 * 16 * 4  # at least the weights
    assert large <= 4.2 * small


def test_max_pool_by_hand():
    x = jnp.arange(2 * 4 * 2 * 1.0).reshape(2, 4, 2, 1)
    np.testing.assert_array_equal(max_pool(x)[..., 0, 0], [[3, 7], [11, 15]])


def test_impossible_attention_is_refused():
    game = sagan(32, 8, 1, 3, attention=(64,))
    with pytest.raises(UserError, match=r"game.generator.attention: no block leaves 64 x 64 .* 8, 16, 32"):
        jax.eval_shape(lambda: game.init(jax.random.key(0), BATCH, STAGE))
    with pytest.raises(UserError, match="multiple of 8"):
        SelfAttention().init(jax.random.key(0), jnp.ones((1, 4, 4, 4)))
    with pytest.raises(UserError, match=r"sagan\(resolution=48\)"):
        sagan(48)


BATCH = {"images": jnp.zeros((2, 32, 32, 1)), "labels": jnp.array([0, 1])}
(STAGE,) = schedule((Stage(steps=1, batch_size=2, resolution=32),))

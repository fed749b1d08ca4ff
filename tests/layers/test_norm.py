"""Layer and conditional batch normalisation against their definitions; batch norm's tests are in test_dcgan.py."""

import jax
import jax.numpy as jnp
import numpy as np

from jgan.layers.norm import ConditionalBatchNorm, InstanceNorm, LayerNorm, instance_normalize, layer_normalize


def test_layer_norm_by_hand():
    """As torch.nn.GroupNorm with one group: an example's moments, a channel's scale and bias."""
    random = np.random.default_rng(0)
    x = random.normal(3.0, 2.0, (4, 3, 5, 2)).astype(np.float32)
    scale, bias = random.normal(1.0, 0.1, 2).astype(np.float32), random.normal(0.0, 0.1, 2).astype(np.float32)
    variables = {"params": {"scale": scale, "bias": bias}}
    assert jax.tree.map(jnp.shape, LayerNorm().init(jax.random.key(0), x)) == jax.tree.map(jnp.shape, variables)
    mean, var = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    expected = (x - mean) / np.sqrt(var + 1e-5) * scale + bias
    np.testing.assert_allclose(LayerNorm().apply(variables, x), expected, rtol=0, atol=1e-5)
    assert LayerNorm().apply(variables, x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def test_layer_norm_differentiates_like_its_definition():
    """First derivatives, and those of a penalty on the input gradient."""
    random = np.random.default_rng(0)

    def definition(x, scale, bias):
        mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
        return (x - mean) / jnp.sqrt(var + 1e-5) * scale.reshape(1, 1, -1) + bias.reshape(1, 1, -1)

    def derivatives(function, *inputs):
        def loss(*inputs):
            return jnp.tanh(function(*inputs)).sum()

        def penalty(*inputs):
            return jnp.square(jax.grad(loss)(*inputs)).sum()

        return jax.jit(lambda *inputs: (jax.grad(loss, (0, 1, 2))(*inputs), jax.grad(penalty, (0, 1, 2))(*inputs)))(
            *inputs
        )

    with jax.enable_x64(True):
        x, scale, bias = random.normal(3.0, 2.0, (4, 3, 2)), random.normal(1.0, 0.1, 2), random.normal(0.0, 0.1, 2)
        ours = derivatives(lambda *inputs: layer_normalize(1e-5, *inputs), x, scale, bias)
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(derivatives(definition, x, scale, bias)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_instance_norm_by_hand():
    """As torch.nn.InstanceNorm2d, which has no parameters by default; in float32 inside."""
    random = np.random.default_rng(0)
    x = random.normal(3.0, 2.0, (4, 3, 5, 2)).astype(np.float32)
    expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    assert InstanceNorm().init(jax.random.key(0), x) == {}
    np.testing.assert_allclose(InstanceNorm().apply({}, x), expected, rtol=0, atol=1e-5)
    scale, bias = random.normal(1.0, 0.1, 2).astype(np.float32), random.normal(0.0, 0.1, 2).astype(np.float32)
    variables = {"params": {"scale": scale, "bias": bias}}
    module = InstanceNorm(affine=True)
    assert jax.tree.map(jnp.shape, module.init(jax.random.key(0), x)) == jax.tree.map(jnp.shape, variables)
    np.testing.assert_allclose(module.apply(variables, x), expected * scale + bias, rtol=0, atol=1e-5)
    assert module.apply(variables, x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def test_instance_norm_differentiates_like_its_definition():
    """The first derivative, and that of a penalty on it."""
    random = np.random.default_rng(0)

    def definition(x):
        mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
        return (x - mean) / jnp.sqrt(var + 1e-5)

    def derivatives(function, x, weights):
        def loss(x):
            return (weights * jnp.tanh(function(x))).sum()

        def penalty(x):
            return jnp.square(jax.grad(loss)(x)).sum()

        return jax.jit(lambda x: (jax.grad(loss)(x), jax.grad(penalty)(x)))(x)

    with jax.enable_x64(True):
        x, weights = random.normal(3.0, 2.0, (3, 4, 5, 2)), random.normal(0.0, 1.0, (3, 4, 5, 2))
        ours = derivatives(lambda x: instance_normalize(1e-5, x), x, weights)
        for a, b in zip(ours, derivatives(definition, x, weights), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_conditional_batch_norm_by_hand():
    """One set of statistics, a scale and a bias for each class; in training the batch's, else the running ones."""
    random = np.random.default_rng(0)
    x, labels = random.normal(3.0, 2.0, (4, 3, 3, 2)).astype(np.float32), np.array([2, 0, 2, 1])
    scale, bias = random.normal(1.0, 0.1, (3, 2)).astype(np.float32), random.normal(0.0, 0.1, (3, 2)).astype(np.float32)
    module = ConditionalBatchNorm(3)
    initial = module.init(jax.random.key(0), x, labels, True)
    np.testing.assert_array_equal(initial["params"]["scale"], np.ones((3, 2)))
    np.testing.assert_array_equal(initial["params"]["bias"], np.zeros((3, 2)))
    variables = {**initial, "params": {"scale": scale, "bias": bias}}

    def expected(mean, var):
        normal = (x - mean) / np.sqrt(var + 1e-5)
        return normal * scale[labels][:, None, None] + bias[labels][:, None, None]

    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    y, updates = module.apply(variables, x, labels, True, mutable=["batch_stats"])
    np.testing.assert_allclose(y, expected(mean, var), rtol=0, atol=1e-5)
    np.testing.assert_allclose(updates["batch_stats"]["mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(updates["batch_stats"]["var"], 0.9 + 0.1 * var, rtol=1e-5)
    np.testing.assert_allclose(module.apply(variables, x, labels, False), expected(0, 1), rtol=0, atol=1e-5)
    assert module.apply(variables, x.astype(jnp.bfloat16), labels, False).dtype == jnp.bfloat16

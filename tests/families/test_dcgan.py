"""DCGAN: against PyTorch's numbers (tests/golden/dcgan.py), parameter counts, options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict
from golden_numbers import load_golden

from jgan.families.dcgan import Discriminator, Generator
from jgan.layers.norm import BatchNorm, batch_normalize, moments, normalize
from jgan.types import UserError


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("dcgan")


def from_pytorch(arrays, network):
    """Flax variables of "generator" or "discriminator"."""
    params, stats = {}, {}
    for name, array in arrays.items():
        player, _, rest = name.partition("/")
        if player != network:
            continue
        layer, part = rest.split("/")
        if part == "conv":
            path = (layer, "kernel") if layer.startswith("to_") else (layer, "conv", "kernel")
            params[path] = array.transpose(2, 3, 1, 0)
        elif part in ("scale", "bias"):
            params[layer, "norm", part] = array
        else:
            stats[layer, "norm", part] = array
    return {"params": unflatten_dict(params), "batch_stats": unflatten_dict(stats)}


# Sums of at most 16 * 8 float32 products a layer, three layers deep, with norms between that divide by a deviation
# near 1: sqrt(128) * 3 roundings of 6e-8, times 4 for Winograd's sums, is 8e-6 of numbers of order 1.
TOLERANCE = 1e-5


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_networks_match_pytorch(golden, mode):
    script, numbers = golden
    arrays, train = script.draw(), mode == "train"
    generator = Generator(script.RESOLUTION, script.CHANNELS)
    discriminator = Discriminator(script.RESOLUTION, script.CHANNELS)

    @jax.jit
    def run(generator_variables, discriminator_variables, latents, images):
        fake, _ = generator.apply(generator_variables, latents, train=train, mutable=["batch_stats"])
        logits, _ = discriminator.apply(discriminator_variables, images, train=train, mutable=["batch_stats"])
        return fake, logits

    variables = (from_pytorch(arrays, network) for network in ("generator", "discriminator"))
    fake, logits = run(*variables, arrays["latents"], arrays["images"].transpose(0, 2, 3, 1))
    np.testing.assert_allclose(fake[0, ::5, ::5].ravel(), numbers[f"images_{mode}"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(jnp.square(fake).mean(), numbers[f"mean_square_{mode}"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(logits, numbers[f"logits_{mode}"], rtol=0, atol=TOLERANCE)


def count(module, inputs):
    shapes = jax.eval_shape(lambda key: module.init(key, inputs, train=True), jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


@pytest.mark.parametrize(
    ("resolution", "generator", "discriminator"),
    [(64, 3_576_704, 2_765_568), (32, 1_068_928, 663_296)],  # 64: the PyTorch example; 32: counted by hand
)
def test_parameter_counts(resolution, generator, discriminator):
    channels = 64
    assert count(Generator(resolution, channels), jnp.zeros((2, 100))) == generator
    images = jnp.zeros((2, resolution, resolution, 3))
    assert count(Discriminator(resolution, channels), images) == discriminator


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_remat_and_bfloat16_change_no_interface(network):
    inputs = jnp.ones((2, 7)) if network is Generator else jnp.ones((2, 16, 16, 3))
    plain = network(16, 4)
    variables = jax.jit(lambda key: plain.init(key, inputs, train=True))(jax.random.key(0))

    def loss(params, module):
        outputs, _ = module.apply({**variables, "params": params}, inputs, train=True, mutable=["batch_stats"])
        assert outputs.dtype == jnp.float32
        return jnp.square(outputs - 0.5).sum()

    modules = plain, network(16, 4, remat=True), network(16, 4, dtype="bfloat16")
    gradients = jax.jit(lambda params: [jax.grad(loss)(params, module) for module in modules])(variables["params"])
    for a, b, c in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(a).max())
        assert c.dtype == jnp.float32


def test_discriminator_without_norm_has_no_statistics():
    variables = Discriminator(16, 4, norm="none").init(jax.random.key(0), jnp.ones((2, 16, 16, 3)), train=True)
    assert set(variables) == {"params"}


def test_bad_settings_name_the_field():
    with pytest.raises(UserError, match=r"game.generator.resolution=48: expected a power of two"):
        Generator(48).init(jax.random.key(0), jnp.ones((2, 7)), train=True)
    with pytest.raises(UserError, match=r"game.discriminator.norm='group'"):
        Discriminator(16, norm="group").init(jax.random.key(0), jnp.ones((2, 16, 16, 3)), train=True)
    with pytest.raises(UserError, match=r"game.discriminator.resolution=16: its images are 32 x 32"):
        Discriminator(16).init(jax.random.key(0), jnp.ones((2, 32, 32, 3)), train=True)


def test_batch_norm_by_hand():
    """Values and running averages."""
    x = np.random.default_rng(0).normal(3.0, 2.0, (4, 3, 3, 2)).astype(np.float32)
    module = BatchNorm()
    variables = module.init(jax.random.key(0), x, True)
    y, updates = module.apply(variables, x, True, mutable=["batch_stats"])
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5), rtol=0, atol=1e-5)
    np.testing.assert_allclose(updates["batch_stats"]["mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(updates["batch_stats"]["var"], 0.9 + 0.1 * var, rtol=1e-5)


def test_batch_norm_differentiates_like_its_definition():
    """First derivatives, and those of a penalty on the input gradient."""
    random = np.random.default_rng(0)

    def definition(x, scale, bias):
        return normalize(x, *moments(x), scale, bias, 1e-5)

    def derivatives(function, x, scale, bias):
        def loss(*inputs):
            return jnp.tanh(function(*inputs)).sum()

        def penalty(*inputs):
            return jnp.square(jax.grad(loss)(*inputs)).sum()

        return jax.grad(loss, (0, 1, 2))(x, scale, bias), jax.grad(penalty, (0, 1, 2))(x, scale, bias)

    with jax.enable_x64(True):
        x, scale, bias = random.normal(3.0, 2.0, (4, 3, 2)), random.normal(1.0, 0.1, 2), random.normal(0.0, 0.1, 2)
        ours = derivatives(lambda *inputs: batch_normalize(1e-5, *inputs), x, scale, bias)
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(derivatives(definition, x, scale, bias)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)

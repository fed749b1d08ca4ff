"""SNGAN: against PyTorch's numbers (tests/golden/sngan.py), spectral normalisation by hand, conditioning, options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from golden_numbers import load_golden

from jgan.families import sngan
from jgan.layers.conditioning import LABEL_INPUTS, LAST_LAYERS
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.dense import Dense, Embed
from jgan.types import SPECTRAL, UserError


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("sngan")


def from_pytorch(arrays, network, module, *inputs):
    """Flax variables of "generator" or "discriminator"; running averages as they begin."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, train=True))
    variables = {}
    for (collection, *layers, part), shape in flatten_dict(shapes).items():
        name = "/".join([network, *layers])
        if collection == "batch_stats":
            array = np.zeros(shape.shape, np.float32)
        elif part == "kernel":
            array = (
                arrays[f"{name}/weight"].T if len(shape.shape) == 2 else arrays[f"{name}/weight"].transpose(2, 3, 1, 0)
            )
        else:
            array = arrays[f"{name}/{'weight' if part == 'embedding' else part}"]
        assert array.shape == shape.shape, name
        variables[collection, *layers, part] = array
    return unflatten_dict(variables)


@pytest.mark.slow
def test_networks_match_pytorch(golden):
    """Images, logits, the vectors after one iteration, and derivatives: of a loss, and of a gradient penalty's."""
    script, numbers = golden
    arrays = script.draw()
    images, latents, labels = (
        arrays["images"].transpose(0, 2, 3, 1),
        arrays["latents"],
        arrays["labels"].astype("int32"),
    )
    generator = sngan.Generator(script.RESOLUTION, script.GENERATOR_WIDTHS, num_classes=script.NUM_CLASSES)
    discriminator = sngan.Discriminator(script.DISCRIMINATOR_WIDTHS, script.DOWNSAMPLES, script.NUM_CLASSES)

    @jax.jit
    def run(generator_variables, discriminator_variables):
        def generate(params):
            made, _ = generator.apply(
                {**generator_variables, "params": params}, latents, labels, train=True, mutable=["batch_stats"]
            )
            return jnp.square(made).mean(), made

        def discriminate(params, images):
            return discriminator.apply(
                {**discriminator_variables, "params": params}, images, labels, train=True, mutable=[SPECTRAL]
            )

        def loss(params):
            logits, advanced = discriminate(params, images)
            return jnp.square(logits).mean(), (logits, advanced)

        def penalty(params):
            slope = jax.grad(lambda images: discriminate(params, images)[0].sum())(images)
            return jnp.square(slope).sum((1, 2, 3)).mean()

        params = discriminator_variables["params"]
        return (
            jax.grad(generate, has_aux=True)(generator_variables["params"]),
            jax.grad(loss, has_aux=True)(params),
            jax.value_and_grad(penalty)(params),
        )

    (of_made, made), (of_logits, (logits, advanced)), (penalty, of_penalty) = run(
        from_pytorch(arrays, "generator", generator, latents, labels),
        from_pytorch(arrays, "discriminator", discriminator, images, labels),
    )
    ours = {
        "images": made.ravel()[:: script.SHARE],
        "generator_gradient": of_made["block_8"]["conv_1"]["kernel"].ravel()[:: script.SHARE],
        "logits": logits,
        "discriminator_gradient": of_logits["block_2"]["conv_1"]["kernel"].ravel()[:: script.SHARE],
        "penalty": penalty,
        "penalty_gradient": of_penalty["block_2"]["conv_1"]["kernel"].ravel()[:: script.SHARE],
        "u": advanced[SPECTRAL]["block_2"]["conv_1"]["u"],
        "u_projection": advanced[SPECTRAL]["projection"]["u"],
    }
    assert set(ours) == set(numbers) - {"torch"}
    for name, array in ours.items():
        # Some ten layers, forward and back, each a sum of up to 100 products: 10 * sqrt(100) roundings of 6e-8 are 6e-6
        # of the largest number.
        scale = np.abs(numbers[name]).max()
        np.testing.assert_allclose(array, numbers[name], rtol=0, atol=1e-5 * scale, err_msg=name)


LAYERS = {  # with spectral norm or without, example inputs, the kernel as a matrix with a row for each output
    "conv": (
        lambda on: Conv(4, (3, 3), use_bias=False, spectral_norm=on),
        np.ones((1, 4, 4, 5), np.float32),
        lambda kernel: kernel.reshape(-1, 4).T,
    ),
    "conv_transpose": (
        lambda on: ConvTranspose(4, (4, 4), (2, 2), use_bias=False, spectral_norm=on),
        np.ones((1, 3, 3, 5), np.float32),
        lambda kernel: kernel.transpose(2, 0, 1, 3).reshape(4, -1),
    ),
    "dense": (
        lambda on: Dense(4, use_bias=False, spectral_norm=on),
        np.ones((2, 7), np.float32),
        lambda kernel: kernel.T,
    ),
    "embed": (lambda on: Embed(4, 7, spectral_norm=on), np.arange(4, dtype=np.int32), lambda table: table),
}


@pytest.mark.parametrize("name", LAYERS)
def test_spectral_norm_by_hand(name):
    """Algorithm 1 in numpy; the vector advances in training alone, and every pass before that divides by the same."""
    make, inputs, to_matrix = LAYERS[name]
    layer = make(True)
    variables = layer.init(jax.random.key(0), inputs)
    (kernel,) = jax.tree.leaves(variables["params"])
    u = np.asarray(variables[SPECTRAL]["u"])
    np.testing.assert_allclose(np.linalg.norm(u), 1.0, rtol=1e-6)
    weight = to_matrix(np.asarray(kernel))
    v = weight.T @ u
    v /= np.linalg.norm(v)
    sigma = np.linalg.norm(weight @ v)

    plain = make(False).apply({"params": variables["params"]}, inputs)
    trained, advanced = layer.apply(variables, inputs, mutable=[SPECTRAL])
    np.testing.assert_allclose(trained, plain / sigma, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(advanced[SPECTRAL]["u"], weight @ v / sigma, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer.apply(variables, inputs), trained)
    # A vector that is an average of unit vectors counts by its direction alone.
    shorter = {**variables, SPECTRAL: {"u": 0.3 * u}}
    np.testing.assert_allclose(layer.apply(shorter, inputs), trained, rtol=1e-5, atol=1e-6)


def test_sigma_becomes_the_largest_singular_value():
    layer, inputs = Dense(6, use_bias=False, spectral_norm=True), np.eye(8, dtype=np.float32)
    variables = layer.init(jax.random.key(0), inputs)
    left, _, right = np.linalg.svd(variables["params"]["kernel"], full_matrices=False)
    variables["params"]["kernel"] = (left * [5, 2, 2, 1, 1, 1]) @ right
    step = jax.jit(lambda variables: layer.apply(variables, inputs, mutable=[SPECTRAL]))
    norms = []
    for _ in range(20):
        normal, advanced = step(variables)
        variables |= advanced
        norms.append(np.linalg.norm(normal, 2))
    # Each iteration shrinks all directions but the first by (2 / 5)^2: after 20 nothing but rounding is left of them.
    assert norms[0] > 1.01
    np.testing.assert_allclose(norms[-1], 1.0, rtol=1e-6)


RUN_ONCE = {"xla_backend_optimization_level": 0}  # compiled in less time than it would save
IMAGES = np.linspace(-1, 1, 2 * 8 * 8, dtype=np.float32).reshape(2, 8, 8, 1)
LATENTS = np.linspace(-1, 1, 2 * 4, dtype=np.float32).reshape(2, 4)
LABELS, OTHER_LABELS = np.array([0, 2], np.int32), np.array([1, 0], np.int32)


def run_with_labels(network, inputs):
    """Variables with nothing left at 0 or 1, outputs with two sets of labels, and what was sown."""

    def run():
        variables = network.init(jax.random.key(0), inputs, LABELS, train=True)
        # Batch norms begin with the same scale and bias for every class.
        moved = jax.tree.map(lambda leaf: leaf + 0.1 * jnp.sin(jnp.arange(leaf.size)).reshape(leaf.shape), variables)
        outputs, sown = network.apply(moved, inputs, LABELS, train=False, mutable=["intermediates"])
        return moved, outputs, network.apply(moved, inputs, OTHER_LABELS, train=False), sown.get("intermediates", {})

    return jax.jit(run, compiler_options=RUN_ONCE)()


@pytest.mark.parametrize("label_input", sngan.GENERATOR_LABEL_INPUTS)
@pytest.mark.parametrize("network", [sngan.Generator, sngan.ConvGenerator])
def test_labels_reach_the_generator(network, label_input):
    _, images, others, _ = run_with_labels(network(8, (4, 4), 1, 3, label_input), LATENTS)
    assert images.shape == (2, 8, 8, 1)
    assert (images != others).any((1, 2, 3)).all()


@pytest.mark.parametrize("label_input", [*LABEL_INPUTS, *LAST_LAYERS])
@pytest.mark.parametrize(
    "network", [sngan.Discriminator((4, 4), 1, 3), sngan.ConvDiscriminator((4, 4), 3)], ids=["residual", "plain"]
)
def test_labels_reach_the_discriminator(network, label_input):
    """All but the auxiliary classifier tell labels apart by the logit; it gives logits of the classes instead."""
    discriminator = network.clone(label_input=label_input, dtype="bfloat16")
    variables, logits, others, sown = run_with_labels(discriminator, IMAGES)
    (features,) = sown["features"]
    assert features.shape == (2, 4 if isinstance(network, sngan.Discriminator) else 4 * 4 * 4)
    assert logits.dtype == features.dtype == jnp.float32
    if label_input == "auxiliary_classifier":
        (class_logits,) = sown["class_logits"]
        assert class_logits.shape == (2, 3)
        assert class_logits.dtype == jnp.float32
        np.testing.assert_array_equal(others, logits)
    else:
        assert "class_logits" not in sown
        assert (others != logits).all()
    layers = {path[:-1] for path in flatten_dict(variables["params"])}
    assert {path[:-1] for path in flatten_dict(variables[SPECTRAL])} == layers


def test_without_classes_labels_are_ignored():
    discriminator = sngan.Discriminator((4, 4), 1, spectral_norm=False)
    variables, logits, others, _ = run_with_labels(discriminator, IMAGES)
    np.testing.assert_array_equal(logits, others)
    assert set(variables) == {"params"}
    assert set(variables["params"]) == {"block_1", "block_2", "to_logit"}


def test_pool_dropout_and_layer_norm():
    """The mean is the sum over the pixels; dropout is for training; each block but the first has two layer norms."""
    summed = sngan.Discriminator((4, 4), 1)
    dropped = sngan.Discriminator((4, 4), 1, pool="mean", dropout=0.5)
    normed = sngan.Discriminator((4, 4), 1, norm="layer")

    def run():
        variables = summed.init(jax.random.key(0), IMAGES, train=True)

        def features(network, variables):
            _, sown = network.apply(variables, IMAGES, train=False, mutable=["intermediates"])
            return sown["intermediates"]["features"][0]

        trained = dropped.apply(variables, IMAGES, train=True, rngs={"dropout": jax.random.key(1)})
        tested = dropped.apply(variables, IMAGES, train=False)
        return features(summed, variables), features(dropped, variables), trained, tested

    of_sum, of_mean, trained, tested = jax.jit(run, compiler_options=RUN_ONCE)()
    np.testing.assert_allclose(of_sum, 16 * of_mean, rtol=1e-6)
    assert (trained != tested).any()
    shapes = jax.eval_shape(lambda: normed.init(jax.random.key(0), IMAGES, train=True))["params"]
    assert {name for name in shapes["block_2"] if name.startswith("norm")} == {"norm_1", "norm_2"}
    assert "norm_1" not in shapes["block_1"]


@pytest.mark.parametrize(
    ("network", "inputs", "message"),
    [
        (sngan.Generator(36), LATENTS, r"game\.generator\.resolution=36: expected a multiple of 8"),
        (sngan.Generator(label_input="x"), LATENTS, r"game\.generator\.label_input='x': expected one of concatenate"),
        (sngan.ConvGenerator(num_classes=3), LATENTS, r"game\.num_classes=0: the networks need labels"),
        (sngan.Discriminator(pool="max"), IMAGES, r"game\.discriminator\.pool='max': expected one of sum, mean"),
        (sngan.Discriminator(norm="batch"), IMAGES, r"game\.discriminator\.norm='batch': expected one of none, layer"),
        (sngan.Discriminator(downsamples=5), IMAGES, r"game\.discriminator\.downsamples=5: expected at most one"),
        (
            sngan.Discriminator(downsamples=4),
            IMAGES,
            r"game\.discriminator\.downsamples: 8 x 8 images cannot be halved",
        ),
        (sngan.ConvDiscriminator(label_input="x"), IMAGES, r"game\.discriminator\.label_input='x'"),
        (sngan.ConvDiscriminator((4,) * 5), IMAGES, r"game\.discriminator\.widths: 8 x 8 images cannot be halved 4"),
        (sngan.Discriminator(num_classes=3), IMAGES, r"game\.num_classes=0: the networks need labels"),
    ],
)
def test_bad_settings_name_the_field(network, inputs, message):
    with pytest.raises(UserError, match=message):
        jax.eval_shape(lambda: network.init(jax.random.key(0), inputs, train=True))


def test_no_network_for_another_resolution():
    with pytest.raises(UserError, match=r"sngan\(resolution=64\): expected one of 32, 48, 128"):
        sngan.sngan(64)

"""StyleGAN2: the numbers of the official layers in PyTorch, by tests/golden/stylegan2.py, and the official names."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import GOLDEN, load_golden
from tables import mark_slow

from jgan.families import stylegan2
from jgan.interop import stylegan2 as official
from jgan.layers.style import AVERAGES

SCRIPT, NUMBERS = load_golden("stylegan2")
KEY = jax.random.key(0)
RNGS = {"params": KEY, "dropout": KEY}


def networks(case):
    """The networks of a case with the drawn weights, as (module, variables), and the inputs."""
    widths, channels, classes, layers, architecture, group = SCRIPT.CASES[case]
    generator = stylegan2.Generator(widths, channels, classes, SCRIPT.STYLE, layers)
    kind = {"orig": "plain", "resnet": "residual"}[architecture]
    discriminator = stylegan2.Discriminator(widths, classes, kind, minibatch_group=group)
    inputs = SCRIPT.draw_inputs(case)
    labels = jnp.asarray(inputs["labels"]) if classes else None
    made = []
    for module, first, shapes in zip(
        (generator, discriminator), (inputs["latents"], inputs["images"]), NUMBERS[case]["shapes"], strict=True
    ):
        wanted = jax.eval_shape(lambda module=module, first=first: module.init(RNGS, first, labels, train=True))
        made.append((module, official.read(SCRIPT.draw(shapes), wanted, case)))
    return *made, inputs, labels


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_names_come_back_bit_for_bit(case):
    for (_, variables), shapes in zip(networks(case)[:2], NUMBERS[case]["shapes"], strict=True):
        written, drawn = official.write(variables), SCRIPT.draw(shapes)
        assert written.keys() == drawn.keys()
        for name, array in drawn.items():
            np.testing.assert_array_equal(written[name], array, err_msg=name)


@pytest.mark.parametrize("axis", mark_slow([1, 2], [1]))
def test_a_wide_or_high_image_begins_as_the_square_one_that_its_constant_begins_with(axis):
    """Far from the end where one is longer: three columns of eight, that no layer's filter reaches from there."""
    shape = (4, 8) if axis == 2 else (8, 4)
    square, long = (stylegan2.Generator((6, 4), 2, 0, 8, 1, first) for first in ((4, 4), shape))
    latents = jax.random.normal(KEY, (2, 8))
    weights = jax.jit(lambda: long.init(RNGS, latents, train=True))()
    params = jax.tree.map(lambda leaf: leaf + 0.5, weights["params"])  # noise has a strength
    begin = {**weights, "params": params}
    halved = jax.tree.map(lambda noise: jnp.split(noise, 2, axis - 1)[0], begin["constants"])
    synthesis = {**params["synthesis"], "constant": params["synthesis"]["constant"][:4, :4]}
    other = {**begin, "params": {**params, "synthesis": synthesis}, "constants": halved}
    made, expected = (
        jax.jit(lambda variables, net=net: net.apply(variables, latents, train=False))(variables)
        for net, variables in ((long, begin), (square, other))
    )
    assert made.shape == (2, 2 * shape[0], 2 * shape[1], 2)
    near = (slice(None), slice(3), slice(None)) if axis == 1 else (slice(None), slice(None), slice(3))
    np.testing.assert_allclose(made[near], expected[near], rtol=1e-5, atol=1e-5 * float(jnp.abs(made).max()))
    assert not np.allclose(jnp.split(made, 2, axis)[0], expected, rtol=1e-3)


@pytest.mark.parametrize("case", mark_slow(SCRIPT.CASES, ("residual", "plain_labels")))
def test_numbers_are_those_of_the_official_layers(case):
    (generator, weights), (discriminator, other), inputs, labels = networks(case)
    numbers = NUMBERS[case]

    def near(found, name, units=2e-5):
        """Float32 against float64: each layer rounds, some twenty of them in turn; a unit is the largest number."""
        expected = np.asarray(numbers[name])
        found = np.asarray(found if found.ndim == 1 and len(found) == len(expected) else SCRIPT.part(found))
        np.testing.assert_allclose(found, expected, atol=units * np.abs(expected).max(), rtol=0)

    def synthesize(variables, styles):
        return generator.apply(variables, styles, train=False, method="synthesize")

    @jax.jit
    def generate(variables, latents):
        styles = generator.apply(variables, latents, labels, train=False, method="styles")
        average = variables[AVERAGES]["mapping"]["style"][None, None]
        moved = [styles, average + 0.7 * (styles - average), average + 0.5 * (styles - average)]
        moved[2] = jnp.concatenate([moved[2][:, :3], styles[:, 3:]], axis=1)
        return styles[:, 0], jax.vmap(lambda each: synthesize(variables, each))(jnp.stack(moved))

    styles, images = generate(weights, inputs["latents"])
    near(styles, "styles")
    for made, name in zip(images, ("images", "truncated", "cut_off"), strict=True):
        near(made, name)

    def judge(params, images):
        return discriminator.apply({"params": params}, images, labels, train=False)

    near(jax.jit(judge)(other["params"], inputs["images"]), "logits")
    if "r1" not in numbers:
        return

    @jax.jit
    def r1_gradient(params):
        def r1(kernel):
            changed = {**params, "from_image": {**params["from_image"], "kernel": kernel}}
            slopes = jax.grad(lambda images: judge(changed, images).sum())(inputs["images"])
            squares = jnp.square(slopes).sum((1, 2, 3))
            return squares.mean(), squares

        return jax.grad(r1, has_aux=True)(params["from_image"]["kernel"])

    for found, name in zip(r1_gradient(other["params"]), ("r1_gradient", "r1"), strict=True):
        near(found, name)

    @jax.jit
    def path(params, styles):
        def penalty(params):
            variables = {**weights, "params": params}
            weighted = lambda styles: (synthesize(variables, styles) * inputs["path_noise"]).sum()  # noqa: E731
            lengths = jnp.sqrt(jnp.square(jax.grad(weighted)(styles)).sum(2).mean(1))
            return jnp.square(lengths - 0.5).mean(), lengths

        gradients, lengths = jax.grad(penalty, has_aux=True)(params)
        synthesis = gradients["synthesis"]
        return (
            lengths,
            synthesis["block_8"]["conv_0"]["conv"]["kernel"],
            synthesis["conv_4"]["conv"]["style"]["kernel"],
        )

    found = path(weights["params"], jnp.repeat(styles[:, None], generator.num_styles, axis=1))
    for value, name in zip(found, ("path_lengths", "path_gradient", "affine_gradient"), strict=True):
        near(value, name, 1e-4)


PUBLISHED = json.loads((GOLDEN / "stylegan2_names.json").read_text())  # of the official networks as published


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_the_official_ones(name):
    resolution, classes = int(name.split()[0]), 10 if "classes" in name else 0
    widths = stylegan2.widths_of(resolution, 32768 if resolution == 32 else 16384)
    labels = jnp.zeros(4, int) if classes else None
    generator = stylegan2.Generator(widths, num_classes=classes, mapping_layers=2 if resolution == 32 else 8)
    discriminator = stylegan2.Discriminator(widths, classes, "plain" if resolution == 32 else "residual")
    for module, shape, player in ((generator, (4, 512), "G"), (discriminator, (4, resolution, resolution, 3), "D")):
        variables = jax.eval_shape(
            lambda module=module, shape=shape: module.init(RNGS, jnp.zeros(shape), labels, train=True)
        )
        assert official.tensors(variables) == {name: tuple(shape) for name, shape in PUBLISHED[name][player].items()}

"""StyleGAN2: the numbers of the official networks and losses, by tests/golden/stylegan2.py, and their names."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import GOLDEN, load_golden
from tables import mark_slow

from jgan.families import stylegan2
from jgan.games.style import PATH_LENGTH, StyleGAN
from jgan.interop import stylegan2 as official
from jgan.layers.style import AVERAGES, average_style
from jgan.types import Player, Stage, TrainState, schedule

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
            np.testing.assert_array_equal(written[name], array, err_msg=name, strict=True)


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


@pytest.mark.parametrize("case", mark_slow(SCRIPT.CASES, set(SCRIPT.CASES) - {SCRIPT.STEP}))
def test_images_and_logits_are_the_official_ones(case):
    (generator, weights), (discriminator, other), inputs, labels = networks(case)
    numbers, some = NUMBERS[case], None if labels is None else labels[:4]

    def near(found, name):
        """Float32 against float32: each layer rounds, some twenty of them in turn; a unit is the largest number."""
        expected = np.asarray(numbers[name])
        found = np.asarray(found if found.ndim == 1 and len(found) == len(expected) else SCRIPT.part(found))
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max(), rtol=0)

    @jax.jit
    def generate(variables, latents):
        styles = generator.apply(variables, latents, some, train=False, method="styles")
        average = variables[AVERAGES]["mapping"]["style"][None, None]
        moved = [styles, average + 0.7 * (styles - average), average + 0.5 * (styles - average)]
        moved[2] = jnp.concatenate([moved[2][:, :3], styles[:, 3:]], axis=1)
        each = jax.vmap(lambda styles: generator.apply(variables, styles, train=False, method="synthesize"))
        return styles[:, 0], each(jnp.stack(moved))

    styles, images = generate(weights, inputs["latents"][:4])
    near(styles, "styles")
    for made, name in zip(images, ("images", "truncated", "cut_off"), strict=True):
        near(made, name)
    near(jax.jit(lambda images: discriminator.apply(other, images, labels, train=False))(inputs["images"]), "logits")


class Given(StyleGAN):
    """The game on latents that are given."""

    def sample_latents(self, rngs, truncation=None):
        del truncation
        return SCRIPT.draw_inputs(SCRIPT.STEP)["latents"][: len(rngs)]


@pytest.mark.parametrize(
    ("ours", "phase"),
    [("generator", "Gmain"), ("path_length", "Greg"), ("discriminator", "Dmain"), ("penalty", "Dreg")],
)
def test_losses_and_gradients_are_the_official_ones(ours, phase, monkeypatch):
    """Of each phase: R1 and path lengths with the derivatives of their derivatives."""
    (generator, weights), (discriminator, other), inputs, labels = networks(SCRIPT.STEP)
    side, numbers = inputs["images"].shape[1], NUMBERS["phases"]
    monkeypatch.setattr(stylegan2.Synthesis, "_noises", lambda self, *_, **__: [(None, None)] * len(self.widths))
    monkeypatch.setattr(jax.random, "normal", lambda *_: jnp.ravel(side * inputs["path_noise"][0]))
    game = Given(
        generator,
        discriminator,
        latent_dim=SCRIPT.LATENT,
        num_classes=generator.num_classes,
        r1_gamma=SCRIPT.R1_GAMMA,
        r1_every=SCRIPT.EVERY["Dreg"],
        path_length_every=SCRIPT.EVERY["Greg"],
        style_mixing=0.0,
    )
    (stage,) = schedule((Stage(steps=1, batch_size=SCRIPT.BATCH, resolution=side),))
    players = [
        Player(one["params"], {name: one[name] for name in one if name != "params"}, ()) for one in (weights, other)
    ]
    state = TrainState(jnp.int32(0), *players, {PATH_LENGTH: jnp.float32(SCRIPT.PATH_MEAN)}, ())
    (loss,) = (each.loss for each in game.phases(stage) if each.name == ours)
    batch, rngs = {"images": inputs["images"], "labels": labels}, jax.random.split(RNGS["params"], SCRIPT.BATCH)
    (player,) = (each.player for each in game.phases(stage) if each.name == ours)
    run = jax.jit(jax.value_and_grad(lambda params: loss(params, state, batch, rngs), has_aux=True))
    (value, (_, after)), gradients = run(getattr(state, player).params)
    np.testing.assert_allclose(value, SCRIPT.EVERY[phase] * numbers["losses"][phase], rtol=1e-4)
    if phase in ("Gmain", "Dmain"):  # of the same latents
        average = average_style(after.generator.variables)
        np.testing.assert_allclose(SCRIPT.part(average), numbers["w_avg"], atol=1e-6)
    if phase == "Greg":
        np.testing.assert_allclose(after.extras[PATH_LENGTH], numbers["path_mean"], rtol=1e-5)
    named = {name: array for name, array in official.write({"params": gradients}).items() if "filter" not in name}
    assert named.keys() == numbers[phase].keys()
    largest = max(length for length, _ in numbers[phase].values())
    for name, gradient in named.items():
        length, slope = numbers[phase][name]
        found = SCRIPT.two_numbers(name, gradient)
        reach = np.sqrt(np.square(SCRIPT.direction(name, gradient.shape)).sum())
        # Float32, and sums in another order: some 20 roundings, and R1's and the path's gradients are differences.
        error = 2e-4 * length + 2e-6 * largest
        np.testing.assert_allclose(found, (length, slope), rtol=0, atol=error * max(reach, 1.0), err_msg=name)
        assert abs(found[0] - length) <= error, name


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

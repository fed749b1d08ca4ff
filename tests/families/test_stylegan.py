"""StyleGAN: the numbers of its layers in PyTorch, by tests/golden/stylegan.py, the official names, and its growth."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, path_aware_map
from golden_numbers import load_golden
from tables import mark_slow

from jgan.families import stylegan
from jgan.interop import stylegan as official
from jgan.layers.style import AVERAGES
from jgan.types import Player, Stage, TrainState, UserError, schedule

SCRIPT, NUMBERS = load_golden("stylegan")
KEY = jax.random.key(0)
RNGS = {"params": KEY, "dropout": KEY}
GROWTHS = [f"{case} {growth}" for case in SCRIPT.CASES for growth in NUMBERS[case] if growth != "shapes"]


@functools.cache
def networks(case):
    """The networks of a case with the drawn weights, as (module, variables), and the inputs."""
    widths, channels, classes, layers, _ = SCRIPT.CASES[case]
    generator = stylegan.Generator(widths, channels, classes, SCRIPT.STYLE, layers)
    inputs = SCRIPT.draw_inputs(case)
    labels, made = jnp.asarray(inputs["labels"]) if classes else None, []
    whole = {"resolution": 4 << (len(widths) - 1), "fade": None, "train": True}
    for module, first, shapes in zip(
        (generator, stylegan.Discriminator(widths, classes)),
        (inputs["latents"], inputs["images"]),
        NUMBERS[case]["shapes"],
        strict=True,
    ):
        wanted = jax.eval_shape(lambda module=module, first=first: module.init(RNGS, first, labels, **whole))
        made.append((module, official.read(SCRIPT.draw(shapes), wanted, case)))
    return *made, inputs, labels


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_names_come_back_bit_for_bit(case):
    for (_, variables), shapes in zip(networks(case)[:2], NUMBERS[case]["shapes"], strict=True):
        written, drawn = official.write(variables), SCRIPT.draw(shapes)
        assert {name: list(array.shape) for name, array in written.items()} == shapes
        for name, array in drawn.items():
            np.testing.assert_array_equal(written[name], array, err_msg=name)


@pytest.mark.parametrize("which", mark_slow(GROWTHS, set(GROWTHS) - {"labels 8 None"}))
def test_numbers_are_those_of_the_official_layers(which, monkeypatch):
    case, resolution, fade = which.split()
    (generator, weights), (discriminator, other), inputs, labels = networks(case)
    numbers, side = NUMBERS[case][f"{resolution} {fade}"], int(resolution)
    growth = {"resolution": side, "fade": None if fade == "None" else jnp.float32(fade)}
    images = inputs["images"][:, :side, :side]

    def given(_, count, pixels):
        noise = inputs["noise"][:, : sum(pixels)]
        assert count == len(noise)
        return jnp.split(noise, np.cumsum(pixels)[:-1], axis=1)

    monkeypatch.setattr(stylegan, "draw_noises", given)

    @jax.jit
    def generate(variables):
        styles = generator.apply(variables, inputs["latents"], labels, train=False, method="styles", **growth)
        average, moved = variables[AVERAGES]["mapping"]["style"][None, None], []
        for psi, cutoff in SCRIPT.TRUNCATIONS.values():
            first = (jnp.arange(styles.shape[1]) < cutoff)[None, :, None]
            moved.append(jnp.where(first, average + psi * (styles - average), styles))
        show = lambda styles: generator.apply(variables, styles, train=False, method="synthesize", **growth)  # noqa: E731
        return jax.lax.map(show, jnp.stack(moved)), styles

    made, styles = generate(weights)
    found = {name: SCRIPT.part(image) for name, image in zip(SCRIPT.TRUNCATIONS, made, strict=True)}

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def noisy(params):
        call = {"train": True, "method": "synthesize", "rngs": RNGS, "mutable": [AVERAGES], **growth}
        images, _ = generator.apply({**weights, "params": params}, styles, **call)
        return jnp.square(images).mean(), images

    slope, image = noisy(weights["params"])
    found |= {"noisy": SCRIPT.part(image)}
    found["style_gradient"] = SCRIPT.part(slope["synthesis"]["block_4"]["norm_1"]["style"]["kernel"])

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def r1(params):
        judge = lambda images: discriminator.apply({"params": params}, images, labels, train=True, **growth)  # noqa: E731
        logits, back = jax.vjp(judge, images)
        penalty = jnp.square(back(jnp.ones_like(logits))[0]).sum((1, 2, 3))
        return penalty.mean(), (logits, penalty)

    slope, (logits, penalty) = r1(other["params"])
    found |= {"logits": logits, "r1": penalty, "r1_gradient": SCRIPT.part(slope["conv_4"]["kernel"])}
    assert found.keys() == numbers.keys()
    for name, expected in numbers.items():
        # Float32 against float64, some twenty roundings in turn; a unit is the largest number.
        unit = 1e-4 if name.endswith("gradient") else 2e-5
        np.testing.assert_allclose(found[name], expected, atol=unit * np.abs(expected).max(), rtol=0, err_msg=name)


def test_a_network_that_still_grows_is_not_read():
    (_, variables), *_ = networks("labels")
    shapes = jax.eval_shape(lambda: variables)
    tensors = {**SCRIPT.draw(NUMBERS["labels"]["shapes"][0]), "G_synthesis/lod": np.float32(1.5)}
    with pytest.raises(UserError, match="G_synthesis/lod is not 0: its newest layers are not faded in yet"):
        official.read(tensors, shapes, "file")


# As the official networks were counted, all layers of colours included.
PUBLISHED = {
    32: (22_841_356, 20_726_785),
    64: (25_137_935, 22_498_049),
    128: (25_843_858, 22_941_313),
    256: (26_086_229, 23_052_353),
    512: (26_179_768, 23_080_225),
    1024: (26_219_627, 23_087_249),
}


@pytest.mark.parametrize("resolution", mark_slow(PUBLISHED, set(PUBLISHED) - {32, 1024}))
def test_parameters_are_as_many_as_published(resolution):
    game = stylegan.stylegan(resolution)
    (stage,) = schedule((Stage(steps=1, batch_size=4, resolution=resolution),))
    batch = {"images": jnp.zeros((4, resolution, resolution, 3))}
    shapes = jax.eval_shape(lambda: game.init(KEY, batch, stage))
    counts = [sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(player["params"])) for player in shapes]
    assert tuple(counts) == PUBLISHED[resolution]


GAME = stylegan.stylegan(16, base=64, most=6, image_channels=1, mapping_layers=2)
STAGES = schedule(
    (
        Stage(steps=3, batch_size=8, resolution=8),
        Stage(steps=4, batch_size=8, resolution=16, fade_images=16),
    )
)
BATCHES = tuple({"images": jnp.zeros((8, stage.resolution, stage.resolution, 1))} for stage in STAGES)


def shapes_at(stage):
    """Of the generator's and the discriminator's variables."""
    return jax.eval_shape(lambda: GAME.init(KEY, BATCHES[stage], STAGES[stage]))


@pytest.fixture(scope="module")
def players():
    """Both networks as the last stage has them, with numbers of their own everywhere."""
    random = np.random.default_rng(0)

    def draw(path, leaf):
        slow = path[1] == "mapping"  # whose weights are used times 0.01
        return jnp.asarray((100.0 if slow else 0.5) * random.standard_normal(leaf.shape), jnp.float32)

    drawn = (path_aware_map(draw, shapes) for shapes in shapes_at(1))
    return [Player(tree.pop("params"), tree, None) for tree in map(dict, drawn)]


def test_the_last_stage_has_all_layers_and_the_first_its_own():
    for first, last in zip(shapes_at(0), shapes_at(1), strict=True):
        first, last = flatten_dict(first), flatten_dict(last)
        assert first.items() < last.items()
        assert {path[-2] for path in last if "image_" in path[-2]} in (
            {f"{name}_image_{side}" for side in (4, 8, 16)} for name in ("to", "from")
        )


def test_styles_are_mixed_among_the_layers_that_are_there(players):
    rngs = jax.random.split(jax.random.key(1), 8)
    game = dataclasses.replace(GAME, style_mixing=1.0)
    for stage, batch, layers in zip(STAGES, BATCHES, (4, 6), strict=True):
        state = TrainState(jnp.int32(stage.start), *players, {}, ())
        inputs = game.step_inputs(stage, state, batch, rngs)
        latents = game.sample_latents(rngs)
        mixed, _ = game._styles(players[0], latents, inputs)
        plain, _ = dataclasses.replace(game, style_mixing=0.0)._styles(players[0], latents, inputs)
        same = (mixed == plain).all(2)
        assert mixed.shape == (8, layers, 6)
        assert same[:, 0].all()
        assert not same[:, -1].any()


def test_samples_grow_and_the_truncation_ends_with_its_layers(players):
    """The first eight layers are all that 16 x 16 has: at a psi of next to nothing all images are one."""
    assert (GAME.truncation_cutoff, stylegan.stylegan(64, 64, 6).truncation_cutoff) == (6, 8)
    rngs = jax.random.split(KEY, 2)
    for stage in STAGES:
        growth = GAME.growth(stage, jnp.int32(stage.start + 1))
        draw = jax.jit(lambda psi, growth=growth: GAME.sample(players[0], rngs, truncation=psi, growth=growth))
        whole, one = draw(1.0), draw(1e-6)
        assert whole.shape == (2, stage.resolution, stage.resolution, 1)
        np.testing.assert_allclose(one[0], one[1], atol=1e-3)
        assert np.abs(whole[0] - whole[1]).max() > 0.1


@pytest.mark.slow
def test_bfloat16_is_inside_and_remat_changes_no_gradient(players):
    growth, latents = {"resolution": 16, "fade": jnp.float32(0.5)}, jax.random.normal(KEY, (4, 6))
    images = jax.random.normal(KEY, (4, 16, 16, 1))
    for module, player, inputs in zip((GAME.generator, GAME.discriminator), players, (latents, images), strict=True):

        def run(module, params, player=player, inputs=inputs):
            return module.apply({"params": params, **player.variables}, inputs, train=False, **growth)

        def gradients(module, run=run, player=player):
            return jax.jit(jax.grad(lambda params: jnp.square(run(module, params)).mean()))(player.params)

        plain, remat = gradients(module), gradients(module.clone(remat=True))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), plain, remat)
        exact, rounded = (run(each, player.params) for each in (module, module.clone(dtype="bfloat16")))
        assert {exact.dtype, rounded.dtype} == {np.dtype("float32")}
        # bfloat16 keeps 8 bits: 2^-8 a rounding, some tens of them in a row
        np.testing.assert_allclose(rounded, exact, atol=0.1 * float(jnp.abs(exact).max()))
        assert not np.array_equal(rounded, exact)


@pytest.mark.parametrize("resolution", [4, 24, 0])
def test_resolutions_that_cannot_be_are_refused(resolution):
    with pytest.raises(UserError, match=rf"^resolution={resolution}: expected a power of two from 8 on"):
        stylegan.stylegan(resolution)

"""StyleGAN3: the numbers of the official networks, by tests/golden/stylegan3.py, and their names."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from golden_numbers import GOLDEN, load_golden
from tables import mark_slow

from jgan.augment.blur import blur
from jgan.engine import sharding
from jgan.engine.optim import AdamConfig, EmaConfig, make_optimizer
from jgan.engine.step import PLAYERS, create_state, make_train_step
from jgan.families import stylegan3
from jgan.interop import stylegan3 as official
from jgan.layers.bands import bands_of, resampling_of
from jgan.layers.style import AVERAGES
from jgan.types import Stage, UserError, schedule

SCRIPT, NUMBERS = load_golden("stylegan3")
RNGS = {"params": jax.random.key(0)}


def generator_of(case):
    resolution, layers, base, most, rotations, channels, classes = SCRIPT.CASES[case]
    return stylegan3.Generator(resolution, channels, classes, base, most, rotations, layers, SCRIPT.STYLE)


def shapes_of(generator, latents, labels=None):
    return jax.eval_shape(lambda: generator.init(RNGS, latents, labels, train=True))


def drawn(case):
    """The network of a case, its state dict, its variables, and the inputs."""
    generator, inputs = generator_of(case), SCRIPT.draw_inputs(case)
    labels = jnp.asarray(inputs["labels"]) if generator.num_classes else None
    shapes = shapes_of(generator, inputs["latents"], labels)
    filters = official.write(jax.tree.map(lambda leaf: np.zeros(leaf.shape), shapes))
    tensors = filters | SCRIPT.draw(NUMBERS[case]["shapes"])
    return generator, tensors, official.read(tensors, shapes, case), inputs["latents"], labels


@pytest.mark.parametrize("case", mark_slow(SCRIPT.CASES, ("t_64", "r_64")))
def test_images_are_the_official_ones(case):
    generator, tensors, weights, latents, labels = drawn(case)
    numbers = NUMBERS[case]
    assert {name: list(array.shape) for name, array in tensors.items()} == numbers["shapes"]
    for name, taps in numbers["filters"].items():  # as scipy designs them
        np.testing.assert_allclose(SCRIPT.part(tensors[name]), taps, atol=1e-6)

    @jax.jit
    def generate(variables):
        styles = generator.apply(variables, latents, labels, train=False, method="styles")
        average = variables[AVERAGES]["mapping"]["style"][None, None]
        moved = [styles, average + 0.7 * (styles - average), average + 0.5 * (styles - average)]
        moved[2] = jnp.concatenate([moved[2][:, :3], styles[:, 3:]], axis=1)
        each = jax.lax.map(
            lambda one: generator.apply(variables, one, train=False, method="synthesize"), jnp.stack(moved)
        )
        return styles[:, 0], each

    def near(found, name):
        # Float32 against float32, some twenty roundings in turn; a unit is the largest number.
        expected = np.asarray(numbers[name])
        np.testing.assert_allclose(SCRIPT.part(found), expected, atol=2e-5 * np.abs(expected).max(), rtol=0)

    styles, images = generate(weights)
    for found, name in zip((styles, *images), ("styles", "images", "truncated", "cut_off"), strict=True):
        near(found, name)
    if case == "t":
        call = {"train": True, "mutable": [AVERAGES]}
        image, moved = jax.jit(lambda variables: generator.apply(variables, latents, labels, **call))(weights)
        near(image, "advanced")
        written = official.write({**weights, **moved})
        assert len(numbers["averages"]) == 7
        for name, average in numbers["averages"].items():
            np.testing.assert_allclose(SCRIPT.part(written[name]), average, rtol=1e-5, atol=1e-6, err_msg=name)


def test_blur_is_the_official_one():
    for sigma, expected in zip(SCRIPT.SIGMAS, NUMBERS["blurred"], strict=True):
        np.testing.assert_allclose(SCRIPT.part(blur(SCRIPT.draw_image(), jnp.float32(sigma))), expected, atol=1e-6)


def test_state_dicts_come_back_bit_for_bit_and_no_other_filter_is_read():
    generator, tensors, weights, latents, _ = drawn("t")
    written = official.write(weights)
    assert written.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(written[name], array, err_msg=name, strict=True)
    shapes = shapes_of(generator, latents)
    name = next(name for name in tensors if "L1_" in name and name.endswith("up_filter"))
    with pytest.raises(UserError, match=f"{name} is another filter"):
        official.read({**tensors, name: 1.01 * tensors[name]}, shapes, "file")
    with pytest.raises(UserError, match=r"missing mapping\.w_avg"):
        official.read({name: array for name, array in tensors.items() if name != "mapping.w_avg"}, shapes, "file")


PUBLISHED = json.loads((GOLDEN / "stylegan3_names.json").read_text())  # of the official networks


@pytest.mark.parametrize("kind", "tr")
def test_names_and_shapes_are_the_official_ones(kind):
    generator = stylegan3.stylegan3(1024, rotations=kind == "r").generator
    found = official.tensors(shapes_of(generator, jnp.zeros((2, 512))))
    assert found == {name: tuple(shape) for name, shape in PUBLISHED["names"][kind].items()}


@pytest.mark.parametrize(
    "name", mark_slow(PUBLISHED["layers"], set(PUBLISHED["layers"]) - {"t 256 16384", "r 128 32768"})
)
def test_layers_and_counts_are_the_official_ones(name):
    kind, resolution, base = name.split()
    published, rotations = PUBLISHED["layers"][name], kind == "r"
    generator = stylegan3.stylegan3(int(resolution), rotations, int(base)).generator
    shapes = shapes_of(generator, jnp.zeros((2, 512)))
    params = {part: sum(leaf.size for leaf in jax.tree.leaves(tree)) for part, tree in shapes["params"].items()}
    assert params == {"synthesis": published["synthesis"], "mapping": published["mapping"]}
    filters = sum(np.prod(shape) for name, shape in official.tensors(shapes).items() if name.endswith("_filter"))
    others = sum(leaf.size for kind in ("constants", "averages") for leaf in jax.tree.leaves(shapes[kind]))
    assert filters + others == published["buffers"]
    bands = bands_of(int(resolution), 14, generator.base, generator.most, 3)
    for index, row in enumerate(published["layers"]):
        layer, channels, rate, cutoffs, half_widths, up, down, radial, padding, _ = row
        before, band = bands[max(index - 1, 0)], bands[index]
        assert layer == f"L{index}_{band.size}_{band.channels}"
        assert channels == before.channels
        np.testing.assert_allclose([before.cutoff, band.cutoff], cutoffs, rtol=1e-3)
        np.testing.assert_allclose([before.half_width, band.half_width], half_widths, rtol=1e-3)
        if index == 14:
            continue
        inputs = before.size + (0 if rotations else 2)
        made = resampling_of(before, band, inputs, rotations)
        assert rate == made.up * before.rate == made.down * band.rate
        assert ([made.up, len(made.up_taps)], [made.down, len(made.down_taps)]) == (up, down)
        assert (made.down_taps.ndim == 2, made.before) == (radial, padding[0])
        assert made.size + up[1] - 1 - inputs * made.up - made.before == padding[1]


def test_averages_follow_the_batch_and_an_image_its_own_latents():
    generator = stylegan3.Generator(8, 1, 0, 16, 4, layers=3, style_units=6)
    random = np.random.default_rng(0)
    latents = jnp.asarray(random.standard_normal((3, 6)), jnp.float32)
    drawn = lambda leaf: jnp.asarray(1.0 + 0.3 * random.standard_normal(leaf.shape), jnp.float32)  # noqa: E731
    weights = jax.tree.map(drawn, shapes_of(generator, latents))
    weights[AVERAGES]["synthesis"]["layer_0_28"]["magnitude"] = jnp.float32(1e8)
    made, changed = jax.jit(lambda z: generator.apply(weights, z, train=True, mutable=[AVERAGES]))(latents)
    averages = changed[AVERAGES]
    assert {name: len(layer) for name, layer in averages["synthesis"].items()} == {
        "layer_0_28": 1, "layer_1_28": 1, "layer_2_8": 1, "layer_3_8": 1
    }  # fmt: skip
    for name, layer in averages["synthesis"].items():
        assert layer["magnitude"] != weights[AVERAGES]["synthesis"][name]["magnitude"], name
    # Beside so large an average the batch's own mean square is nothing.
    np.testing.assert_allclose(averages["synthesis"]["layer_0_28"]["magnitude"], 1e8 * 0.5 ** (3 / 20_000), rtol=1e-6)
    show = jax.jit(lambda variables, z: generator.apply(variables, z, train=False))
    # What trains counts before it is used; and styles are not normalised by those of other images.
    alone = show({**weights, **changed}, latents.at[1:].multiply(7.0))
    np.testing.assert_allclose(alone[0], made[0], atol=1e-5)
    styles = jax.jit(lambda z: generator.apply(weights, z, train=False, method="styles"))(latents)[:, 0]
    average = weights[AVERAGES]["mapping"]["style"]
    np.testing.assert_allclose(averages["mapping"]["style"], average + 0.002 * (styles.mean(0) - average), rtol=1e-5)


def generator_moved(devices, fsdp=1, accumulate=1):
    """The state after both moves on eight images, and what they report."""
    with pytest.MonkeyPatch.context() as patch:
        use_devices(patch, devices)
        patch.setattr(sharding, "SMALLEST_SHARDED", 8)
        layout = sharding.make_sharding(fsdp)
        (stage,) = schedule((Stage(steps=1, batch_size=8, resolution=8, accumulate=accumulate),))
        game = stylegan3.stylegan3(8, base=16, most=4, layers=3, r1_gamma=0.0, minibatch_group=1)
        batch = {"images": jnp.zeros((8, 8, 8, 3))}
        optimizers = {player: make_optimizer(AdamConfig(learning_rate=1e-3)) for player in PLAYERS}
        state = jax.jit(lambda: create_state(game, (stage,), (batch,), optimizers, jax.random.key(0)))()
        states = layout.of_state(state)
        step = make_train_step(game, stage, optimizers, EmaConfig(), lambda *args: args[1], layout, states)
        batch, state = jax.device_put(batch, layout.batch), jax.device_put(state, states)
        split = {leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(state.generator.params)}
        assert split == ({True} if fsdp == 1 else {True, False})
        return jax.device_get(step(state, batch, jax.random.key(5), active=("discriminator", "generator")))


def test_averages_move_where_the_discriminator_learns_alone():
    game = stylegan3.stylegan3(8, base=16, most=4, layers=3, minibatch_group=1)
    (stage,) = schedule((Stage(steps=1, batch_size=4, resolution=8),))
    batch, rngs = {"images": jnp.zeros((4, 8, 8, 3))}, jax.random.split(jax.random.key(1), 4)
    optimizers = {player: make_optimizer(AdamConfig()) for player in PLAYERS}

    @jax.jit
    def variables():
        state = create_state(game, (stage,), (batch,), optimizers, jax.random.key(0))
        after = [
            loss(stage, getattr(state, player).params, state, batch, rngs)[1][1].generator.variables
            for player, loss in (("discriminator", game.discriminator_loss), ("generator", game.generator_loss))
        ]
        latents = game.sample_latents(rngs)
        trained = {"params": state.generator.params, **state.generator.variables}
        _, moved = game.generator.apply(trained, latents, train=True, mutable=[AVERAGES])
        return state.generator.variables, moved, *after

    before, moved, of_discriminator, of_generator = variables()
    jax.tree.map(np.testing.assert_array_equal, of_generator, before)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)  # noqa: E731
    jax.tree.map(close, of_discriminator[AVERAGES], moved[AVERAGES])
    assert all(layer["magnitude"] != 1 for layer in moved[AVERAGES]["synthesis"].values())


@pytest.mark.slow
def test_devices_and_microbatches_change_no_more_than_is_stated():
    """Means are those of the whole batch on any devices; averages move with each microbatch (docs/architecture.md)."""
    whole, report = generator_moved(1)
    for layout in ({"devices": 2}, {"devices": 4, "fsdp": 2}):
        state, metrics = generator_moved(**layout)
        for before, after in ((whole.generator.variables, state.generator.variables), (report, metrics)):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), before, after)
        # Adam's first step is as long for a small gradient as for a large one, whatever its last bits.
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), whole.generator.params, state.generator.params
        )
    state, metrics = generator_moved(2, accumulate=2)
    np.testing.assert_allclose(metrics["generator/loss"], report["generator/loss"], rtol=1e-3)
    np.testing.assert_allclose(metrics["generator/grad_norm"], report["generator/grad_norm"], rtol=1e-2)
    once, twice = (each.generator.variables[AVERAGES] for each in (whole, state))
    for name, layer in once["synthesis"].items():  # by halves of the images each time, from 1
        np.testing.assert_allclose(twice["synthesis"][name]["magnitude"], layer["magnitude"], rtol=1e-4)
    np.testing.assert_allclose(twice["mapping"]["style"], 2 * once["mapping"]["style"], rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rotations", [False, True])
def test_bfloat16_is_inside_and_remat_changes_no_gradient(rotations):
    generator = stylegan3.Generator(16, 3, 0, 64, 8, rotations, layers=4, style_units=6)
    latents = jax.random.normal(RNGS["params"], (2, 6))
    weights = jax.jit(lambda: generator.init(RNGS, latents, train=True))()

    def images(generator, params):
        return generator.apply({**weights, "params": params}, latents, train=False)

    def gradients(generator):
        return jax.jit(jax.grad(lambda params: jnp.square(images(generator, params)).mean()))(weights["params"])

    plain, remat = gradients(generator), gradients(generator.clone(remat=True))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), plain, remat)
    exact, rounded = (images(each, weights["params"]) for each in (generator, generator.clone(dtype="bfloat16")))
    assert {exact.dtype, rounded.dtype} == {np.dtype("float32")}
    # bfloat16 keeps 8 bits: 2^-8 a rounding, some tens of them in a row
    np.testing.assert_allclose(rounded, exact, atol=0.1 * float(jnp.abs(exact).max()))
    assert not np.array_equal(rounded, exact)


@pytest.mark.parametrize("fields", [{"resolution": 48}, {"resolution": 4}, {"layers": 2}])
def test_sizes_that_cannot_be_are_refused(fields):
    ((name, value),) = fields.items()
    with pytest.raises(UserError, match=f"game.generator.{name}={value}: expected"):
        shapes_of(stylegan3.stylegan3(32, base=64, most=8).generator.clone(**fields), jnp.zeros((2, 8)))

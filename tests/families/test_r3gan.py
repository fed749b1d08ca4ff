"""R3GAN: against PyTorch's numbers (tests/golden/r3gan.py), published sizes, initial values, what is refused."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from golden_numbers import load_golden
from runs import ROOT

from jgan import config as configs
from jgan.engine.optim import AdamConfig, EmaConfig, ema_decay, make_optimizer
from jgan.families import r3gan
from jgan.games.latent import LatentGAN
from jgan.types import Player, Stage, TrainState, UserError, schedule


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("r3gan")


def small_game(script):
    """The script's networks."""
    common = {"num_classes": script.NUM_CLASSES, "blocks": script.BLOCKS, "expansion": script.EXPANSION}
    generator = r3gan.Generator(script.WIDTHS, script.GROUPS, class_features=script.LABEL_FEATURES, **common)
    discriminator = r3gan.Discriminator(
        script.WIDTHS[::-1], script.GROUPS[::-1], class_features=script.CLASS_FEATURES, **common
    )
    return LatentGAN(
        generator,
        discriminator,
        latent_dim=script.LATENT_DIM,
        num_classes=script.NUM_CLASSES,
        adversarial="relativistic_paired",
        r1_gamma=script.GAMMA,
        r2_gamma=script.GAMMA,
        r1_every=1,
    )


def in_our_layout(array):
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.transpose(1, 2, 0) if array.ndim == 3 else array


def from_pytorch(arrays, network, module, *inputs):
    """Parameters of "generator" or "discriminator"."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, train=True))["params"]
    params = {}
    for (*layers, part), shape in flatten_dict(shapes).items():
        if part == "bias":
            array = arrays["/".join([network, *layers, "bias"])]
        else:
            named = [*layers, part] if part == "basis" else layers
            array = in_our_layout(arrays["/".join([network, *named])])
        array = array.T if part == "kernel" and array.ndim == 2 else array
        assert array.shape == shape.shape, layers
        params[*layers, part] = array
    return unflatten_dict(params)


@pytest.mark.slow
def test_networks_and_losses_match_pytorch(golden, monkeypatch):
    """Images, logits, the game's own losses with R1 and R2, and their gradients, blocks computed twice."""
    script, numbers = golden
    arrays, game = script.draw(), small_game(script)
    game = dataclasses.replace(
        game, generator=game.generator.clone(remat=True), discriminator=game.discriminator.clone(remat=True)
    )
    images, latents = jnp.asarray(arrays["images"].transpose(0, 2, 3, 1)), arrays["latents"]
    labels = jnp.asarray(arrays["labels"].astype("int32"))
    params = {
        "generator": from_pytorch(arrays, "generator", game.generator, latents, labels),
        "discriminator": from_pytorch(arrays, "discriminator", game.discriminator, images, labels),
    }
    monkeypatch.setattr(LatentGAN, "sample_latents", lambda self, rngs: jnp.asarray(latents))
    (stage,) = schedule((Stage(steps=1, batch_size=script.BATCH, resolution=images.shape[1]),))
    batch, rngs = {"images": images, "labels": labels}, jax.random.split(jax.random.key(0), script.BATCH)

    @jax.jit
    def run(params):
        players = {name: Player(params[name], {}, ()) for name in params}
        state = TrainState(jnp.int32(0), **players, extras={}, frozen=())
        found = {}
        for name in ("discriminator", "generator"):
            loss = getattr(game, f"{name}_loss")
            found[name] = jax.value_and_grad(lambda p, f=loss: f(stage, p, state, batch, rngs), has_aux=True)(
                params[name]
            )
        made = game.generator.apply({"params": params["generator"]}, latents, labels, train=True)
        logits = game.discriminator.apply({"params": params["discriminator"]}, images, labels, train=True)
        return made, logits, found

    made, logits, found = run(params)

    def close(ours, theirs):
        # Sums of at most 4 x 9 and 24 products, 13 layers deep, twice differentiated: some 1e2 roundings of 6e-8
        scale = float(np.abs(theirs).max())
        np.testing.assert_allclose(np.ravel(ours), np.ravel(theirs), rtol=0, atol=2e-5 * scale)

    close(np.ravel(made)[:: script.SHARE], numbers["images"])
    close(logits, numbers["logits"])
    (loss, (metrics, _)), _ = found["discriminator"]
    close([loss, found["generator"][0][0]], numbers["losses"])
    close([metrics["r1"], metrics["r2"]], numbers["penalties"])
    for name, expected in numbers["gradients"].items():
        network, *layers = name.split("/")
        path = tuple(layers) if layers[-1] in ("bias", "basis") else (*layers, "kernel")
        close(np.ravel(flatten_dict(found[network][1])[path])[:: script.SHARE], expected)


def count(module, *inputs):
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs, train=True))["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize("size", r3gan.SIZES)
def test_published_networks_have_the_official_sizes(golden, size):
    script, numbers = golden
    game = r3gan.r3gan(size, num_classes=script.PUBLISHED[size][2])
    side = 4 << (len(r3gan.SIZES[size].widths) - 1)
    labels = jnp.zeros((2,), jnp.int32)
    counts = [
        count(game.generator, jnp.zeros((2, 64)), labels),
        count(game.discriminator, jnp.zeros((2, side, side, 3)), labels),
    ]
    assert counts == numbers["sizes"][size]


def test_scheduled_adam_is_pytorchs_with_betas_set_at_every_step(golden):
    script, numbers = golden
    config = AdamConfig(
        learning_rate=0.2,
        final_scale=0.25,
        b1=0.0,
        b2=0.9,
        final_b2=0.99,
        decay="cosine",
        decay_images=script.ADAM_IMAGES,
    )
    optimizer, weight = make_optimizer(config), jnp.array([1.0, -2.0, 0.5])
    state = optimizer.init(weight)
    for step, gradient in enumerate(script.ADAM_GRADIENTS):
        seen = jnp.float32(step * script.ADAM_BATCH)
        change, state = optimizer.update(jnp.array(gradient), state, weight, images_seen=seen)
        weight += change
        # 1 - b2 ** step loses two digits: some 1e2 roundings of 6e-8
        np.testing.assert_allclose(weight, numbers["adam"][step], rtol=0, atol=1e-5)


def test_schedules_are_half_cosines_in_images():
    game = r3gan.r3gan(decay_images=100, augment_probability=0.5)
    ema = EmaConfig(half_life_images=80.0, warmup=0.0, rise_images=100)
    (stage,) = schedule((Stage(steps=9, batch_size=25, resolution=32),))
    for step, share in enumerate((0.0, 0.5 - 0.125**0.5, 0.5, 0.5 + 0.125**0.5, 1.0, 1.0)):
        seen = jnp.float32(25 * step)
        np.testing.assert_allclose(game.gamma_scale(seen), 1.0 - 0.9 * share, rtol=1e-6)
        np.testing.assert_allclose(game.augment_probability_at(seen), 0.5 * share, rtol=1e-6)
        expected = 0.5 ** (25 / max(80.0 * share, 1e-8))
        np.testing.assert_allclose(ema_decay(ema, stage, jnp.int32(step)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("generator_optimizer.final_b2=0.99", "generator_optimizer.final_b2=0.99: nothing decays; set generator_opt"),
        ("discriminator_optimizer.final_b2=1", "discriminator_optimizer.final_b2=1.0: expected less than 1"),
        ("ema.rise_images=9", "ema.warmup=0.05: rise_images is a warm-up of its own; set one of them to 0"),
    ],
)
def test_schedules_that_contradict_each_other_are_refused(flag, message):
    config = configs.read_config(str(ROOT / "configs" / "dcgan.py"), [f"--config.{flag}"])
    with pytest.raises(UserError) as error:
        configs.check(config)
    assert str(error.value).startswith(message)


def test_initial_values():
    """Blocks begin as the identity; the others' deviations follow from their inputs, and images are of order 1."""
    generator = r3gan.Generator((64, 64), (8, 8), num_classes=10)
    latents, labels = jax.random.normal(jax.random.key(1), (64, 64)), jnp.arange(64) % 10
    draw = jax.jit(lambda key: generator.init_with_output(key, latents, labels, train=True))
    images, variables = draw(jax.random.key(0))
    params = flatten_dict(variables["params"])
    gain = math.sqrt(2 / 1.04) * 4**-0.25  # four blocks in all
    expected = {
        ("block_4_1", "conv_1", "kernel"): gain / 64**0.5,
        ("block_8_2", "conv_2", "kernel"): gain / (9 * 16) ** 0.5,
        ("block_4_2", "conv_3", "kernel"): 0.0,
        ("from_latents", "kernel"): 128**-0.5,
        ("class_vectors", "embedding"): 10**-0.5,
        ("basis",): 1.0,
    }
    for path, deviation in expected.items():
        # Of 640 or more normal numbers the deviation is known to 3 %: four of those
        np.testing.assert_allclose(params[path].std(), deviation, rtol=0.12, atol=0)
    assert 0.2 < float(images.std()) < 2.0


IMAGES = jnp.zeros((2, 8, 8, 3))


@pytest.mark.parametrize(
    ("network", "inputs", "message"),
    [
        (r3gan.Generator((8, 8), (2,)), IMAGES[:, 0, 0], r"game\.generator\.groups=\(2,\): expected a number for each"),
        (r3gan.Discriminator((8, 8), (2,)), IMAGES, r"game\.discriminator\.groups=\(2,\): expected a number for each"),
        (r3gan.Discriminator((8, 8), (3, 2)), IMAGES, r"groups=3 do not divide the 16 channels of a block"),
        (
            r3gan.Discriminator((8,) * 3, (2,) * 3),
            IMAGES,
            r"game\.discriminator\.widths: 3 of them halve 16 x 16 images",
        ),
        (r3gan.Discriminator((8, 8), (2, 2), num_classes=3), IMAGES, r"game\.num_classes=0: the networks need labels"),
    ],
)
def test_bad_settings_name_the_field(network, inputs, message):
    with pytest.raises(UserError, match=message):
        jax.eval_shape(lambda: network.init(jax.random.key(0), inputs, train=True))


def test_no_network_of_another_name():
    with pytest.raises(UserError, match=r"r3gan\(size='lsun'\): expected one of cifar10, ffhq64"):
        r3gan.r3gan("lsun")

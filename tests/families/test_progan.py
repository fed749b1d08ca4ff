"""ProGAN: against PyTorch's numbers (tests/golden/progan.py), fading in, stages, drawing from any of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import load_golden

from jgan.families import progan
from jgan.games.growing import GrowingGAN, growing_stages
from jgan.inference.sampling import Sampler
from jgan.layers.resample import average_pool, upsample
from jgan.losses.penalties import gradient_penalty
from jgan.types import Player, Stage, TrainState, UserError, schedule

GAME = GrowingGAN(progan.Generator((8, 6)), progan.Discriminator((8, 6), minibatch="none"), latent_dim=4)
STAGES = (Stage(steps=3, batch_size=8, resolution=4), Stage(steps=4, batch_size=4, resolution=8, fade_images=8))
SECOND = schedule(STAGES)[1]


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("progan")


def from_pytorch(arrays, network):
    """Flax parameters of "generator" or "discriminator"."""
    params = {}
    for name, array in arrays.items():
        player, _, rest = name.partition("/")
        if player != network:
            continue
        path, _, part = rest.rpartition("/")
        if (path, part) == ("from_latents", "bias"):
            params["bias_4"] = array.reshape(1, 1, 1, -1)
            continue
        *blocks, layer = path.split("/")
        level = params
        for block in blocks:
            level = level.setdefault(block, {})
        kernel = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        level.setdefault(layer, {})["kernel" if part == "weight" else "bias"] = kernel
    return params


def test_networks_match_pytorch(golden):
    """Images, both outputs, and derivatives: of a loss, and of the gradient penalty."""
    script, numbers = golden
    arrays = script.draw()
    images, labels = jnp.asarray(arrays["images"].transpose(0, 2, 3, 1)), arrays["labels"].astype("int32")
    generator = progan.Generator(script.WIDTHS, num_classes=script.NUM_CLASSES)
    discriminator = progan.Discriminator(script.WIDTHS, num_classes=script.NUM_CLASSES)
    growth = {"resolution": script.RESOLUTION, "fade": jnp.float32(script.FADE), "train": True}

    @jax.jit
    def run(generator_params, discriminator_params):
        def generate(params):
            made = generator.apply({"params": params}, arrays["latents"], labels, **growth)
            return jnp.square(made).mean(), made

        def discriminate(params, images):
            return discriminator.apply({"params": params}, images, **growth, mutable=["intermediates"])

        def penalty(params):
            keys = jax.random.split(jax.random.key(0), script.BATCH)
            # Between images and themselves: the penalty at the images.
            return gradient_penalty(lambda x: discriminate(params, x)[0], images, images, keys).mean()

        return (
            jax.grad(generate, has_aux=True)(generator_params),
            discriminate(discriminator_params, images),
            jax.value_and_grad(penalty)(discriminator_params),
        )

    params = [from_pytorch(arrays, network) for network in ("generator", "discriminator")]
    (of_made, made), (logits, shown), (penalty, of_penalty) = run(*params)
    ours = {
        "images": made.ravel()[:: script.SHARE],
        "generator_gradient": of_made["block_8"]["conv_1"]["kernel"].ravel()[:: script.SHARE],
        "logits": logits,
        "class_logits": shown["intermediates"]["class_logits"][0].ravel(),
        "penalty": penalty,
        "penalty_gradient": of_penalty["block_8"]["conv_2"]["kernel"].ravel()[:: script.SHARE],
    }
    assert set(ours) == set(numbers) - {"torch"}
    for name, array in ours.items():
        # Some ten layers, forward and back, each a sum of up to 100 products: 10 * sqrt(100) roundings of 6e-8 are 6e-6
        # of the largest number.
        scale = np.abs(numbers[name]).max()
        np.testing.assert_allclose(array, numbers[name], rtol=0, atol=1e-5 * scale, err_msg=name)


@pytest.fixture(scope="module")
def players():
    """Both networks' variables with the layers of both resolutions."""
    batch = {"images": jnp.zeros((4, 8, 8, 3))}
    return [variables["params"] for variables in jax.jit(lambda: GAME.init(jax.random.key(1), batch, SECOND))()]


def test_new_layers_fade_in_from_the_stage_before(players):
    """Without any share of the new layers a network is that of the stage before; with all of it, they alone."""
    latents, images = jax.random.normal(jax.random.key(2), (4, 4)), jax.random.normal(jax.random.key(3), (4, 8, 8, 3))

    def apply(network, inputs, resolution, fade):
        module = (GAME.generator, GAME.discriminator)[network]
        return module.apply({"params": players[network]}, inputs, resolution=resolution, fade=fade, train=True)

    @jax.jit
    def run():
        shares = [jnp.float32(0.0), jnp.float32(0.25), jnp.float32(1.0), None]
        made = [apply(0, latents, 8, share) for share in shares]
        logits = [apply(1, images, 8, share) for share in shares]
        return made, upsample(apply(0, latents, 4, None)), logits, apply(1, average_pool(images), 4, None)

    made, made_before, logits, logits_before = jax.device_get(run())
    np.testing.assert_array_equal(made[0], made_before)
    np.testing.assert_allclose(made[1], 0.75 * made[0] + 0.25 * made[3], rtol=0, atol=1e-6 * np.abs(made[3]).max())
    np.testing.assert_allclose(logits[0], logits_before, rtol=1e-6)
    # old + (new - old) rounds twice
    np.testing.assert_allclose(made[2], made[3], rtol=0, atol=1e-6 * np.abs(made[3]).max())
    np.testing.assert_allclose(logits[2], logits[3], rtol=0, atol=1e-5 * np.abs(logits[3]).max())
    assert not np.allclose(logits[1], logits[0], rtol=1e-3)


def test_real_images_fade_with_the_layers(players):
    """In the middle of the fade they are half themselves, half what the stage before saw of them."""
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    blocks = images.reshape(4, 4, 2, 4, 2, 3).mean((2, 4))
    rough = blocks.repeat(2, axis=1).repeat(2, axis=2)
    player = Player(players[0], {}, None)
    for step, share in ((3, 0.0), (4, 0.5), (6, 1.0)):
        state = TrainState(jnp.int32(step), player, player, {}, ())
        inputs = GAME.step_inputs(
            SECOND, state, {"images": jnp.asarray(images)}, jax.random.split(jax.random.key(0), 4)
        )
        np.testing.assert_allclose(inputs.images, rough + share * (images - rough), rtol=0, atol=1e-6)
        assert float(inputs.growth["fade"]) == share


@pytest.mark.parametrize(("step", "share"), [(2, None), (3, None), (4, 0.5), (7, 1.0)])
def test_images_are_drawn_as_the_checkpoint_has_them(step, share, players):
    """At the resolution of its stage, as far as the layers are in; to evaluate them, as large as they are to be."""
    generator = Player(players[0], {}, None)
    ((images, _),) = Sampler(GAME, STAGES, batch_size=4)(generator, step, None, 4, seed=0)
    ((enlarged, _),) = Sampler(GAME, STAGES, batch_size=4, enlarge=True)(generator, step, None, 4, seed=0)
    resolution = 4 if step <= 3 else 8
    assert images.shape == (4, resolution, resolution, 3)
    np.testing.assert_array_equal(enlarged, images.repeat(8 // resolution, axis=1).repeat(8 // resolution, axis=2))
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(0), i))(jnp.arange(4))
    growth = {"resolution": resolution, "fade": share if share is None else jnp.float32(share)}
    expected = GAME.sample(generator, keys, growth=growth)
    np.testing.assert_allclose(images, np.clip(127.5 * (np.asarray(expected) + 1.0), 0, 255), rtol=0, atol=0.51)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((Stage(9, 4, 4), Stage(9, 4, 16)), "stages[1].resolution=16: the stage before has 4; expected that, or 8"),
        ((Stage(9, 4, 8), Stage(9, 4, 4)), "stages[1].resolution=4: the stage before has 8; expected that, or 16"),
        ((Stage(9, 4, 8, fade_images=4),), "stages[0].fade_images=4: the stage has no new layers to fade in"),
        ((Stage(9, 4, 4), Stage(9, 4, 4, fade_images=4)), "stages[1].fade_images=4: the stage has no new layers"),
        ((Stage(9, 4, 4), Stage(9, 4, 8, fade_images=37)), "stages[1].fade_images=37: the stage ends after 36 images"),
        ((Stage(9, 4, 4, adversarial=False),), "stages[0].adversarial: this family has no such stage"),
        (
            (Stage(9, 4, 4), Stage(9, 4, 8), Stage(9, 4, 16)),
            "game.generator.widths: no features of 16 x 16; expected",
        ),
        ((Stage(9, 4, 6),), "game.generator.widths: no features of 6 x 6; expected one of 4, 8"),
    ],
)
def test_stages_that_do_not_grow_are_refused(stages, message):
    with pytest.raises(UserError) as error:
        GAME.check(stages)
    assert str(error.value).startswith(message)


def test_latents_of_one_length_are_not_truncated():
    with pytest.raises(UserError, match="--truncation: this run's latents have one length"):
        GAME.check_truncation(0.5)


def test_growing_stages_count_in_images():
    stages = growing_stages(16, {4: 64, 8: 32, 16: 16}, 320, 640, {16: 2.0}, last_images=160)
    assert [(s.resolution, s.steps, s.fade_images, s.learning_rate_scale) for s in stages] == [
        (4, 10, 0, 1.0),
        (8, 30, 320, 1.0),
        (16, 70, 320, 2.0),
    ]
    assert [stage.reset_optimizers for stage in stages] == [False, True, True]
    GrowingGAN(progan.Generator((4, 4, 4)), progan.Discriminator((4, 4, 4)), latent_dim=4).check(stages)
    later = growing_stages(16, {8: 32, 16: 16}, 320, 640, first_resolution=8)
    assert [(s.resolution, s.steps, s.fade_images, s.reset_optimizers) for s in later] == [
        (8, 20, 0, False),
        (16, 60, 320, True),
    ]
    for resolution, first, message in (
        (12, 4, r"resolution=12\): expected 4, 8, 16, 32"),
        (32, 4, "expected one for the resolution 32"),
        (16, 6, r"first_resolution=6\): expected 4, 8, 16, 32"),
        (16, 32, r"first_resolution=32\): expected at most 16"),
    ):
        with pytest.raises(UserError, match=message):
            growing_stages(resolution, {4: 64, 8: 32, 16: 16}, 320, 640, first_resolution=first)

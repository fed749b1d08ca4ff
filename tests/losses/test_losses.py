"""Losses and optimizer parts against numpy by hand, and the signs of their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tables import row_of

from jgan.engine.optim import AdamConfig, RMSpropConfig, lazy_ratio, learning_rate, make_optimizer
from jgan.families.vanilla import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.games.networks import DiscriminatorOutput, StepInputs
from jgan.losses.adversarial import ADVERSARIAL
from jgan.losses.penalties import zero_gradient_penalty
from jgan.types import Phase, Stage, UserError

REAL = np.array([-2.0, -0.5, 0.0, 1.0, 3.0])
FAKE = np.array([1.5, -1.0, 0.2, 0.0, -3.0])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


HAND = {
    "non_saturating": (-np.log(sigmoid(REAL)) - np.log(1 - sigmoid(FAKE)), -np.log(sigmoid(FAKE))),
    "minimax": (-np.log(sigmoid(REAL)) - np.log(1 - sigmoid(FAKE)), np.log(1 - sigmoid(FAKE))),
    "least_squares": ((REAL - 1) ** 2 + FAKE**2, (FAKE - 1) ** 2),
    "hinge": (np.maximum(0, 1 - REAL) + np.maximum(0, 1 + FAKE), -FAKE),
    "wasserstein": (FAKE - REAL, -FAKE),
    "relativistic_paired": (-np.log(sigmoid(REAL - FAKE)), -np.log(sigmoid(FAKE - REAL))),
    "relativistic_average": (
        -np.log(sigmoid(REAL - FAKE.mean())) - np.log(1 - sigmoid(FAKE - REAL.mean())),
        -np.log(sigmoid(FAKE - REAL.mean())) - np.log(1 - sigmoid(REAL - FAKE.mean())),
    ),
    "relativistic_average_least_squares": (
        (REAL - FAKE.mean() - 1) ** 2 + (FAKE - REAL.mean() + 1) ** 2,
        (FAKE - REAL.mean() - 1) ** 2 + (REAL - FAKE.mean() + 1) ** 2,
    ),
    "relativistic_average_hinge": (
        np.maximum(0, 1 - (REAL - FAKE.mean())) + np.maximum(0, 1 + FAKE - REAL.mean()),
        np.maximum(0, 1 - (FAKE - REAL.mean())) + np.maximum(0, 1 + REAL - FAKE.mean()),
    ),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_losses_equal_numpy(name):
    loss = ADVERSARIAL[name]
    discriminator, generator = row_of(HAND, name, "HAND of tests/losses/test_losses.py")
    np.testing.assert_allclose(loss.discriminator(jnp.array(REAL), jnp.array(FAKE)), discriminator, rtol=1e-5)
    np.testing.assert_allclose(loss.generator(jnp.array(REAL), jnp.array(FAKE)), generator, rtol=1e-5, atol=1e-7)
    if loss.against_target is None:
        return
    targets = loss.against_target(jnp.array(REAL), jnp.ones(5)) + loss.against_target(jnp.array(FAKE), jnp.zeros(5))
    np.testing.assert_allclose(targets, discriminator, rtol=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_side_pushes_its_way(name):
    loss = ADVERSARIAL[name]
    logits = jnp.zeros(3)
    real, fake = jax.grad(lambda r, f: loss.discriminator(r, f).sum(), argnums=(0, 1))(logits, logits)
    assert (real < 0).all()  # a step against the gradient raises the logits of real images
    assert (fake >= 0).all()
    generator = jax.grad(lambda f: loss.generator(logits, f).sum())(logits)
    assert (generator < 0).all(), (
        f"{name}: at logits of 0 the generator does not raise them, its gradient is {generator}"
    )


def test_r1_of_a_quadratic_critic():
    # critic = sum(a x^2) per image: gradient 2 a x, penalty 4 sum(a^2 x^2)
    scale = np.linspace(-1, 1, 12).reshape(2, 2, 3)
    images = np.random.default_rng(0).normal(size=(4, 2, 2, 3))
    critic = lambda x: jnp.sum(jnp.asarray(scale)[None] * x**2, axis=(1, 2, 3))  # noqa: E731
    expected = (4 * scale**2 * images**2).sum((1, 2, 3))
    np.testing.assert_allclose(zero_gradient_penalty(critic, jnp.asarray(images)), expected, rtol=1e-5)


def make_game(**settings):
    return LatentGAN(Generator(8, 1, (4,)), Discriminator((4,)), latent_dim=4, **settings)


def test_label_smoothing_is_one_sided_and_flips_are_as_frequent_as_asked():
    rngs = jax.random.split(jax.random.key(0), 4000)
    output = DiscriminatorOutput(jnp.full(4000, 2.0), None, None)
    inputs = StepInputs(jnp.zeros((4000, 8, 8, 1)), None, rngs, jnp.float32(0.0), {})
    smooth = make_game(label_smoothing=0.1)._discriminator_losses(output, output, inputs)
    expected = -0.9 * np.log(sigmoid(2)) - 0.1 * np.log(1 - sigmoid(2)) - np.log(1 - sigmoid(2))
    np.testing.assert_allclose(smooth, expected, rtol=1e-5)
    flipped = make_game(label_flipping=0.25)._discriminator_losses(output, output, inputs)
    straight, wrong = -np.log(sigmoid(2)), -np.log(1 - sigmoid(2))
    # (real, fake) flipped or not: four values; each side is flipped by itself
    values, counts = np.unique(np.round(np.asarray(flipped), 4), return_counts=True)
    np.testing.assert_allclose(
        values, sorted({round(2 * straight, 4), round(straight + wrong, 4), round(2 * wrong, 4)}), atol=2e-4
    )
    shares = counts / 4000  # both straight: real right, fake flipped ...
    np.testing.assert_allclose(shares, [0.75 * 0.25, 0.75**2 + 0.25**2, 0.25 * 0.75], atol=4 * np.sqrt(0.25 / 4000))


def test_settings_that_contradict_each_other_are_refused(caplog):
    stages = (Stage(steps=1, batch_size=2, resolution=8),)
    make_game().check(stages)
    for settings, message in [
        ({"adversarial": "x"}, "game.adversarial"),
        ({"num_classes": 3}, "game.num_classes=3: game.generator ignores labels"),
    ]:
        with pytest.raises(UserError, match=message):
            LatentGAN(Generator(8, 1, (4,)), Discriminator((4,)), **settings).check(stages)
    images = jax.ShapeDtypeStruct((2, 8, 8, 3), np.float32)
    with pytest.raises(UserError, match=r"data.channels=3: game.generator makes images of 1"):
        make_game().check_data({"images": images}, None)
    gray = jax.ShapeDtypeStruct((2, 8, 8, 1), np.float32)
    with pytest.raises(UserError, match=r"game.num_classes=5: the data has no labels"):
        make_game(num_classes=5).check_data({"images": gray}, None)
    with pytest.raises(UserError, match=r"game.num_classes=5: the data has 10 classes"):
        make_game(num_classes=5).check_data({"images": gray}, 10)
    make_game(num_classes=5).check_data({"images": gray}, 3)
    assert "game.num_classes=5: the data has 3 classes" in caplog.text
    with pytest.raises(UserError, match=r"game.truncation_tables=3: they belong to imported weights"):
        make_game(truncation_tables=3).check_data({"images": gray}, None)


def test_optimizers_scale_by_images_seen_and_clip():
    config = AdamConfig(learning_rate=0.1, warmup_images=100, decay="linear", decay_start_images=200, decay_images=100)
    rates = [float(learning_rate(config, jnp.float32(images))) for images in (0, 50, 100, 200, 250, 300, 400)]
    np.testing.assert_allclose(rates, [0, 0.05, 0.1, 0.1, 0.05, 0, 0], atol=1e-8)
    cosine = AdamConfig(learning_rate=0.1, decay="cosine", decay_images=100, final_scale=0.5)
    np.testing.assert_allclose(float(learning_rate(cosine, jnp.float32(50))), 0.075, rtol=1e-6)

    params = {"w": jnp.array([0.5, -3.0])}
    optimizer = make_optimizer(RMSpropConfig(learning_rate=1.0, clip_weights=0.01))
    deltas, _ = optimizer.update(
        {"w": jnp.array([1.0, -1.0])}, optimizer.init(params), params, images_seen=jnp.float32(0)
    )
    np.testing.assert_allclose(optax.apply_updates(params, deltas)["w"], [-0.01, 0.01], atol=1e-7)

    clipped = make_optimizer(AdamConfig(learning_rate=1.0, b1=0.0, b2=0.0, eps=1.0, clip_norm=1.0))
    deltas, _ = clipped.update({"w": jnp.array([30.0, 40.0])}, clipped.init(params), params, images_seen=jnp.float32(0))
    np.testing.assert_allclose(deltas["w"], [-0.6 / 1.6, -0.8 / 1.8], rtol=1e-5)  # g / (|g| + eps) of (0.6, 0.8)


def test_lazy_phases_slow_their_player_only():
    phases = (
        Phase("discriminator", "discriminator", None),
        Phase("r1", "discriminator", None, every=16, lazy=True),
        Phase("generator", "generator", None, every=2),
    )
    assert lazy_ratio(phases, "discriminator") == pytest.approx(16 / 17)
    assert lazy_ratio(phases, "generator") == 1.0
    adam = AdamConfig(learning_rate=1.0, b1=0.5, b2=0.9)
    lazy, params = make_optimizer(adam, 16 / 17), {"w": jnp.ones(1)}
    by_hand = optax.adam(16 / 17, b1=0.5 ** (16 / 17), b2=0.9 ** (16 / 17))
    ours, theirs = lazy.init(params), by_hand.init(params)
    for gradient in (1.0, -0.3, 0.2):
        grads = {"w": jnp.array([gradient])}
        deltas, ours = lazy.update(grads, ours, params, images_seen=jnp.float32(0))
        expected, theirs = by_hand.update(grads, theirs, params)
        np.testing.assert_allclose(deltas["w"], expected["w"], rtol=1e-5)

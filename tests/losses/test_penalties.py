"""Penalties against PyTorch's double backward (tests/golden/penalties.py), and what a game makes of them."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from golden_numbers import load_golden

from jgan.augment.diffaugment import flip
from jgan.families.vanilla import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.games.networks import CONSISTENCY, fold
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense
from jgan.losses import penalties
from jgan.types import Player, Stage, TrainState, schedule


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("penalties")


class Critic(nn.Module):
    """The script's, of jgan's layers."""

    features: int
    hidden: int

    @nn.compact
    def __call__(self, images):
        x = nn.leaky_relu(Conv(self.features, (4, 4), (2, 2), ((1, 1), (1, 1)), name="conv")(images), 0.2)
        x = jnp.tanh(Dense(self.hidden, name="hidden")(x.reshape(x.shape[0], -1)))
        return Dense(1, name="to_logit")(x)[:, 0]


def from_pytorch(arrays, suffix=""):
    """A tree of jgan's layout of the script's weights, or of what is named after them."""
    params = {}
    for name in ("conv", "hidden", "to_logit"):
        weight = arrays[f"{name}.weight{suffix}"]
        params[name, "kernel"] = weight.transpose(2, 3, 1, 0) if name == "conv" else weight.T
        params[name, "bias"] = arrays[f"{name}.bias{suffix}"]
    return unflatten_dict(params)


PENALTIES = {
    "gradient": lambda critic, real, fake, rngs: penalties.gradient_penalty(critic, real, fake, rngs),
    "dragan": lambda critic, real, fake, rngs: penalties.dragan_penalty(critic, real, rngs),
    "r1": lambda critic, real, fake, rngs: penalties.zero_gradient_penalty(critic, real),
    "r2": lambda critic, real, fake, rngs: penalties.zero_gradient_penalty(critic, fake),
    "drift": lambda critic, real, fake, rngs: penalties.drift_penalty(critic(real)),
    "lecam": lambda critic, real, fake, rngs: penalties.lecam_penalty(critic(real), critic(fake), 0.3, -0.2),
    "consistency": lambda critic, real, fake, rngs: penalties.consistency_penalty(
        critic(real), critic(real[:, :, ::-1])
    ),
}

# In float32 against float64: sums of at most 4 * 4 * 2 + 36 + 3 products, forward and back twice, are about 200
# roundings of 6e-8 of numbers of order 1, times 4 for Winograd's sums: 5e-5 if all went one way, and less than
# sqrt(200) * 4 * 6e-8 = 3.4e-6 as they do not; times up to 2 |gradient| = 5 for the square.
TOLERANCE = 2e-5


@pytest.mark.parametrize("name", [*PENALTIES, "orthogonal"])
def test_penalties_and_their_gradients_match_pytorch(name, golden, monkeypatch):
    script, numbers = golden
    arrays = script.draw()
    # The script's draws in place of those of the keys: the noise for each pixel, the share for each example.
    draws = {arrays[key].shape: arrays[key] for key in ("noise", "share")}
    monkeypatch.setattr(penalties, "_uniform", lambda rngs, like: draws[like.shape])
    critic = Critic(script.FEATURES, script.HIDDEN)
    real, fake, rngs = arrays["real"], arrays["fake"], jax.random.split(jax.random.key(0), script.BATCH)

    @jax.jit
    @jax.grad
    def gradients(params):
        return penalty(params).mean()

    def penalty(params):
        if name == "orthogonal":
            return penalties.orthogonal_penalty(params)
        return PENALTIES[name](lambda images: critic.apply({"params": params}, images), real, fake, rngs)

    params, directions = from_pytorch(arrays), flatten_dict(from_pytorch(arrays, "/direction"))
    expected = numbers[name]
    np.testing.assert_allclose(jax.jit(penalty)(params), expected["values"], rtol=TOLERANCE, atol=TOLERANCE)
    found = flatten_dict(gradients(params))
    assert len(expected["gradients"]) >= 3
    for (layer, part), gradient in found.items():
        torch_name = f"{layer}.{'weight' if part == 'kernel' else part}"
        theirs = expected["gradients"].get(torch_name, {"norm": 0.0, "along": 0.0})
        np.testing.assert_allclose(jnp.linalg.norm(gradient.ravel()), theirs["norm"], rtol=TOLERANCE, atol=TOLERANCE)
        along = (gradient * directions[layer, part]).sum()
        tolerance = TOLERANCE * (1.0 + np.linalg.norm(directions[layer, part]) * theirs["norm"])
        np.testing.assert_allclose(along, theirs["along"], rtol=0, atol=tolerance)


def test_a_critic_without_slope_has_a_penalty_but_no_infinite_gradient():
    images = jnp.ones((2, 4, 4, 1))
    rngs = jax.random.split(jax.random.key(0), 2)

    def penalty(scale):
        return penalties.gradient_penalty(lambda x: scale * x.sum((1, 2, 3)), images, -images, rngs).mean()

    assert jax.value_and_grad(penalty)(0.0) == (1.0, 0.0)
    value, slope = jax.value_and_grad(penalty)(0.5)  # |gradient| = 4 scale: (4 s - 1)^2
    np.testing.assert_allclose((value, slope), (1.0, 8.0), rtol=1e-6)


def test_places_between_real_and_fake_are_uniform_and_each_examples_own():
    """From 0 to 1 the critic |x|^2 / 2 has the gradient x, of length 2 u for 4 pixels at the place u."""
    rngs = jax.random.split(jax.random.key(1), 1000)
    real, fake = jnp.zeros((1000, 2, 2, 1)), jnp.ones((1000, 2, 2, 1))

    @jax.jit
    def penalty(rngs):
        return penalties.gradient_penalty(lambda x: 0.5 * jnp.square(x).sum((1, 2, 3)), real, fake, rngs)

    values = penalty(rngs)
    # |2 u - 1| is uniform too: its largest distance from a straight line, 2.2 / sqrt(1000) in one case of 10^4
    np.testing.assert_allclose(np.sort(np.sqrt(values)), np.linspace(0, 1, 1000), atol=0.07)
    np.testing.assert_array_equal(penalty(rngs[::-1]), values[::-1])


# ---------------------------------------------------------------- in the game


(STAGE,) = schedule((Stage(steps=1, batch_size=4, resolution=8),))
IMAGES = jnp.asarray(np.tanh(np.random.default_rng(0).normal(size=(4, 8, 8, 1))), jnp.float32)
RNGS = jax.random.split(jax.random.key(5), 4)
GAME = LatentGAN(Generator(8, 1, (6,)), Discriminator((6,), dropout=0.0), latent_dim=4)


@pytest.fixture(scope="module")
def state():
    generator, discriminator = jax.jit(lambda: GAME.init(jax.random.key(0), {"images": IMAGES}, STAGE))()
    players = (Player(variables["params"], {}, None) for variables in (generator, discriminator))
    extras = {"logits_real": jnp.float32(0.4), "logits_fake": jnp.float32(-0.1)}
    return TrainState(jnp.int32(0), *players, extras=extras, frozen=())


def critic_of(state):
    return lambda images: GAME.discriminator.apply({"params": state.discriminator.params}, images, train=True)


def fakes_of(state):
    inputs = GAME.step_inputs(STAGE, state, {"images": IMAGES}, RNGS)
    return GAME.generate(state.generator, inputs)[0]


# option: weight, name among the metrics, its value by hand
IN_THE_GAME = {
    "drift_weight": ("drift", lambda critic, fake, state: jnp.square(critic(IMAGES)).mean()),
    "lecam_weight": (
        "lecam",
        lambda critic, fake, state: (
            jnp.square(jnp.maximum(critic(IMAGES) + 0.1, 0)) + jnp.square(jnp.maximum(0.4 - critic(fake), 0))
        ).mean(),
    ),
    "r1_gamma": ("r1", lambda critic, fake, state: penalties.zero_gradient_penalty(critic, IMAGES).mean()),
    "r2_gamma": ("r2", lambda critic, fake, state: penalties.zero_gradient_penalty(critic, fake).mean()),
    "orthogonal_weight": (
        "orthogonal",
        lambda critic, fake, state: sum(
            np.square((kernel.T @ kernel)[~np.eye(kernel.shape[1], dtype=bool)]).sum()
            for layer in state.discriminator.params.values()
            for kernel in [np.asarray(layer["kernel"])]
        ),
    ),
}


@pytest.mark.parametrize("option", IN_THE_GAME)
def test_the_discriminator_pays_weight_times_penalty(option, state):
    name, by_hand = IN_THE_GAME[option]
    expected = by_hand(critic_of(state), fakes_of(state), state)
    weight = 0.7
    game = dataclasses.replace(GAME, **{option: weight}, r1_every=1)
    losses = [
        each.discriminator_loss(STAGE, state.discriminator.params, state, {"images": IMAGES}, RNGS)
        for each in (GAME, game)
    ]
    (plain, _), (loss, (metrics, _)) = losses
    np.testing.assert_allclose(metrics[name], expected, rtol=1e-5)
    factor = weight / 2 if option.endswith("gamma") else weight  # R1 and R2 are gamma / 2 |gradient|^2
    np.testing.assert_allclose(loss - plain, factor * expected, rtol=1e-4, atol=1e-6)


def test_lazy_r1_stands_for_as_many_steps(state):
    game = dataclasses.replace(GAME, r1_gamma=0.7, r2_gamma=0.3, r1_every=4)
    assert [(phase.name, phase.every, phase.lazy) for phase in game.phases(STAGE)] == [
        ("discriminator", 1, False),
        ("penalty", 4, True),
        ("generator", 1, False),
    ]
    loss, (metrics, _) = game.lazy_loss(STAGE, state.discriminator.params, state, {"images": IMAGES}, RNGS)
    np.testing.assert_allclose(loss, 4 * 0.5 * (0.7 * metrics["r1"] + 0.3 * metrics["r2"]), rtol=1e-6)
    _, (metrics, _) = game.discriminator_loss(STAGE, state.discriminator.params, state, {"images": IMAGES}, RNGS)
    assert set(metrics) == {"logits_real", "logits_fake"}


def test_lecam_averages_have_their_half_life_in_images(state):
    game = dataclasses.replace(GAME, lecam_weight=0.1, lecam_half_life_images=8.0)
    take_step = functools.partial(game.discriminator_loss, STAGE, state.discriminator.params)
    _, (metrics, after) = take_step(state.replace(step=jnp.int32(1)), {"images": IMAGES}, RNGS)
    decay = 0.5 ** (4 / 8)
    np.testing.assert_allclose(
        after.extras["logits_real"], decay * 0.4 + (1 - decay) * metrics["logits_real"], rtol=1e-6
    )
    np.testing.assert_allclose(
        after.extras["logits_fake"], decay * -0.1 + (1 - decay) * metrics["logits_fake"], rtol=1e-6
    )
    _, (metrics, after) = take_step(state.replace(step=jnp.int32(0)), {"images": IMAGES}, RNGS)
    assert after.extras == {name: metrics[name] for name in after.extras}  # begins where it finds itself


def test_consistency_compares_the_same_images_with_transformed_copies(state):
    game = dataclasses.replace(GAME, bcr_weight=2.0, bcr_policy=("flip",))
    critic, fake = critic_of(state), fakes_of(state)
    keys = jax.vmap(lambda rng: jax.random.fold_in(rng, 3))(fold(RNGS, CONSISTENCY))  # 3: flip's purpose
    mirrored = jax.vmap(jax.random.bernoulli)(keys)
    assert 0 < mirrored.sum() < 4
    expected = sum(jnp.square(critic(images) - critic(flip(images, mirrored))).mean() for images in (IMAGES, fake))
    _, (metrics, _) = game.discriminator_loss(STAGE, state.discriminator.params, state, {"images": IMAGES}, RNGS)
    np.testing.assert_allclose(metrics["bcr"], expected, rtol=1e-5)


def test_latent_consistency_holds_the_discriminator_and_spreads_the_generator(state):
    game = dataclasses.replace(GAME, zcr_weight=5.0, zcr_generator_weight=0.5, zcr_noise=0.2)
    inputs = game.step_inputs(STAGE, state, {"images": IMAGES}, RNGS)
    fake, near = fakes_of(state), game.generate_perturbed(state.generator, inputs)
    distance = jnp.square(fake - near).mean()
    assert distance > 0
    batch = {"images": IMAGES}
    _, (metrics, _) = game.discriminator_loss(STAGE, state.discriminator.params, state, batch, RNGS)
    critic = critic_of(state)
    np.testing.assert_allclose(metrics["zcr"], jnp.square(critic(fake) - critic(near)).mean(), rtol=1e-5)
    (plain, _), (loss, (metrics, _)) = (
        each.generator_loss(STAGE, state.generator.params, state, batch, RNGS) for each in (GAME, game)
    )
    np.testing.assert_allclose(metrics["zcr"], distance, rtol=1e-5)
    np.testing.assert_allclose(loss - plain, -0.5 * distance, rtol=1e-3)

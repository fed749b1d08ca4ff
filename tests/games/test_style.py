"""The game of styles: mixing, the average style, truncation, and path lengths, on networks of a few numbers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgan.config import Config, check
from jgan.data.config import DataConfig
from jgan.engine.optim import make_optimizer
from jgan.engine.step import create_state
from jgan.families.dcgan import dcgan
from jgan.families.stylegan2 import Discriminator, Generator
from jgan.games.style import PATH_LENGTH, StyleGAN
from jgan.layers.style import STYLE_DECAY, average_style
from jgan.types import Stage, UserError, schedule

GAME = StyleGAN(
    Generator((4, 3), 1, 0, 5, 2), Discriminator((4, 3)), latent_dim=6, r1_gamma=1.0, r1_every=16, style_mixing=1.0
)
(STAGE,) = schedule((Stage(steps=1, batch_size=8, resolution=8),))
RNGS = jax.random.split(jax.random.key(1), 8)
BATCH = {"images": jnp.linspace(-1, 1, 8 * 64).reshape(8, 8, 8, 1)}


@pytest.fixture(scope="module")
def state():
    optimizers = {player: make_optimizer(Config.generator_optimizer) for player in ("generator", "discriminator")}
    return create_state(GAME, (STAGE,), (BATCH,), optimizers, jax.random.key(0), ())


def styles_of(game, state):
    inputs = game.step_inputs(STAGE, state, BATCH, RNGS)
    return game._styles(state.generator, game.sample_latents(RNGS), inputs)


@pytest.mark.slow
def test_later_layers_have_the_style_of_other_latents(state):
    plain, moved = styles_of(dataclasses.replace(GAME, style_mixing=0.0), state)
    mixed, advanced = styles_of(GAME, state)
    same = (plain == mixed).all(2)
    assert same[:, 0].all()
    assert not same[:, -1].any()
    cuts = same.sum(1)
    assert len(set(cuts.tolist())) > 1
    assert (np.sort(~same, axis=1) == ~same).all()  # the first layers, then the others
    average = average_style(moved.variables)
    np.testing.assert_array_equal(average_style(advanced.variables), average)  # the other latents do not count
    # x + 0.995 (0 - x) loses the digits of 1 / 0.005 = 200.
    expected = (1 - STYLE_DECAY) * plain[:, 0].mean(0)
    np.testing.assert_allclose(average, expected, rtol=200 * np.finfo(np.float32).eps)


def test_truncation_moves_styles_to_their_average(state):
    _, player = styles_of(GAME, state)
    images = [GAME.sample(player, RNGS[:2], truncation=psi) for psi in (None, 1.0, 1e-6)]
    np.testing.assert_allclose(images[0], images[1], atol=1e-6)
    np.testing.assert_allclose(images[2][0], images[2][1], atol=1e-4)  # one image: that of the average
    assert np.abs(images[0][0] - images[0][1]).max() > 0.01


def test_a_cutoff_truncates_the_first_layers_alone(state):
    _, player = styles_of(GAME, state)
    latents, variables = GAME.sample_latents(RNGS[:2]), {"params": player.params, **player.variables}
    styles = GAME.generator.apply(variables, latents, train=False, method="styles")
    moved = styles.at[:, :3].set(0.5 * (styles[:, :3] + average_style(variables)[None, None]))
    expected = GAME.generator.apply(variables, moved, train=False, method="synthesize")
    found = GAME.with_truncation_cutoff(3).images_from(player, latents, None, 0.5, rng=RNGS[0])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for layers in (0, 5, -1):
        with pytest.raises(UserError, match=rf"--truncation_cutoff={layers}: .* expected 1 to 4"):
            GAME.with_truncation_cutoff(layers)
    with pytest.raises(UserError, match="truncates latents, which all layers share"):
        dcgan(16, 4, 1).with_truncation_cutoff(3)


def test_path_lengths_are_compared_with_their_moving_mean(state):
    names = [phase.name for phase in GAME.phases(STAGE)]
    assert names == ["discriminator", "penalty", "generator", PATH_LENGTH]
    state = state.replace(extras={PATH_LENGTH: jnp.float32(0.5)})

    def run(params):
        return GAME.path_length_loss(STAGE, params, state, BATCH, RNGS)

    (loss, (metrics, after)), gradients = jax.jit(jax.value_and_grad(run, has_aux=True))(state.generator.params)
    mean = 0.5 + 0.01 * (metrics["length"] - 0.5)
    np.testing.assert_allclose(after.extras[PATH_LENGTH], mean, rtol=1e-5)
    np.testing.assert_allclose(loss, 4 * 2 * metrics["penalty"], rtol=1e-5)
    assert metrics["penalty"] >= (metrics["length"] - mean) ** 2 - 1e-6  # Jensen
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert np.abs(gradients["mapping"]["dense_0"]["kernel"]).max() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_mixing": 1.5}, r"game\.style_mixing=1\.5: expected at most 1"),
        ({"truncation_cutoff": 5}, r"game\.truncation_cutoff=5: game\.generator has 4 layers"),
        ({"path_length_share": 3}, r"game\.path_length_share=3: does not divide the batch of stages\[0\]"),
        ({"path_length_share": 0}, r"game\.path_length_share=0: expected at least 1"),
        ({"transition_images": 8}, r"game\.transition_images=8: .* game\.num_classes is 0"),
        ({"unconditional_images": 8}, r"game\.unconditional_images=8: .* game\.transition_images is 0"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    game = dataclasses.replace(GAME, **changes)
    with pytest.raises(UserError, match=message):
        check(Config(game, DataConfig(), (Stage(steps=1, batch_size=8, resolution=8),)))


LABELS = jnp.arange(8) % 3


@pytest.fixture(scope="module")
def in_transition():
    """A game whose classes come in over 64 images, from 32 on, and its state."""
    game = dataclasses.replace(
        GAME,
        generator=Generator((4, 3), 1, 3, 5, 2),
        discriminator=Discriminator((4, 3), 3, mapping_layers=2),
        num_classes=3,
        style_mixing=0.0,
        unconditional_images=32,
        transition_images=64,
    )
    optimizers = {player: make_optimizer(Config.generator_optimizer) for player in ("generator", "discriminator")}
    batch = {**BATCH, "labels": LABELS}
    return game, batch, create_state(game, (STAGE,), (batch,), optimizers, jax.random.key(0), ())


def test_before_its_transition_a_game_is_that_without_classes(in_transition, state):
    game, batch, own = in_transition
    inputs = game.step_inputs(STAGE, own, batch, RNGS)
    images, _ = jax.jit(game.generate)(own.generator, inputs)
    kept = {name: own.generator.params[name] for name in own.generator.params}
    kept["mapping"] = {name: leaf for name, leaf in kept["mapping"].items() if name in ("dense_0", "dense_1")}
    assert jax.tree.structure(kept) == jax.tree.structure(state.generator.params)
    plain = dataclasses.replace(GAME, style_mixing=0.0)
    without = plain.step_inputs(STAGE, state, BATCH, RNGS)
    expected, _ = jax.jit(plain.generate)(own.generator.replace(params=kept), without)
    np.testing.assert_array_equal(images, expected)


def test_classes_come_in_through_the_mapping_and_by_a_second_loss(in_transition):
    """Shahbazi et al. 2022, 4.1: by hand, at a quarter of the transition."""
    game, batch, own = in_transition
    later = own.replace(step=jnp.int32(6))
    inputs = game.step_inputs(STAGE, later, batch, RNGS)
    assert float(inputs.growth["transition"]) == 0.25
    latents = game.sample_latents(RNGS)
    params = jax.device_get(own.generator.params["mapping"])

    def normalised(x):
        return x / np.sqrt(np.square(x).mean(1, keepdims=True) + 1e-8)

    def slow(layer, x):
        y = x @ layer["kernel"] * (0.01 / np.sqrt(x.shape[1])) + 0.01 * layer["bias"]
        return np.where(y >= 0, y, 0.2 * y) * np.sqrt(2)

    embedded = params["embed"]["kernel"][np.asarray(LABELS)] / np.sqrt(3) + params["embed"]["bias"]
    x = slow(params["dense_0"], normalised(np.asarray(latents)))
    x = slow(params["dense_1"], x + 0.25 * slow(params["dense_labels"], normalised(embedded)))
    styles, _ = game._styles(own.generator, latents, inputs)
    np.testing.assert_allclose(styles[:, 0], x, rtol=1e-4, atol=1e-5)

    loss, _ = jax.jit(game.generator_loss, static_argnums=0)(STAGE, own.generator.params, later, batch, RNGS)
    images, _ = game.generate(own.generator, inputs)
    fake, _ = game.discriminate(own.discriminator, images, inputs, 1)
    parts = [np.log1p(np.exp(-np.asarray(logits))).mean() for logits in (fake.logits, fake.conditional_logits)]
    np.testing.assert_allclose(loss, parts[0] + 0.25 * parts[1], rtol=1e-4)

"""The stabilisers of a game against numpy and closed forms, and which options it refuses."""

import dataclasses
import functools
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ALL_DEVICES, use_devices
from jax.flatten_util import ravel_pytree
from standins import RESOLUTION, StandInData
from test_engine import _crash_after, assert_equal

import jgan.setup
from jgan import config as configs
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.dry_run import PATTERN_STEPS
from jgan.families import cgan, dcgan
from jgan.families.vanilla import Discriminator, Generator
from jgan.games.cadence import CriticFirst
from jgan.games.latent import LatentGAN
from jgan.games.networks import NETWORK_FAKE, NETWORK_REAL
from jgan.games.settings import Settings
from jgan.games.unrolling import unroll
from jgan.layers.dense import Dense
from jgan.layers.minibatch import MinibatchDiscrimination, MinibatchStd
from jgan.losses.adversarial import ADVERSARIAL
from jgan.losses.auxiliary import classification_loss, feature_matching_loss, top_k_mean
from jgan.optim import AdamConfig, EmaConfig, make_optimizer
from jgan.setup import RUN, prepare
from jgan.sharding import make_sharding
from jgan.step import active_phases, apply_phase, create_state
from jgan.train import train
from jgan.types import SPECTRAL, Phase, Player, Stage, TrainState, UserError, schedule

BATCH = 4
(STAGE,) = schedule((Stage(steps=1, batch_size=BATCH, resolution=8),))
RNGS = jax.random.split(jax.random.key(3), BATCH)
RANDOM = np.random.default_rng(0)
IMAGES = np.tanh(RANDOM.normal(size=(BATCH, 8, 8, 1))).astype(np.float32)

# For a program that runs a few times: on CPU, LLVM takes far longer over it than it saves.
compile_quickly = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def make_game(*, minibatch="none", dropout=0.0, **settings):
    """Fully connected, 8 x 8."""
    discriminator = Discriminator((6,), dropout=dropout, minibatch=minibatch)
    return LatentGAN(Generator(8, 1, (6,)), discriminator, latent_dim=4, **settings)


def make_state(game, batch):
    """Its networks at the start, and LeCam's averages where it keeps some."""
    variables = jax.jit(lambda: game.init(jax.random.key(0), batch, STAGE))()
    players = (Player(tree.pop("params"), tree, None) for tree in map(dict, variables))
    return TrainState(jnp.int32(0), *players, extras=game.init_extras(batch), frozen=())


# ---------------------------------------------------------------- unrolling


def test_unrolling_a_quadratic_game_has_the_derivative_by_hand():
    """a d^2 / 2 - g d: d nears g / a by a factor 1 - rate a at every step, and so does its answer to g."""
    a, g, start, rate = 0.7, 1.3, -0.4, 0.2

    def ahead(g, steps):
        return unroll(lambda d: 0.5 * a * d**2 - g * d, jnp.float32(start), steps, rate)

    for steps in (0, 1, 5):
        left = (1 - rate * a) ** steps
        value, slope = jax.value_and_grad(ahead)(g, steps)
        np.testing.assert_allclose(value, left * start + (1 - left) * g / a, rtol=1e-5)
        np.testing.assert_allclose(slope, (1 - left) / a, rtol=1e-5, atol=1e-7)


class SmoothGenerator(nn.Module):
    """In float64, for finite differences."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return jnp.tanh(nn.Dense(4, param_dtype=jnp.float64)(latents)).reshape(-1, 2, 2, 1)


class SmoothDiscriminator(nn.Module):
    """In float64, for finite differences."""

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        x = jnp.tanh(nn.Dense(3, param_dtype=jnp.float64)(images.reshape(-1, 4)))
        return nn.Dense(1, param_dtype=jnp.float64)(x)[:, 0]


def test_the_generator_learns_from_a_discriminator_two_steps_ahead():
    """Its gradient is that of a loss for which the steps are taken one by one, by finite differences."""
    with jax.enable_x64(True):
        settings = {"drift_weight": 0.3, "zcr_weight": 5.0, "zcr_noise": 0.3, "label_smoothing": 0.1}
        plain = LatentGAN(SmoothGenerator(), SmoothDiscriminator(), latent_dim=2, **settings)
        game = dataclasses.replace(plain, unroll_steps=2, unroll_learning_rate=0.3)
        batch = {"images": jnp.asarray(np.tanh(RANDOM.normal(size=(BATCH, 2, 2, 1))))}
        state = make_state(plain, batch)
        start = state.generator.params

        def step(discriminator, generator):
            now = state.replace(generator=state.generator.replace(params=generator))
            gradients = jax.grad(lambda params: plain.discriminator_loss(STAGE, params, now, batch, RNGS)[0])
            return jax.tree.map(lambda d, slope: d - 0.3 * slope, discriminator, gradients(discriminator))

        @compile_quickly
        def by_hand(generator):
            params = step(step(state.discriminator.params, generator), generator)
            ahead = state.replace(discriminator=state.discriminator.replace(params=params))
            return plain.generator_loss(STAGE, generator, ahead, batch, RNGS)[0]

        @compile_quickly
        def ours(generator):
            return jax.value_and_grad(lambda p: game.generator_loss(STAGE, p, state, batch, RNGS)[0])(generator)

        loss, gradients = ours(start)
        np.testing.assert_allclose(loss, by_hand(start), rtol=1e-12)
        flat, unflatten = ravel_pytree(start)
        size = 1e-5  # the error is size^2 of the third derivative, and 1e-16 / size of the loss: 1e-10
        shifts = size * jnp.eye(flat.size)
        slopes = [
            (by_hand(unflatten(flat + shift)) - by_hand(unflatten(flat - shift))) / (2 * size) for shift in shifts
        ]
        np.testing.assert_allclose(ravel_pytree(gradients)[0], slopes, rtol=0, atol=1e-8)
        _, plainly = jax.value_and_grad(lambda p: plain.generator_loss(STAGE, p, state, batch, RNGS)[0])(start)
        assert jnp.abs(ravel_pytree(plainly)[0] - ravel_pytree(gradients)[0]).max() > 1e-3
        after = game.generator_loss(STAGE, start, state, batch, RNGS)[1][1]
        assert after.discriminator is state.discriminator


# ---------------------------------------------------------------- comparing the examples of a batch


def test_minibatch_discrimination_equals_numpy_loops():
    x = RANDOM.normal(size=(5, 7)).astype(np.float32)
    layer = MinibatchDiscrimination(measures=3, dimensions=2)
    variables = layer.init(jax.random.key(0), x)
    variables = jax.tree.map(lambda kernel: 6.0 * kernel, variables)  # distances of order 1
    matrices = (x @ variables["params"]["kernel"]).reshape(5, 3, 2)
    expected = np.zeros((5, 3))
    for i, j, measure in itertools.product(range(5), range(5), range(3)):
        if i != j:
            expected[i, measure] += np.exp(-np.abs(matrices[i, measure] - matrices[j, measure]).sum())
    np.testing.assert_allclose(layer.apply(variables, x), expected, rtol=1e-5)
    copies = layer.apply(variables, np.repeat(x[:1], 5, axis=0))
    np.testing.assert_allclose(copies, 4.0, rtol=1e-6)  # as like as can be to all four others


@pytest.mark.parametrize("count", [8, 4, 3])
def test_minibatch_std_is_that_of_neighbours(count):
    x = RANDOM.normal(size=(count, 2, 3, 5)).astype(np.float32)
    y = np.asarray(MinibatchStd().apply({}, x))
    np.testing.assert_array_equal(y[..., :5], x)
    for first in range(0, count, 4):
        deviation = x[first : first + 4].std(axis=0).mean()
        np.testing.assert_allclose(y[first : first + 4, :, :, 5], deviation, rtol=1e-5)


def test_minibatch_std_refuses_a_batch_without_groups():
    with pytest.raises(UserError, match=r"minibatch='std': a batch of 6 has no groups of 4; set batch_size"):
        MinibatchStd().apply({}, jnp.ones((6, 2)))


@pytest.mark.parametrize("layer", [MinibatchStd(), MinibatchDiscrimination(3, 2)], ids=["std", "discrimination"])
def test_examples_are_compared_across_devices(layer, monkeypatch):
    """With two examples on each of four devices."""
    use_devices(monkeypatch, 4)
    sharding = make_sharding()
    x = RANDOM.normal(size=(8, 6)).astype(np.float32)
    variables = layer.init(jax.random.key(0), x)
    apply = jax.jit(layer.apply, in_shardings=(sharding.replicated, sharding.batch))
    spread = apply(variables, jax.device_put(x, sharding.batch))
    assert len(spread.sharding.device_set) == 4
    alone = jax.jit(layer.apply)(jax.device_put(variables, ALL_DEVICES[5]), jax.device_put(x, ALL_DEVICES[5]))
    np.testing.assert_allclose(spread, alone, rtol=1e-6)


# ---------------------------------------------------------------- auxiliary losses


def test_classification_and_feature_matching_equal_numpy():
    logits, labels = RANDOM.normal(size=(5, 3)).astype(np.float32), np.array([0, 2, 1, 1, 0])
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = [-np.log(probabilities[i, label]) for i, label in enumerate(labels)]
    np.testing.assert_allclose(classification_loss(logits, labels), expected, rtol=1e-5)
    real, fake = RANDOM.normal(size=(2, 4, 6)).astype(np.float32)
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    np.testing.assert_allclose(feature_matching_loss(real, fake), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("share", "count", "kept"),
    [(1.0, 5, 5), (0.5, 4, 2), (0.4, 5, 2), (0.01, 5, 1), (0.6, 100, 60), (0.7, 100, 70)],
)
def test_top_k_keeps_the_most_convincing(share, count, kept):
    logits, losses = RANDOM.normal(size=(2, count)).astype(np.float32)
    best = np.argsort(-logits)[:kept]
    np.testing.assert_allclose(top_k_mean(losses, logits, jnp.float32(share)), losses[best].mean(), rtol=1e-5)
    slopes = jax.grad(lambda losses: top_k_mean(losses, logits, jnp.float32(share)))(losses)
    np.testing.assert_allclose(slopes[best], 1 / kept, rtol=1e-6)
    assert np.count_nonzero(slopes) == kept


def test_top_k_counts_the_first_of_equals():
    losses = jnp.arange(4.0)
    np.testing.assert_allclose(top_k_mean(losses, jnp.zeros(4), jnp.float32(0.5)), 0.5)


@pytest.mark.parametrize(("images_seen", "share"), [(0, 1.0), (500, 0.75), (1000, 0.5), (3000, 0.5)])
def test_top_k_falls_to_its_share_in_images(images_seen, share):
    state = make_state(make_game(), {"images": IMAGES}).replace(step=jnp.int32(images_seen // BATCH))
    game = make_game(top_k=0.5, top_k_images=1000)
    hand = game.hand(STAGE, state, {"images": IMAGES}, RNGS)
    logits = np.sort(game.judge(state.discriminator, game.generate(state.generator, hand)[0], hand, 1)[0].logits)[::-1]
    loss, _ = game.generator_loss(STAGE, state.generator.params, state, {"images": IMAGES}, RNGS)
    np.testing.assert_allclose(loss, np.log1p(np.exp(-logits[: round(share * BATCH)])).mean(), rtol=1e-5)


def test_feature_matching_alone_is_the_distance_of_mean_features():
    game = make_game(feature_matching_weight=0.7, generator_adversarial_weight=0.0)
    state = make_state(game, {"images": IMAGES})
    hand = game.hand(STAGE, state, {"images": IMAGES}, RNGS)
    fake, _ = game.generate(state.generator, hand)
    dense = jax.device_get(state.discriminator.params["dense_0"])
    real, fake = (np.asarray(images).reshape(BATCH, -1) @ dense["kernel"] + dense["bias"] for images in (IMAGES, fake))
    real, fake = (np.where(x > 0, x, 0.2 * x).mean(0) for x in (real, fake))
    loss, _ = game.generator_loss(STAGE, state.generator.params, state, {"images": IMAGES}, RNGS)
    np.testing.assert_allclose(loss, 0.7 * np.square(real - fake).sum(), rtol=1e-4)


# ---------------------------------------------------------------- what the discriminator sees


class Labeller(nn.Module):
    """Images that are their label and their first latent."""

    num_classes: int = 0

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        level = jnp.zeros(len(latents)) if labels is None else labels
        return jnp.broadcast_to((level + 0.01 * latents[:, 0])[:, None, None, None], (len(latents), 8, 8, 1))


class Witness(nn.Module):
    """A discriminator that shows the images which it sees."""

    num_classes: int = 0

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        self.sow("intermediates", "features", images)
        return images.mean((1, 2, 3))


NOBODY = Player({}, {}, None)


def witnessed(game, images, purpose, *, step=0, rngs=RNGS):
    """What the discriminator sees in place of `images`."""
    state = TrainState(jnp.int32(step), NOBODY, NOBODY, {}, ())
    hand = game.hand(STAGE, state, {"images": images}, rngs)
    return game.judge(NOBODY, images, hand, purpose)[0].features


def test_instance_noise_has_its_deviation_and_falls_in_images():
    rngs = jax.random.split(jax.random.key(0), 100)
    blank = jnp.zeros((100, 8, 8, 1))
    game = LatentGAN(Labeller(), Witness(), instance_noise=0.4, instance_noise_images=1000)
    real, fake = (witnessed(game, blank, purpose, rngs=rngs) for purpose in (NETWORK_REAL, NETWORK_FAKE))
    for noise in (real, fake):  # 6400 draws: 4 of their standard errors
        np.testing.assert_allclose(noise.std(), 0.4, rtol=4 / np.sqrt(2 * 6400))
        np.testing.assert_allclose(noise.mean(), 0.0, atol=4 * 0.4 / np.sqrt(6400))
    assert abs(np.corrcoef(real.ravel(), fake.ravel())[0, 1]) < 4 / np.sqrt(6400)
    half = witnessed(game, blank, NETWORK_REAL, rngs=rngs, step=500 // BATCH)
    np.testing.assert_allclose(half, real / 2, rtol=1e-5)
    for step in (1000 // BATCH, 2000 // BATCH):
        np.testing.assert_array_equal(witnessed(game, blank, NETWORK_REAL, rngs=rngs, step=step), blank)
    stays = dataclasses.replace(game, instance_noise_images=0)
    np.testing.assert_array_equal(witnessed(stays, blank, NETWORK_REAL, rngs=rngs, step=9999), real)


def test_real_and_fake_images_are_augmented_alike():
    game = LatentGAN(Labeller(), Witness(), augment=("color", "translation", "cutout"))
    real, fake = (witnessed(game, IMAGES, purpose) for purpose in (NETWORK_REAL, NETWORK_FAKE))
    np.testing.assert_array_equal(real, fake)
    assert not np.allclose(real, IMAGES)


def test_a_generator_may_draw_more_images_than_the_batch_has():
    game = LatentGAN(Labeller(3), Witness(3), num_classes=3, generator_batches=2, adversarial="wasserstein")
    labels = jnp.array([2, 0, 1, 1])
    state = TrainState(jnp.int32(0), NOBODY, NOBODY, {}, ())
    drawn = game.draw_more(game.hand(STAGE, state, {"images": IMAGES, "labels": labels}, RNGS))
    np.testing.assert_array_equal(drawn.labels, [2, 2, 0, 0, 1, 1, 1, 1])
    assert len(np.unique(jax.random.key_data(drawn.rngs), axis=0)) == 2 * BATCH
    # Neighbours come from one example's key, whatever the rest of the batch is.
    alone = game.draw_more(game.hand(STAGE, state, {"images": IMAGES[1:2], "labels": labels[1:2]}, RNGS[1:2]))
    np.testing.assert_array_equal(jax.random.key_data(alone.rngs), jax.random.key_data(drawn.rngs[2:4]))
    fake, _ = game.generate(NOBODY, drawn)
    assert fake.shape == (2 * BATCH, 8, 8, 1)
    loss, _ = game.generator_loss(STAGE, {}, state, {"images": IMAGES, "labels": labels}, RNGS)
    np.testing.assert_allclose(loss, -fake.mean(), rtol=1e-6)


# ---------------------------------------------------------------- labels


CONDITIONAL = {"images": np.tanh(RANDOM.normal(size=(BATCH, 16, 16, 1))).astype(np.float32)}
CONDITIONAL["labels"] = np.array([0, 1, 2, 0])
OTHERS = np.array([1, 2, 0, 1])


@pytest.mark.parametrize("label_input", ["concatenate", "embedding", "conditional_batch_norm"])
def test_labels_change_what_the_generator_draws(label_input):
    generator = cgan.ConvGenerator(16, 4, num_classes=3, label_input=label_input)
    latents = RANDOM.normal(size=(BATCH, 5)).astype(np.float32)

    @compile_quickly
    def draw():
        variables = generator.init(jax.random.key(0), latents, CONDITIONAL["labels"], train=True)
        table = {"scale": jnp.arange(24.0).reshape(3, 8), "bias": jnp.ones((3, 8))}  # alike for all classes at first
        if label_input == "conditional_batch_norm":
            variables["params"]["dcgan"]["block_4"]["norm"] = table
        return [generator.apply(variables, latents, labels, train=False) for labels in (CONDITIONAL["labels"], OTHERS)]

    ours, others = draw()
    assert (ours != others).any((1, 2, 3)).all()


def test_an_auxiliary_classifier_guesses_labels_from_the_features():
    discriminator = cgan.ConvDiscriminator(4, 3, "auxiliary_classifier")

    @compile_quickly
    def judge():
        variables = discriminator.init(jax.random.key(0), **CONDITIONAL, train=True)
        apply = functools.partial(discriminator.apply, variables, train=False, mutable=["intermediates"])
        return variables["params"], [apply(CONDITIONAL["images"], labels) for labels in (CONDITIONAL["labels"], OTHERS)]

    params, ((logits, shown), (logits_others, _)) = jax.device_get(judge())
    np.testing.assert_array_equal(logits, logits_others)
    (features,), (class_logits,) = shown["intermediates"]["features"], shown["intermediates"]["class_logits"]
    by_hand = features @ params["to_classes"]["kernel"] + params["to_classes"]["bias"]
    np.testing.assert_allclose(class_logits, by_hand, rtol=1e-5, atol=1e-6)


class Classifier(nn.Module):
    """Logit 0 for every image; the class logits are its parameter."""

    num_classes: int = 3

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        self.sow("intermediates", "class_logits", self.param("logits", nn.initializers.zeros, (len(images), 3)))
        return jnp.zeros(len(images))


def test_both_players_are_paid_for_the_class():
    game = LatentGAN(Labeller(3), Classifier(), num_classes=3, classifier_weight=0.7, generator_classifier_weight=0.3)
    game.check((STAGE,))
    class_logits = RANDOM.normal(size=(BATCH, 3)).astype(np.float32)
    labels = CONDITIONAL["labels"]
    batch = {"images": IMAGES, "labels": labels}
    judge = Player({"logits": class_logits}, {}, None)
    state = TrainState(jnp.int32(0), NOBODY, judge, {}, ())
    expected = classification_loss(class_logits, labels).mean()
    loss, (metrics, _) = game.discriminator_loss(STAGE, judge.params, state, batch, RNGS)
    np.testing.assert_allclose(metrics["classifier"], 2 * expected, rtol=1e-5)  # of real and of fake images
    np.testing.assert_allclose(loss, 2 * np.log(2) + 0.7 * 2 * expected, rtol=1e-5)
    loss, (metrics, _) = game.generator_loss(STAGE, {}, state, batch, RNGS)
    np.testing.assert_allclose(loss, np.log(2) + 0.3 * expected, rtol=1e-5)


# ---------------------------------------------------------------- turns


@pytest.mark.parametrize("every", [5, 3])
def test_the_critics_warm_up_is_that_of_the_original_loop(every):
    """https://github.com/martinarjovsky/WassersteinGAN, main.py: Diters critic steps, then one of the generator."""
    moves, step = [], 0
    for gen_iterations in range(1502):
        critic_steps = 100 if gen_iterations < 25 or gen_iterations % 500 == 0 else every
        step += critic_steps
        moves.append(step - 1)
    phase = CriticFirst("generator", "generator", None, every=every)
    assert [step for step in range(moves[-1] + 1) if phase.is_active(step)] == moves


def test_the_dry_run_looks_far_enough_to_see_every_move():
    phases = (
        Phase("r1", "discriminator", None, every=16, lazy=True),
        CriticFirst("generator", "generator", None, every=5),
    )
    patterns = {active_phases(phases, step) for step in range(20_000)}
    assert {active_phases(phases, step) for step in range(PATTERN_STEPS)} == patterns
    assert len(patterns) == 4


# ---------------------------------------------------------------- spectral normalisation in the game


class SpectralGenerator(nn.Module):
    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        x = Dense(RESOLUTION**2 * 3, spectral_norm=True, name="to_image")(latents)
        return jnp.tanh(4.0 * x).reshape(-1, RESOLUTION, RESOLUTION, 3)


class SpectralDiscriminator(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        x = Dense(5, spectral_norm=True, name="hidden")(images.reshape(len(images), -1))
        return Dense(1, spectral_norm=True, name="to_logit")(nn.leaky_relu(x, 0.2))[:, 0]


SPECTRAL_GAME = LatentGAN(
    SpectralGenerator(),
    SpectralDiscriminator(),
    latent_dim=3,
    adversarial="hinge",
    gradient_penalty_weight=1.0,
    r1_gamma=0.1,
    r1_every=2,
    zcr_weight=1.0,
)


def spectral_config(**changes):
    return Config(
        game=SPECTRAL_GAME,
        data=DataConfig(),
        stages=(Stage(steps=4, batch_size=4, resolution=RESOLUTION, **changes),),
        generator_optimizer=AdamConfig(learning_rate=0.05),
        discriminator_optimizer=AdamConfig(learning_rate=0.05),
        ema=EmaConfig(half_life_images=4.0, warmup=0.0),
        log_every=2,
        sample_every=100,
        checkpoint_every=2,
    )


@pytest.fixture
def images(monkeypatch):
    """Stand-in images on one device."""
    use_devices(monkeypatch, 1)
    monkeypatch.setattr(jgan.setup, "open_dataset", lambda config, seed: StandInData(("images",)))


def iterate(kernel, u, times=1):
    """Power iteration on the kernel with its filters as rows, in float64."""
    rows = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1]).T
    for _ in range(times):
        v = rows.T @ u
        u = rows @ (v / np.linalg.norm(v))
        u = u / np.linalg.norm(u)
    return u


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 3), (2, 1)])
def test_a_step_makes_one_power_iteration_from_the_last_ones_vectors(accumulate, steps, images):
    """Though the discriminator sees real and fake images, a penalty and R1; with microbatches, one for each."""
    setup = prepare(spectral_config(accumulate=accumulate))
    (stage,) = setup.stages
    train_step, state = setup.make_step(stage), setup.create_state()
    for index, feed in enumerate(itertools.islice(setup.feeds(stage, 0), steps)):
        before = jax.device_get(state)
        active = active_phases(setup.config.game.phases(stage), index)
        state, _ = train_step(state, feed, setup.key(RUN, 0), active)
        for name in ("generator", "discriminator"):
            old, new = getattr(before, name), jax.device_get(getattr(state, name))
            for layer, vectors in new.variables[SPECTRAL].items():
                u = iterate(old.params[layer]["kernel"], old.variables[SPECTRAL][layer]["u"], accumulate)
                np.testing.assert_allclose(vectors["u"], u, rtol=0, atol=1e-5)  # unit vectors, sums of 192 products
        old, new = (each.variables_ema[SPECTRAL]["to_image"]["u"] for each in (before.generator, state.generator))
        average = 0.5 * old + 0.5 * state.generator.variables[SPECTRAL]["to_image"]["u"]  # a half-life of one batch
        np.testing.assert_allclose(new, average, rtol=1e-6, atol=1e-7)


def test_a_run_with_spectral_norm_resumes_bit_for_bit(images, tmp_path):
    whole = train(spectral_config(), tmp_path / "whole").state
    assert SPECTRAL in whole.generator.variables_ema
    for steps in (1, 3):
        _crash_after(spectral_config(), tmp_path / "pieces", steps)
    assert_equal(train(spectral_config(), tmp_path / "pieces").state, whole)


# ---------------------------------------------------------------- refusals


REFUSED = [
    ({"adversarial": "hindge"}, "game.adversarial='hindge': expected one of non_saturating"),
    ({"augment": ("blur",)}, "game.augment[0]='blur': expected one of color"),
    ({"bcr_policy": ("flip", "flip")}, "game.bcr_policy[1]='flip': it is there already"),
    ({"bcr_weight": 1.0, "bcr_policy": ()}, "game.bcr_policy=(): expected what images are consistent under"),
    ({"zcr_generator_weight": 1.0}, "game.zcr_generator_weight: needs the discriminator's side; set game.zcr_weight"),
    ({"zcr_weight": 1.0, "zcr_noise": 0.0}, "game.zcr_noise=0: images of the same latents are consistent anyway"),
    ({"instance_noise_images": 9}, "game.instance_noise_images: there is no noise to fall; set game.instance_noise"),
    ({"top_k": 0.0}, "game.top_k=0.0: expected a share above 0, at most 1"),
    ({"top_k": 1.5}, "game.top_k=1.5: expected a share above 0, at most 1"),
    ({"top_k_images": 9}, "game.top_k_images: the share stays 1; set game.top_k below 1"),
    (
        {"top_k": 0.5, "generator_adversarial_weight": 0.0, "feature_matching_weight": 1.0},
        "game.top_k=0.5: it thins out a loss of weight 0; set it to 1",
    ),
    ({"top_k": 0.5, "adversarial": "relativistic_average"}, "game.top_k=0.5: the loss 'relativistic_average' sets"),
    ({"generator_adversarial_weight": 0.0}, "game.generator_adversarial_weight=0: the generator would learn nothing"),
    ({"critic_warmup": True}, "game.generator_every=1: critic_warmup is for a critic with more steps"),
    ({"unroll_steps": 1, "unroll_learning_rate": 0.0}, "game.unroll_learning_rate=0: the steps would go nowhere"),
    (
        {"unroll_steps": 1, "generator_batches": 2},
        "game.generator_batches=2: unroll_steps look through steps on as many",
    ),
    ({"label_smoothing": 0.1, "adversarial": "hinge"}, "game.label_smoothing, game.label_flipping: the loss 'hinge'"),
    (
        {"label_flipping": 0.1, "adversarial": "relativistic_paired"},
        "game.label_smoothing, game.label_flipping: the loss 'relativistic_paired' has no targets to change",
    ),
    (
        {"generator_batches": 2, "adversarial": "relativistic_paired"},
        "game.generator_batches=2: the loss 'relativistic_paired' compares as many fake as real images; set it to 1",
    ),
    (
        {"generator_batches": 2, "minibatch": "discrimination"},
        "game.generator_batches=2: minibatch='discrimination' of",
    ),
    ({"minibatch": "sdt"}, "game.discriminator.minibatch='sdt': expected one of none, std, discrimination"),
    ({"classifier_weight": 1.0}, "game.classifier_weight, game.generator_classifier_weight: game.discriminator has no"),
    ({"generator_classifier_weight": 1.0}, "game.classifier_weight, game.generator_classifier_weight: game.discrim"),
    # of a single number, by config.check
    ({"generator_batches": 0}, "game.generator_batches=0: expected at least 1"),
    ({"unroll_steps": -1}, "game.unroll_steps=-1: expected at least 0"),
    ({"r1_every": 0}, "game.r1_every=0: expected at least 1"),
    ({"generator_every": 0}, "game.generator_every=0: expected at least 1"),
    ({"lecam_half_life_images": 0.0}, "game.lecam_half_life_images=0.0: expected at least 1"),
    ({"label_flipping": 1.0}, "game.label_flipping=1.0: expected less than 1"),
    ({"dropout": 1.0}, "game.discriminator.dropout=1.0: expected less than 1"),
    *(
        ({field.name: -1.0}, f"game.{field.name}=-1.0: expected at least ")
        for field in dataclasses.fields(Settings)
        if field.type == "float" and field.name != "top_k"
    ),
]


def config_of(game):
    return Config(game=game, data=DataConfig(channels=1), stages=(Stage(steps=1, batch_size=4, resolution=8),))


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=lambda value: ",".join(value) if value else None)
def test_options_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UserError) as error:
        configs.check(config_of(make_game(**settings)))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_networks_that_lack_what_an_option_needs_are_refused():
    class Silent(Witness):
        @nn.compact
        def __call__(self, images, labels=None, *, train):
            return images.mean((1, 2, 3))

    stages = (Stage(steps=1, batch_size=4, resolution=16),)
    conditional = LatentGAN(
        cgan.ConvGenerator(16, 4), cgan.ConvDiscriminator(4, 10, "auxiliary_classifier"), num_classes=10
    )
    dcgan_16 = dcgan.dcgan(16, 4, 1)
    for game, message in [
        (
            LatentGAN(Labeller(), Silent(), feature_matching_weight=1.0),
            "game.feature_matching_weight: game.discriminator shows no features",
        ),
        (
            dataclasses.replace(conditional, classifier_weight=1.0),
            "game.classifier_weight=1.0, game.generator_classifier_weight=0.0: the classifier of game.discriminator",
        ),
        (
            dataclasses.replace(conditional, num_classes=0, classifier_weight=1.0, generator_classifier_weight=1.0),
            "game.num_classes=0: game.generator takes 10 classes; set both to the same number",
        ),
        (
            dataclasses.replace(dcgan_16, dragan_weight=10.0),
            "game.gradient_penalty_weight, game.dragan_weight: they take each example's gradient by itself",
        ),
        (
            dataclasses.replace(dcgan_16, generator=dcgan.Generator(16, 4, 1, norm_classes=3)),
            "game.generator.norm_classes=3: the game has no labels; set it to 0",
        ),
    ]:
        with pytest.raises(UserError) as error:
            game.check(stages)
        assert str(error.value).startswith(message)
    both = dataclasses.replace(conditional, classifier_weight=1.0, generator_classifier_weight=0.1)
    both.check(stages)


def test_flags_set_options_that_are_empty_by_default():
    config = configs.override(config_of(make_game()), ["--config.game.augment=('color', 'cutout')"])
    assert config.game.augment == ("color", "cutout")
    configs.check(config)


# ---------------------------------------------------------------- every option alone


# option: settings, what the metrics have besides
OPTIONS = {
    "gradient_penalty_weight": ({"gradient_penalty_weight": 10.0}, "discriminator/gradient_penalty"),
    "dragan_weight": ({"dragan_weight": 10.0}, "discriminator/dragan"),
    "r1_gamma": ({"r1_gamma": 1.0}, "penalty/r1"),
    "r2_gamma": ({"r2_gamma": 1.0}, "penalty/r2"),
    "r1_every": ({"r1_gamma": 1.0, "r1_every": 1}, "discriminator/r1"),
    "drift_weight": ({"drift_weight": 0.1}, "discriminator/drift"),
    "lecam_weight": ({"lecam_weight": 0.1}, "discriminator/lecam"),
    "bcr_weight": ({"bcr_weight": 10.0}, "discriminator/bcr"),
    "zcr_weight": ({"zcr_weight": 5.0}, "discriminator/zcr"),
    "zcr_generator_weight": ({"zcr_weight": 5.0, "zcr_generator_weight": 0.5}, "discriminator/zcr generator/zcr"),
    "orthogonal_weight": ({"orthogonal_weight": 0.1}, "discriminator/orthogonal"),
    "generator_orthogonal_weight": ({"generator_orthogonal_weight": 0.1}, "generator/orthogonal"),
    "label_smoothing": ({"label_smoothing": 0.1}, ""),
    "label_flipping": ({"label_flipping": 0.1}, ""),
    "instance_noise": ({"instance_noise": 0.1, "instance_noise_images": 1000}, ""),
    "augment": ({"augment": ("color", "translation", "cutout")}, ""),
    "generator_every": ({"generator_every": 5}, ""),
    "critic_warmup": ({"generator_every": 5, "critic_warmup": True}, ""),
    "generator_batches": ({"generator_batches": 2}, ""),
    "top_k": ({"top_k": 0.5, "top_k_images": 1000}, ""),
    "generator_adversarial_weight": (
        {"generator_adversarial_weight": 0.0, "feature_matching_weight": 1.0},
        "generator/feature_matching",
    ),
    "feature_matching_weight": ({"feature_matching_weight": 1.0}, "generator/feature_matching"),
    "unroll_steps": ({"unroll_steps": 2}, ""),
    "minibatch_std": ({"minibatch": "std"}, ""),
    "minibatch_discrimination": ({"minibatch": "discrimination"}, ""),
    "dropout": ({"dropout": 0.3}, ""),
    **{name: ({"adversarial": name}, "") for name in ADVERSARIAL},
}
# Set with another one above, or (the classifier) played by other tests here.
WITH_OTHERS = {"lecam_half_life_images", "bcr_policy", "zcr_noise", "instance_noise_images", "top_k_images"}
WITH_OTHERS |= {"unroll_learning_rate", "classifier_weight", "generator_classifier_weight"}
# Differences of logits do not change with the bias of the last layer; nor does the hinge loss while they are below 1.
NO_LAST_BIAS = {name for name, loss in ADVERSARIAL.items() if loss.relative} | {"wasserstein", "hinge"}


def test_no_option_is_forgotten():
    assert {field.name for field in dataclasses.fields(Settings)} <= set(OPTIONS) | WITH_OTHERS


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_trains_both_players(option):
    """One step, operation by operation: that takes a tenth of the time of compiling a program for each option."""
    settings, more = OPTIONS[option]
    game = make_game(**settings)
    game.check((STAGE,))
    batch = {"images": jnp.asarray(IMAGES)}
    optimizers = {name: make_optimizer(AdamConfig()) for name in ("generator", "discriminator")}
    start = create_state(game, (STAGE,), (batch,), optimizers, jax.random.key(0))
    state, metrics = start, {}
    for phase in game.phases(STAGE):
        state, logs = apply_phase(phase, optimizers[phase.player], STAGE, make_sharding(), state, batch, RNGS)
        metrics |= {f"{phase.name}/{key}": value for key, value in logs.items()}
    assert jax.tree.structure(state) == jax.tree.structure(start)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.generator, state.discriminator, metrics)))
    names = [phase.name for phase in game.phases(STAGE)]
    expected = {f"{name}/{key}" for name in names for key in ("loss", "grad_norm", "nonfinite")}
    assert set(metrics) == expected | {"discriminator/logits_real", "discriminator/logits_fake"} | set(more.split())
    for name in ("generator", "discriminator"):
        pairs = (getattr(each, name).params for each in (start, state))
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), *pairs)
        if name == "discriminator" and option in NO_LAST_BIAS:
            moved["to_logit"].pop("bias")
        assert all(jax.tree.leaves(moved)), moved


def test_without_options_the_game_is_what_it_was_bit_for_bit():
    game = make_game(dropout=0.3)
    state = make_state(game, {"images": IMAGES})
    latents = jax.vmap(lambda rng: jax.random.normal(jax.random.fold_in(rng, 0), (4,)))(RNGS)
    fake = game.generator.apply({"params": state.generator.params}, latents, train=True)

    def logits(images, purpose):
        rngs = {"dropout": jax.random.fold_in(RNGS[0], purpose)}
        return game.discriminator.apply({"params": state.discriminator.params}, images, train=True, rngs=rngs)

    loss, _ = game.discriminator_loss(STAGE, state.discriminator.params, state, {"images": IMAGES}, RNGS)
    assert loss == (jax.nn.softplus(-logits(IMAGES, 2)) + jax.nn.softplus(logits(fake, 1))).mean()
    loss, _ = game.generator_loss(STAGE, state.generator.params, state, {"images": IMAGES}, RNGS)
    assert loss == jax.nn.softplus(-logits(fake, 1)).mean()

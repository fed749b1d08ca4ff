"""The stabilisers of a game against numpy and closed forms."""

import dataclasses
import functools
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import ALL_DEVICES, use_devices
from jax.flatten_util import ravel_pytree
from small_game import BATCH, IMAGES, RANDOM, RNGS, STAGE, Labeller, Witness, make_game, make_state
from tables import mark_slow

from jgan.engine.optim import unrolled_adam
from jgan.engine.sharding import make_sharding
from jgan.engine.step import active_phases
from jgan.families import cgan
from jgan.games.cadence import CriticFirst
from jgan.games.latent import LatentGAN
from jgan.games.networks import NETWORK_FAKE, NETWORK_REAL
from jgan.games.unrolling import unroll
from jgan.layers.minibatch import MinibatchDiscrimination, MinibatchStd
from jgan.losses.auxiliary import classification_loss, feature_matching_loss, top_k_mean
from jgan.training.dry_run import PATTERN_STEPS
from jgan.types import Phase, Player, TrainState, UserError

# ---------------------------------------------------------------- unrolling


def test_unrolling_a_quadratic_game_has_the_derivative_by_hand():
    """a d^2 / 2 - g d: d nears g / a by a factor 1 - rate a at every step, and so does its answer to g."""
    a, g, start, rate = 0.7, 1.3, -0.4, 0.2
    descent = optax.sgd(rate)

    def ahead(g, steps):
        start_at = jnp.float32(start)
        return unroll(lambda d: 0.5 * a * d**2 - g * d, start_at, descent.update, descent.init(start_at), steps)

    for steps in (0, 1, 5):
        left = (1 - rate * a) ** steps
        value, slope = jax.value_and_grad(ahead)(g, steps)
        np.testing.assert_allclose(value, left * start + (1 - left) * g / a, rtol=1e-5)
        np.testing.assert_allclose(slope, (1 - left) / a, rtol=1e-5, atol=1e-7)


def with_moments(state):
    """After three steps of Adam, say."""
    params = state.discriminator.params
    draw = lambda leaf: jnp.asarray(RANDOM.normal(size=leaf.shape))  # noqa: E731
    first, second = jax.tree.map(draw, params), jax.tree.map(lambda leaf: 0.1 + draw(leaf) ** 2, params)
    opt_state = (optax.ScaleByAdamState(jnp.int32(3), first, second), optax.EmptyState())
    return state.replace(discriminator=state.discriminator.replace(opt_state=opt_state))


def test_unrolling_is_finite_where_a_weight_has_no_gradient():
    adam = unrolled_adam(0.5, 0.999, 0.1)

    def ahead(g):
        params = {"used": jnp.float32(1.0), "dead": jnp.float32(2.0)}
        return unroll(lambda p: g * p["used"] ** 2 + 0.0 * p["dead"], params, adam.update, adam.init(params), 3)["used"]

    assert jnp.isfinite(jax.grad(ahead)(0.5))


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


@pytest.mark.parametrize(
    "adversarial", mark_slow(("non_saturating", "minimax", "wasserstein"), ("non_saturating", "wasserstein"))
)
def test_the_generator_learns_from_a_discriminator_two_steps_ahead(adversarial):
    """Its gradient is that of a loss for which Adam's steps are taken one by one, by finite differences.

    In a zero-sum game that is the whole value of the game, the discriminator's view of real images included.
    """
    values = {"minimax": lambda logits: -jax.nn.softplus(-logits), "wasserstein": lambda logits: logits}
    value_of_real = values.get(adversarial, jnp.zeros_like)
    with jax.enable_x64(True):
        settings = {"drift_weight": 0.3, "zcr_weight": 5.0, "zcr_noise": 0.3, "adversarial": adversarial}
        settings |= {"label_smoothing": 0.1} if adversarial != "wasserstein" else {}
        plain = LatentGAN(SmoothGenerator(), SmoothDiscriminator(), latent_dim=2, **settings)
        game = dataclasses.replace(plain, unroll_steps=2, unroll_learning_rate=0.3, unroll_b2=0.9)
        batch = {"images": jnp.asarray(np.tanh(RANDOM.normal(size=(BATCH, 2, 2, 1))))}
        state = with_moments(make_state(plain, batch))
        start = state.generator.params
        _, first, second = state.discriminator.opt_state[0]

        def step(count, params, first, second, generator):
            now = state.replace(generator=state.generator.replace(params=generator))
            slopes = jax.grad(lambda params: plain.discriminator_loss(STAGE, params, now, batch, RNGS)[0])(params)
            first = jax.tree.map(lambda old, slope: 0.5 * old + 0.5 * slope, first, slopes)
            second = jax.tree.map(lambda old, slope: 0.9 * old + 0.1 * slope**2, second, slopes)
            bias_first, bias_second = 1 - 0.5**count, 1 - 0.9**count
            move = lambda p, m, v: p - 0.3 * (m / bias_first) / jnp.sqrt(v / bias_second)  # noqa: E731
            return jax.tree.map(move, params, first, second), first, second

        @jax.jit
        def by_hand(generator):
            params = step(5, *step(4, state.discriminator.params, first, second, generator), generator)[0]
            ahead = state.replace(discriminator=state.discriminator.replace(params=params))
            logits_real = plain.discriminator.apply({"params": params}, batch["images"], train=True)
            of_fake = plain.generator_loss(STAGE, generator, ahead, batch, RNGS)[0]
            return of_fake + value_of_real(logits_real).mean()

        @jax.jit
        def ours(generator):
            return jax.value_and_grad(lambda p: game.generator_loss(STAGE, p, state, batch, RNGS)[0])(generator)

        loss, gradients = ours(start)
        np.testing.assert_allclose(loss, by_hand(start), rtol=1e-10)  # 1e-16 inside of roots of 1e-4 and more
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
def test_minibatch_std_is_that_of_the_authors_groups(count):
    x = RANDOM.normal(size=(count, 2, 3, 5)).astype(np.float32)
    y = np.asarray(MinibatchStd().apply({}, x))
    np.testing.assert_array_equal(y[..., :5], x)
    groups = max(count // 4, 1)
    for first in range(groups):
        deviation = x[first::groups].std(axis=0).mean()
        np.testing.assert_allclose(y[first::groups, :, :, 5], deviation, rtol=1e-5)


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
    inputs = game.step_inputs(STAGE, state, {"images": IMAGES}, RNGS)
    logits = np.sort(
        game.discriminate(state.discriminator, game.generate(state.generator, inputs)[0], inputs, 1)[0].logits
    )[::-1]
    loss, _ = game.generator_loss(STAGE, state.generator.params, state, {"images": IMAGES}, RNGS)
    np.testing.assert_allclose(loss, np.log1p(np.exp(-logits[: round(share * BATCH)])).mean(), rtol=1e-5)


def test_feature_matching_alone_is_the_distance_of_mean_features():
    game = make_game(feature_matching_weight=0.7, generator_adversarial_weight=0.0)
    state = make_state(game, {"images": IMAGES})
    inputs = game.step_inputs(STAGE, state, {"images": IMAGES}, RNGS)
    fake, _ = game.generate(state.generator, inputs)
    dense = jax.device_get(state.discriminator.params["dense_0"])
    real, fake = (np.asarray(images).reshape(BATCH, -1) @ dense["kernel"] + dense["bias"] for images in (IMAGES, fake))
    real, fake = (np.where(x > 0, x, 0.2 * x).mean(0) for x in (real, fake))
    loss, _ = game.generator_loss(STAGE, state.generator.params, state, {"images": IMAGES}, RNGS)
    np.testing.assert_allclose(loss, 0.7 * np.square(real - fake).sum(), rtol=1e-4)


# ---------------------------------------------------------------- what the discriminator sees


NOBODY = Player({}, {}, None)


def witnessed(game, images, purpose, *, step=0, rngs=RNGS):
    """What the discriminator sees in place of `images`."""
    state = TrainState(jnp.int32(step), NOBODY, NOBODY, {}, ())
    inputs = game.step_inputs(STAGE, state, {"images": images}, rngs)
    return game.discriminate(NOBODY, images, inputs, purpose)[0].features


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


def test_the_blur_has_its_filter_and_falls_in_images():
    game = LatentGAN(Labeller(), Witness(), blur_sigma=1.5, blur_images=1000)
    taps = 2.0 ** -((np.arange(-4, 5) / 1.5) ** 2)  # floor(3 sigma) = 4 pixels to each side
    taps /= taps.sum()
    rows = lambda image: np.apply_along_axis(np.convolve, 0, image, taps, "same")  # noqa: E731
    images = np.asarray(jax.random.normal(jax.random.key(1), (BATCH, 16, 16, 1)))  # larger than the filter
    expected = np.stack([rows(rows(image[..., 0]).T).T for image in images])[..., None]
    for purpose in (NETWORK_REAL, NETWORK_FAKE):
        np.testing.assert_allclose(witnessed(game, jnp.asarray(images), purpose), expected, atol=1e-5)
    half = witnessed(game, jnp.asarray(images), NETWORK_REAL, step=500 // BATCH)
    assert expected.std() < half.std() < images.std()
    for step in (900 // BATCH, 2000 // BATCH):  # less than a third of a pixel, and none
        np.testing.assert_allclose(witnessed(game, jnp.asarray(images), NETWORK_REAL, step=step), images, atol=1e-6)
    stays = dataclasses.replace(game, blur_images=0)
    np.testing.assert_allclose(witnessed(stays, jnp.asarray(images), NETWORK_REAL, step=9999), expected, atol=1e-5)


def test_real_and_fake_images_are_augmented_alike():
    game = LatentGAN(Labeller(), Witness(), augment=("color", "translation", "cutout"))
    real, fake = (witnessed(game, IMAGES, purpose) for purpose in (NETWORK_REAL, NETWORK_FAKE))
    np.testing.assert_array_equal(real, fake)
    assert not np.allclose(real, IMAGES)


def test_a_generator_may_draw_more_images_than_the_batch_has():
    game = LatentGAN(Labeller(3), Witness(3), num_classes=3, generator_batches=2, adversarial="wasserstein")
    labels = jnp.array([2, 0, 1, 1])
    state = TrainState(jnp.int32(0), NOBODY, NOBODY, {}, ())
    drawn = game.generator_inputs(game.step_inputs(STAGE, state, {"images": IMAGES, "labels": labels}, RNGS))
    np.testing.assert_array_equal(drawn.labels, [2, 2, 0, 0, 1, 1, 1, 1])
    assert len(np.unique(jax.random.key_data(drawn.rngs), axis=0)) == 2 * BATCH
    # Neighbours come from one example's key, whatever the rest of the batch is.
    alone = game.generator_inputs(
        game.step_inputs(STAGE, state, {"images": IMAGES[1:2], "labels": labels[1:2]}, RNGS[1:2])
    )
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

    @jax.jit
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

    @jax.jit
    def discriminate():
        variables = discriminator.init(jax.random.key(0), **CONDITIONAL, train=True)
        apply = functools.partial(discriminator.apply, variables, train=False, mutable=["intermediates"])
        return variables["params"], [apply(CONDITIONAL["images"], labels) for labels in (CONDITIONAL["labels"], OTHERS)]

    params, ((logits, shown), (logits_others, _)) = jax.device_get(discriminate())
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
    discriminator = Player({"logits": class_logits}, {}, None)
    state = TrainState(jnp.int32(0), NOBODY, discriminator, {}, ())
    expected = classification_loss(class_logits, labels).mean()
    loss, (metrics, _) = game.discriminator_loss(STAGE, discriminator.params, state, batch, RNGS)
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

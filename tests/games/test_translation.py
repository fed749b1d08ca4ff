"""The image-to-image games beside their formulas, CycleGAN's pools beside a loop, and what they refuse."""

import dataclasses
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.data.planned import planned_dataset
from jgan.engine.optim import AdamConfig, EmaConfig, make_optimizer
from jgan.engine.sharding import make_sharding
from jgan.engine.step import PLAYERS, create_state, make_train_step
from jgan.families.cyclegan import Critics, Translators
from jgan.families.pix2pix import PatchDiscriminator, UNet
from jgan.games.paired import PairedGAN
from jgan.games.unpaired import UnpairedGAN, exchange
from jgan.setup import lay_out
from jgan.tasks.config import TaskConfig
from jgan.types import Player, Stage, TrainState, UserError, schedule

(STAGE,) = schedule((Stage(steps=1, batch_size=2, resolution=16),))
RNGS = jax.random.split(jax.random.key(0), 2)
RANDOM = np.random.default_rng(0)
PAIR = {name: np.tanh(RANDOM.normal(size=(2, 16, 16, 3))).astype(np.float32) for name in ("inputs", "targets")}
DOMAINS = {"images_a": PAIR["inputs"], "images_b": PAIR["targets"]}


def paired(**fields):
    unet = UNet(channels=4, downs=3, dropout=0.5)
    return PairedGAN(unet, PatchDiscriminator(4, receptive_field=16, norm="none"), **fields)


class Recolour(nn.Module):
    """A translator with little to compile: each pixel by itself."""

    image_channels: int = 3
    dropout: float = 0.0
    norm: bool = False

    @nn.compact
    def __call__(self, images, *, train):
        images = nn.Dropout(self.dropout, deterministic=not train)(images)
        images = nn.BatchNorm(not train)(images) if self.norm else images
        return jnp.tanh(nn.Dense(self.image_channels)(images))


class Critic(nn.Module):
    """A critic with little to compile."""

    @nn.compact
    def __call__(self, images, *, train):
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(4)(images)))[..., 0]


def unpaired(image_channels=(3, 3), norm=False, **fields):
    of_a, of_b = image_channels
    return UnpairedGAN(
        Translators(Recolour(of_b, norm=norm), Recolour(of_a, norm=norm)),
        Critics(Critic(), Critic()),
        **{"pool_size": 3} | fields,
    )


def state_of(game, batch, frozen=()):
    variables = jax.jit(lambda: game.init(jax.random.key(1), batch, STAGE))()
    players = (Player(tree.pop("params"), tree, None) for tree in map(dict, variables))
    return TrainState(jnp.int32(0), *players, extras=game.init_extras(batch), frozen=frozen)


def loss_of(game, player, state, batch):
    """(loss, metrics, state, gradients) of one move."""
    (phase,) = [phase for phase in game.phases(STAGE) if phase.name == player]
    move = jax.jit(jax.value_and_grad(phase.loss, has_aux=True))
    (loss, (metrics, new)), gradients = move(getattr(state, phase.player).params, state, batch, RNGS)
    return float(loss), metrics, new, gradients


def test_pix2pix_minimises_its_formula():
    game = paired(l1_weight=100.0)
    state = state_of(game, PAIR)
    rng = jax.random.fold_in(RNGS[0], 0)
    variables = {"params": state.generator.params, **state.generator.variables}
    made = game.generator.apply(variables, PAIR["inputs"], train=True, rngs={"dropout": rng}, mutable=["batch_stats"])[
        0
    ]
    critic = {"params": state.discriminator.params}
    real, fake = (
        game.discriminator.apply(critic, side, PAIR["inputs"], train=True) for side in (PAIR["targets"], made)
    )
    loss, metrics, _, gradients = loss_of(game, "discriminator", state, PAIR)
    expected = 0.5 * (np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean())
    assert loss == pytest.approx(expected, rel=1e-4)
    assert metrics["logits_real"] == pytest.approx(float(real.mean()), abs=1e-5)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))
    loss, metrics, new, gradients = loss_of(game, "generator", state, PAIR)
    l1 = np.abs(made - PAIR["targets"]).mean()
    assert loss == pytest.approx(np.logaddexp(0, -fake).mean() + 100 * l1, rel=1e-4)
    errors = np.square(made - PAIR["targets"]).mean((1, 2, 3))
    assert metrics["psnr"] == pytest.approx((10 * np.log10(4 / errors)).mean(), rel=1e-4)
    before, after = (jax.tree.leaves(side.generator.variables) for side in (state, new))
    assert any((old != now).any() for old, now in zip(before, after, strict=True))  # batch statistics advance
    assert new.discriminator.params is not None
    assert sum(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients)) > 10


def test_pix2pix_draws_as_it_trains():
    game = dataclasses.replace(paired(l1_weight=1.0, test_as_trained=True), generator=Recolour(dropout=0.5))
    player = state_of(game, PAIR).generator
    draw = jax.jit(game.translate)
    first, other = (draw(player, PAIR["inputs"], jax.random.key(seed)) for seed in range(2))
    assert np.abs(first - other).max() > 0.01  # dropout
    steady = dataclasses.replace(game, test_as_trained=False)
    first, other = (jax.jit(steady.translate)(player, PAIR["inputs"], jax.random.key(seed)) for seed in range(2))
    np.testing.assert_array_equal(first, other)


def test_known_pixels_are_kept():
    game = dataclasses.replace(paired(l1_weight=1.0, keep_known=True), generator=UNet(channels=4, downs=3))
    mask = np.where(RANDOM.uniform(size=(2, 16, 16, 1)) < 0.5, 1.0, -1.0).astype(np.float32)
    batch = {"inputs": np.concatenate([PAIR["inputs"], mask], axis=-1), "targets": PAIR["targets"]}
    state = state_of(game, batch)
    images = game.translate(state.generator, batch["inputs"], RNGS[0])
    known = np.broadcast_to(mask < 0, images.shape)
    np.testing.assert_array_equal(np.asarray(images)[known], PAIR["inputs"][known])
    assert (np.asarray(images) != PAIR["inputs"])[~known].all()
    pictures = game.preview(STAGE, state, state.generator, batch, RNGS[0])
    assert pictures.shape == (1, 6, 16, 16, 3)


@pytest.mark.slow
def test_the_content_of_a_frozen_network_reaches_the_generator():
    # By its first layers, of which XLA drops the rest.
    game = paired(content_weight=1.0, content_taps=("block_0", "block_1"), adversarial_weight=0.0)
    state = state_of(game, PAIR, frozen=game.load_frozen())
    loss, metrics, _, gradients = loss_of(game, "generator", state, PAIR)
    assert loss == pytest.approx(metrics["content"])
    assert loss > 0
    assert sum(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients)) > 10
    same = {"inputs": PAIR["inputs"], "targets": PAIR["targets"]}
    distance = jax.jit(game._content)(state.frozen, same["targets"], same["targets"])
    assert distance == 0.0


@pytest.mark.parametrize("norm", [False, True])
def test_cyclegan_minimises_its_formula(norm):
    game = unpaired(norm=norm)
    state = state_of(game, DOMAINS)
    variables = {"params": state.generator.params, **state.generator.variables}
    run = jax.jit(lambda a, b: game.generator.apply(variables, a, b, train=True, mutable=["batch_stats"])[0])
    a, b = DOMAINS.values()
    fake_b, fake_a = run(a, b)
    cycle_b, cycle_a = run(fake_a, fake_b)
    same_b, same_a = run(b, a)
    critics = jax.jit(lambda a, b: game.discriminator.apply({"params": state.discriminator.params}, a, b, train=True))
    real, fake = critics(a, b), critics(fake_a, fake_b)
    loss, metrics, new, _ = loss_of(game, "generator", state, DOMAINS)
    expected = sum(np.square(logits - 1).mean() for logits in fake)
    expected += 10 * (np.abs(cycle_a - a).mean() + np.abs(cycle_b - b).mean())
    expected += 5 * (np.abs(same_a - a).mean() + np.abs(same_b - b).mean())
    assert loss == pytest.approx(expected, rel=1e-4)
    assert (jax.tree.leaves(new.generator.variables) != []) == norm
    handed_on = {name: metrics[name] for name in ("fake_a", "fake_b")}
    np.testing.assert_allclose(handed_on["fake_b"], fake_b, atol=1e-5)
    loss, _, new, _ = loss_of(game, "discriminator", state, DOMAINS | handed_on)
    expected = 0.5 * sum(np.square(r - 1).mean() + np.square(f).mean() for r, f in zip(real, fake, strict=True))
    assert loss == pytest.approx(expected, rel=1e-4)  # the pools are empty: all that is shown is new
    np.testing.assert_allclose(new.extras["images_a"][:2], fake_a, atol=1e-5)
    assert (int(new.extras["count"]), float(new.extras["images_b"][2].max())) == (2, 0.0)


@pytest.mark.parametrize(("accumulate", "devices"), [(1, 1), (2, 1), (2, 2)])
def test_critics_see_the_translations_that_the_translators_made(accumulate, devices, monkeypatch):
    """Row by row, also where a step takes its batch in pieces: told by the products of each image and its fake."""

    def product(a, fake_b):
        return (a[..., :1] * fake_b).mean()

    class Watched(UnpairedGAN):
        def discriminator_loss(self, params, state, batch, rngs):
            loss, (metrics, state) = super().discriminator_loss(params, state, batch, rngs)
            return loss, (metrics | {"product": product(batch["images_a"], batch["fake_b"])}, state)

    (stage,) = schedule((Stage(steps=1, batch_size=4, resolution=16, accumulate=accumulate),))
    batch = {name: np.concatenate([images, images[::-1] / 2]) for name, images in DOMAINS.items()}
    game = unpaired(pool_size=0)
    game = Watched(**{field.name: getattr(game, field.name) for field in dataclasses.fields(game)})
    optimizers = {player: make_optimizer(AdamConfig()) for player in PLAYERS}
    state = jax.jit(lambda key: create_state(game, (stage,), (batch,), optimizers, key))(jax.random.key(1))
    fake_b, _ = game.generator.apply({"params": state.generator.params}, *batch.values(), train=True)
    use_devices(monkeypatch, devices)
    sharding = make_sharding()
    states = sharding.of_state(state)
    step = make_train_step(game, stage, optimizers, EmaConfig(), lambda *args: args[1], sharding, states)
    batch = jax.device_put(batch, sharding.batch)
    _, metrics = step(jax.device_put(state, states), batch, jax.random.key(0), active=("generator", "discriminator"))
    expected = float(product(batch["images_a"], fake_b))
    assert metrics["discriminator/product"] == pytest.approx(expected, abs=1e-6)
    assert product(batch["images_a"], np.roll(fake_b, 1, axis=0)) != pytest.approx(expected, abs=1e-3)
    assert not [name for name in metrics if "fake_" in name]


def test_one_direction_is_one_translator():
    game = unpaired()
    player = state_of(game, DOMAINS).generator
    to_b, to_a = game.generator.apply({"params": player.params}, *DOMAINS.values(), train=False)
    for direction, images, expected in (("a_to_b", DOMAINS["images_a"], to_b), ("b_to_a", DOMAINS["images_b"], to_a)):
        np.testing.assert_allclose(game.translate(player, images, RNGS[0], direction), expected, atol=1e-6)


def test_batch_norm_translates_an_image_with_its_own_statistics():
    """As the authors' test.py; or, if wanted, with running ones, which are those of a translator's own inputs alone."""
    game = unpaired(norm=True)
    state = state_of(game, DOMAINS)
    _, _, state, _ = loss_of(game, "generator", state, DOMAINS)  # cycles and identities pass through them too
    for direction, (name, images) in zip(("a_to_b", "b_to_a"), DOMAINS.items(), strict=True):
        params = jax.tree.map(np.asarray, state.generator.params[direction])
        running = state.generator.variables["batch_stats"][direction]["BatchNorm_0"]
        means, variances = images.mean((0, 1, 2)), images.var((0, 1, 2))
        np.testing.assert_allclose(running["mean"], 0.01 * means, rtol=1e-4, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(running["var"], 0.99 + 0.01 * variances, rtol=1e-4, err_msg=name)

        def made(image, mean, variance, params=params):
            normal = (image - mean) / np.sqrt(variance + 1e-5)
            normal = normal * params["BatchNorm_0"]["scale"] + params["BatchNorm_0"]["bias"]
            return np.tanh(normal @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"])

        image = images[:1]
        own = made(image, image.mean((0, 1, 2)), image.var((0, 1, 2)))
        translated = game.translate(state.generator, image, RNGS[0], direction)
        np.testing.assert_allclose(translated, own, atol=1e-4, err_msg=name)
        steady = dataclasses.replace(game, test_as_trained=False)
        expected = made(image, np.asarray(running["mean"]), np.asarray(running["var"]))
        np.testing.assert_allclose(
            steady.translate(state.generator, image, RNGS[0], direction), expected, atol=1e-4, err_msg=name
        )
        assert np.abs(own - expected).max() > 0.01


def test_pools_are_those_of_a_loop():
    size, count = 3, 40
    images = np.arange(1, count + 1, dtype=np.float32).reshape(count, 1, 1, 1)
    rngs = jax.random.split(jax.random.key(5), count)
    pool, taken, old_ones = [], [], 0
    for image, rng in zip(images[:, 0, 0, 0], rngs, strict=True):
        if len(pool) < size:
            pool.append(image)
            taken.append(image)
            continue
        rng_take, rng_place = jax.random.split(rng)
        place = int(jax.random.randint(rng_place, (), 0, size))
        if jax.random.bernoulli(rng_take):
            taken.append(pool[place])
            pool[place] = image
            old_ones += 1
        else:
            taken.append(image)
    assert 10 < old_ones < 30
    carried, seen = jnp.zeros((size, 1, 1, 1)), []
    for first in range(0, count, 8):  # in batches, as the game gives them
        part = slice(first, first + 8)
        carried, some = jax.jit(exchange)(carried, jnp.int32(first), images[part], rngs[part])
        seen += np.asarray(some)[:, 0, 0, 0].tolist()
    assert seen == taken
    assert np.asarray(carried)[:, 0, 0, 0].tolist() == pool


@pytest.mark.parametrize(
    ("game", "batch", "message"),
    [
        (paired(l1_weight=1.0), {"images": PAIR["inputs"]}, "data.source: its images have no partners"),
        (
            paired(l1_weight=1.0),
            PAIR | {"targets": np.zeros((2, 16, 16, 1))},
            "game.generator: makes images of 16 x 16",
        ),
        (paired(l1_weight=1.0), PAIR | {"inputs": np.zeros((2, 12, 12, 3))}, "game.generator.downs=3"),
        (paired(l1_weight=1.0, keep_known=True), PAIR, "game.keep_known: the inputs' last channel would be a mask"),
        (unpaired(), PAIR, "data.source: is not two domains"),
        (unpaired((1, 3)), DOMAINS | {"images_a": np.zeros((2, 16, 16, 1))}, "game.identity_weight=0.5"),
    ],
)
def test_data_that_do_not_fit_are_refused(game, batch, message):
    with pytest.raises(UserError, match="^" + re.escape(message)):
        game.check_data(batch, None, None)


@pytest.mark.parametrize(
    ("game", "stage", "message"),
    [
        (paired(), {}, None),
        (
            paired(adversarial_weight=0.0),
            {},
            "game.adversarial_weight, l1_weight, l2_weight, content_weight: all are 0",
        ),
        (paired(adversarial="hindge"), {}, "game.adversarial='hindge': expected one of non_saturating"),
        (paired(content_network="vgg11"), {}, "game.content_network, game.content_taps: 'vgg11'"),
        (paired(pretraining="huber"), {}, "game.pretraining='huber': expected 'l1' or 'l2'"),
        (paired(augment=("flop",)), {}, "game.augment[0]='flop'"),
        (unpaired(), {"adversarial": False}, "stages[0].adversarial=False: without pairs"),
        (unpaired(), {"fade_images": 5}, "stages[0].fade_images=5"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(game, stage, message):
    stages = (Stage(**{"steps": 1, "batch_size": 2, "resolution": 16} | stage),)
    if message is None:
        game.check(stages)
        return
    with pytest.raises(UserError, match="^" + re.escape(message)):
        game.check(stages)


def test_a_content_network_whose_weights_are_missing_is_named_by_its_field(tmp_path):
    url = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
    message = f"game.content_weights: game.content_network='vgg19' needs the file of its weights; download {url} and"
    with pytest.raises(UserError, match="^" + re.escape(message)):
        paired(content_weight=1.0, content_network="vgg19").load_frozen()
    for network in ("vgg19", "efficientnet_lite0"):
        game = paired(content_weight=1.0, content_network=network, content_weights=str(tmp_path / "no.pth"))
        with pytest.raises(UserError, match=r"^game\.content_weights: .*/no\.pth: cannot read it"):
            game.load_frozen()


@pytest.mark.parametrize("task", ["inpainting", "denoising"])
def test_inpainting_keeps_what_is_known(task):
    data = DataConfig("folder:x", task=TaskConfig(task))
    stages = (Stage(steps=1, batch_size=8, resolution=16),)
    dataset = planned_dataset(data, None, 0)
    config = Config(game=paired(l1_weight=1.0), data=data, stages=stages)
    if task == "inpainting":
        message = "game.keep_known=False: with data.task.name='inpainting' what its masks leave to be seen"
        with pytest.raises(UserError, match="^" + re.escape(message)):
            lay_out(config, dataset, make_sharding())
        config = dataclasses.replace(config, game=paired(l1_weight=1.0, keep_known=True))
    lay_out(config, dataset, make_sharding())

"""The step and the loop, driven unchanged by stand-in games of every shape."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from runs import ROOT
from shared_programs import share_programs
from standin_runs import CASES, assert_equal, crash_after, make_config
from standins import GROWING_FIELDS
from tables import mark_slow

import jgan.setup
from jgan.config import read_config
from jgan.data.opening import open_dataset
from jgan.engine.optim import AdamConfig, EmaConfig, make_optimizer, update_average
from jgan.engine.sharding import make_sharding
from jgan.engine.step import PLAYERS, active_phases, create_state, make_train_step, programs_of
from jgan.families.dcgan import dcgan
from jgan.games.growing import GrowingGAN
from jgan.setup import lay_out, prepare
from jgan.training.dry_run import compile_step
from jgan.training.loop import train
from jgan.types import Phase, Player, Stage, schedule


@pytest.fixture
def stand_in(monkeypatch):
    """Serves the stand-in data of a case in place of a data set."""

    def serve(name, devices=1):
        use_devices(monkeypatch, devices)
        monkeypatch.setattr(jgan.setup, "open_dataset", lambda config, seed, numbering=None: CASES[name][1])

    return serve


@pytest.mark.parametrize("name", mark_slow(CASES, ("growing",)))
def test_every_game_trains_and_resumes_bit_for_bit(name, stand_in, tmp_path, monkeypatch):
    stand_in(name)
    if name != "paired":  # which compiles again whenever it goes on
        share_programs(monkeypatch)
    config = make_config(name)
    start = prepare(config).create_state()
    whole = train(config, tmp_path / "whole").state

    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), start)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), whole) == shapes
    assert int(whole.step) == 7
    for player in ("generator", "discriminator"):
        moved = jax.tree.map(
            lambda a, b: not np.array_equal(a, b), getattr(start, player).params, getattr(whole, player).params
        )
        assert all(jax.tree.leaves(moved)), moved
    averages = jax.tree.map(np.array_equal, whole.generator.params, whole.generator.params_ema)
    assert not any(jax.tree.leaves(averages))
    assert_equal(whole.frozen, config.game.load_frozen())

    # In three pieces: within a stage, at its boundary and within the next, each of them a run of its own.
    for steps in (1, 3, 5):
        crash_after(config, tmp_path / "pieces", steps)
    pieces = train(config, tmp_path / "pieces").state
    assert_equal(pieces, whole)
    lines = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "pieces")]
    assert lines[0] == lines[1]


def test_a_stage_without_adversary_leaves_the_discriminator_alone(stand_in, tmp_path):
    stand_in("paired")
    config = make_config("paired")
    config = dataclasses.replace(config, stages=config.stages[:1])
    start = prepare(config).create_state()
    end = train(config, tmp_path).state
    assert_equal(end.discriminator, start.discriminator)
    first_line = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert set(first_line) == {"step", "images_seen", "reconstruction/loss", "reconstruction/grad_norm"}


def test_checkpoints_leave_frozen_weights_out(stand_in, tmp_path):
    stand_in("paired")
    train(make_config("paired"), tmp_path)
    names = (tmp_path / "checkpoints" / "7" / "state" / "_METADATA").read_text()
    assert "params" in names
    assert "filter" not in names


@pytest.mark.slow
def test_cadence_and_fade_follow_the_schedule(stand_in, tmp_path):
    stand_in("growing")
    game = GrowingGAN(**GROWING_FIELDS | {"r1_every": 3})
    train(make_config("growing", log_every=1, game=game), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [("penalty/loss" in line, "generator/loss" in line) for line in lines] == [
        *[(True, True), (False, False), (False, True)],  # stage 1: r1 on every 3rd step, the generator on every 2nd
        *[(True, True), (False, False), (False, True), (True, False)],
    ]
    assert [line["discriminator/fade"] for line in lines] == [1.0, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0]
    assert [line["images_seen"] for line in lines] == [8, 16, 24, 28, 32, 36, 40]


# After 5 steps of Adam each parameter has moved by up to 5 x 1e-3. Summation order changes gradients by about 1e-6 of
# their size; Adam's division by their own size passes that on, times the 5 steps: 5e-3 x 1e-6 x 5, with a factor of 100
# for gradients that nearly cancel.
DEVICE_TOLERANCE = 2.5e-6


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        pytest.param("growing", (1, 4), marks=pytest.mark.slow),
        pytest.param("unpaired", (2,), marks=pytest.mark.slow),
        ("paired", (1,)),
    ],
)
def test_devices_do_not_change_the_result(name, shares, stand_in, tmp_path):
    config = make_config(name)
    config = dataclasses.replace(
        config,
        stages=(dataclasses.replace(config.stages[-1], steps=5, fade_images=0),),
        generator_optimizer=AdamConfig(learning_rate=1e-3, eps=1e-3),
        discriminator_optimizer=AdamConfig(learning_rate=1e-3, eps=1e-3),
    )
    stand_in(name, devices=1)
    one = train(config, tmp_path / "one").state
    stand_in(name, devices=4)
    for fsdp in shares:
        four = train(dataclasses.replace(config, fsdp=fsdp), tmp_path / f"fsdp {fsdp}").state
        assert len(jax.tree.leaves(four.generator.params)[0].sharding.device_set) == 4
        assert_close(one, four)


@pytest.mark.slow
def test_sharing_the_parameters_leaves_the_features_split_over_the_batch(monkeypatch):
    """A device that holds a quarter of the state needs at most a whole copy of the weights more to compute with."""
    use_devices(monkeypatch, 4)
    config = read_config(str(ROOT / "configs" / "dcgan_digits.py"), [])
    config = dataclasses.replace(config, game=dcgan(32, channels=16, image_channels=1))
    dataset = open_dataset(config.data, config.seed)
    temporaries = {}
    for fsdp in (1, 4):
        setup = lay_out(dataclasses.replace(config, fsdp=fsdp), dataset, make_sharding(fsdp))
        active = tuple(phase.name for phase in config.game.phases(setup.stages[0]))
        temporaries[fsdp] = compile_step(setup, setup.stages[0], active).memory_analysis().temp_size_in_bytes
    params = jax.tree.leaves((setup.target.generator.params, setup.target.discriminator.params))
    assert temporaries[4] <= temporaries[1] + 4 * sum(leaf.size for leaf in params)


@pytest.mark.slow
def test_a_run_goes_on_with_other_devices(stand_in, tmp_path, monkeypatch):
    share_programs(monkeypatch)
    config = make_config(
        "growing", generator_optimizer=AdamConfig(eps=1e-3), discriminator_optimizer=AdamConfig(eps=1e-3)
    )
    stand_in("growing", devices=1)
    whole = train(config, tmp_path / "whole").state
    crash_after(config, tmp_path / "moved", 4)
    stand_in("growing", devices=4)
    moved = train(dataclasses.replace(config, fsdp=2), tmp_path / "moved").state
    assert_close(whole, moved)


def assert_close(state, other):
    close = functools.partial(np.testing.assert_allclose, atol=DEVICE_TOLERANCE, rtol=0)
    jax.tree.map(close, *map(_params, (state, other)))


def _params(state):
    return jax.device_get((state.generator.params, state.generator.params_ema, state.discriminator.params))


@pytest.mark.parametrize("devices", mark_slow((1, 2), (2,)))
def test_accumulated_gradients_are_those_of_the_whole_batch(devices, stand_in, tmp_path):
    stand_in("growing", devices)
    stage = Stage(steps=4, batch_size=8, resolution=8)
    optimizer = AdamConfig(learning_rate=1e-3, eps=1e-3)
    config = make_config(generator_optimizer=optimizer, discriminator_optimizer=optimizer, stages=(stage,))
    whole = train(config, tmp_path / "whole").state
    parts = dataclasses.replace(config, stages=(dataclasses.replace(stage, accumulate=4),))
    parts = train(parts, tmp_path / "parts").state
    assert_close(whole, parts)


@dataclasses.dataclass(frozen=True)
class Watching:
    """A game that reports what each player is given: real images, and a number from each key."""

    def init(self, rng, batch, stage):
        return {"params": {"w": jnp.ones(())}}, {"params": {"w": jnp.ones(())}}

    def init_extras(self, batch):
        return {}

    def phases(self, stage):
        return tuple(Phase(player, player, self.loss) for player in ("discriminator", "generator"))

    def loss(self, params, state, batch, rngs):
        latents = jax.vmap(jax.random.uniform)(rngs)
        metrics = {
            "images": batch["images"].mean(),
            "latents": latents.mean(),
            "pairs": (batch["images"] * latents).mean(),
        }
        return params["w"], (metrics, state)


@pytest.mark.parametrize(("accumulate", "devices"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("own", [False, True])
def test_players_see_their_own_examples_or_the_same(own, accumulate, devices, monkeypatch):
    """Of neighbours in a batch of twice as many each has one."""
    use_devices(monkeypatch, devices)
    sharding = make_sharding()
    (stage,) = schedule((Stage(steps=1, batch_size=4, resolution=8, accumulate=accumulate, own_batches=own),))
    optimizers = {player: make_optimizer(AdamConfig()) for player in PLAYERS}
    make = jax.jit(lambda key: create_state(Watching(), (stage,), ({},), optimizers, key))  # no buffer twice
    state = make(jax.random.key(0))
    states = sharding.of_state(state)
    step = make_train_step(Watching(), stage, optimizers, EmaConfig(), lambda *args: args[1], sharding, states)
    images = np.arange(stage.examples, dtype=np.float32) ** 2
    feed = jax.device_put({"images": images}, sharding.batch)
    _, metrics = step(jax.device_put(state, states), feed, jax.random.key(5), active=("discriminator", "generator"))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(5), 0), stage.examples)
    latents = np.asarray(jax.vmap(jax.random.uniform)(keys))
    for player in PLAYERS:
        rows = slice(PLAYERS.index(player), None, 2) if own else slice(None)
        assert metrics[f"{player}/images"] == pytest.approx(images[rows].mean())
        assert metrics[f"{player}/latents"] == pytest.approx(latents[rows].mean(), rel=1e-5)
        assert metrics[f"{player}/pairs"] == pytest.approx((images * latents)[rows].mean(), rel=1e-5)


def test_the_average_has_its_half_life_in_images():
    from jgan.engine.optim import ema_decay
    from jgan.types import schedule

    (stage,) = schedule((Stage(steps=10, batch_size=50, resolution=8),))
    decay = ema_decay(EmaConfig(half_life_images=100.0, warmup=0.0), stage, jnp.int32(3))
    assert float(decay) == pytest.approx(0.5**0.5)
    warm = ema_decay(EmaConfig(half_life_images=100.0, warmup=0.05), stage, jnp.int32(3))
    assert float(warm) == pytest.approx(0.5 ** (50 / (0.05 * 200)))
    none = ema_decay(EmaConfig(half_life_images=0.0, warmup=0.0), stage, jnp.int32(3))
    assert float(none) == 0.0


def test_averages_and_constants_are_copied_and_all_else_is_averaged():
    old, new = (
        {name: {"x": jnp.float32(number)} for name in ("batch_stats", "averages", "constants")} for number in (1, 3)
    )
    count = {"steps": jnp.int32(7)}
    player = Player(
        {"w": jnp.float32(3)}, {**new, "counts": count}, None, {"w": jnp.float32(1)}, {**old, "counts": count}
    )
    found = jax.jit(update_average)(player, 0.5)
    assert found.params_ema == {"w": 2.0}
    assert found.variables_ema == {
        "batch_stats": {"x": 2.0},
        "averages": {"x": 3.0},
        "constants": {"x": 3.0},
        "counts": count,
    }


def test_several_lazy_phases_are_programs_of_their_own():
    """Each is compiled once, whatever it meets in a step; one alone stays where it is among the others."""
    lazy = {"r1": ("discriminator", 16), "path": ("generator", 4)}
    names = ("discriminator", "r1", "generator", "path")
    phases = tuple(
        Phase(name, *lazy[name][:1], None, every=lazy[name][1], lazy=True) if name in lazy else Phase(name, name, None)
        for name in names
    )
    programs = [programs_of(phases, active_phases(phases, step)) for step in (0, 1, 4)]
    rest = ("discriminator", "generator")
    assert programs == [(("r1",), ("path",), rest), (rest,), (("path",), rest)]
    assert programs_of(phases[:3], names[:3]) == (names[:3],)


def test_at_most_one_program_per_cadence_pattern(stand_in):
    stand_in("growing")
    config = make_config("growing")
    setup = prepare(config)
    (stage, _) = setup.stages
    step = setup.make_step(stage)
    state = setup.create_state()
    rng = setup.key(0)
    for feed in setup.feeds(stage, 0):
        state, _ = step(state, feed, rng, ("discriminator",))
    assert step._cache_size() == 1

"""ADA: when the probability moves, what it may be, and what is said where augmentations leak; FreezeD."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from small_game import STAGE as SMALL_STAGE
from small_game import Witness, make_game
from standin_runs import IMAGES, assert_equal, crash_after, make_config

import jgan.setup
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, make_optimizer
from jgan.engine.sharding import make_sharding
from jgan.engine.step import apply_phase, create_state
from jgan.families.dcgan import dcgan
from jgan.families.vanilla import Generator
from jgan.games.adaptive import (
    MOVED,
    OVERFITTING,
    PROBABILITY,
    SEEN,
    count_signs,
    init_adaptive,
    mean_sign,
    move_probability,
)
from jgan.reports.groups import collect
from jgan.reports.page import draw_plots
from jgan.training.loop import train
from jgan.types import Player, Stage, TrainState, schedule

GAME = dataclasses.replace(dcgan(16, 4, 1), augment=("flip",), ada_target=0.6, ada_images=1000, ada_every=2)
(STAGE,) = schedule((Stage(steps=9, batch_size=16, resolution=16, accumulate=2),))
RNGS = jax.random.split(jax.random.key(1), 16)
BATCH = {"images": jnp.linspace(-1, 1, 16 * 256).reshape(16, 16, 16, 1)}


def at_step(extras, step, game=GAME):
    return move_probability(game, extras, jnp.int32(step), 8)


def test_the_probability_follows_the_mean_sign_since_its_last_move():
    extras = init_adaptive()
    moves = []
    for step, logits in enumerate([[1.0, 2.0, 3.0, -1.0], [5.0] * 4, [1.0] * 4, [-2.0] * 4, [-1.0] * 4, [0.0] * 4]):
        for _ in range(2):  # of microbatches
            extras = at_step(extras, step)
            extras = count_signs(extras, mean_sign(jnp.array(logits)), 4)
        moves.append((float(extras[PROBABILITY]), float(extras[OVERFITTING])))
    by = 8 * 2 / 1000
    # At step 2 the mean of 0.5 and 1 is above 0.6; at step 4 that of 1 and -1 below it.
    np.testing.assert_allclose(moves, [(0, 0), (0, 0), (by, 0.75), (by, 0.75), (0, 0), (0, 0)], atol=1e-6)
    assert (int(extras[MOVED]), int(extras[SEEN])) == (4, 16)


@pytest.mark.parametrize(("bound", "sign", "expected"), [(1.0, 1.0, 1.0), (0.4, 1.0, 0.4), (1.0, -1.0, 0.0)])
def test_the_probability_keeps_its_bounds(bound, sign, expected):
    game = dataclasses.replace(GAME, augment_probability=bound, ada_images=20)
    extras = {**init_adaptive(), PROBABILITY: jnp.float32(0.3)}
    for step in range(2, 12, 2):
        extras = at_step(count_signs(extras, jnp.float32(sign), 8), step, game)
    assert float(extras[PROBABILITY]) == pytest.approx(expected)


def played(game, phase_name, extras, step=2):
    """The state before and after a phase at this step, and its metrics."""
    optimizers = {name: make_optimizer(AdamConfig()) for name in ("generator", "discriminator")}
    state = create_state(game, (STAGE,), (BATCH,), optimizers, jax.random.key(0))
    state = state.replace(step=jnp.int32(step), extras=extras)
    (phase,) = (phase for phase in game.phases(STAGE) if phase.name == phase_name)
    after, metrics, _ = apply_phase(phase, optimizers[phase.player], STAGE, make_sharding(), state, BATCH, RNGS)
    return state, after, metrics


def test_both_phases_of_the_discriminator_count_real_images():
    game = dataclasses.replace(GAME, r1_gamma=1.0, r1_every=4)
    extras = count_signs({**init_adaptive(), PROBABILITY: jnp.float32(0.5)}, jnp.float32(1.0), 8)
    _, after, metrics = played(game, "penalty", extras)
    assert float(after.extras[SEEN]) == 8 + 16
    _, after, metrics = played(game, "discriminator", extras)
    assert float(after.extras[SEEN]) == 16  # after the move, once for both microbatches
    assert float(metrics[PROBABILITY]) == pytest.approx(0.532)
    assert float(metrics[OVERFITTING]) == 1.0


def test_frozen_layers_stay_and_the_others_learn():
    layers = sorted(played(GAME, "discriminator", init_adaptive())[0].discriminator.params)
    game = dataclasses.replace(GAME, frozen_layers=tuple(layers[:2]))
    game.check((STAGE,))
    before, after, _ = played(game, "discriminator", init_adaptive())
    for name in layers:
        pairs = zip(*(jax.tree.leaves(each.discriminator.params[name]) for each in (before, after)), strict=True)
        moved = [bool((a != b).any()) for a, b in pairs]
        assert not any(moved) if name in layers[:2] else all(moved), name


def test_a_probability_near_one_is_told():
    assert "leak into the generated ones" in (GAME.advice({f"discriminator/{PROBABILITY}": 0.97}) or "")
    for game, probability in ((GAME, 0.5), (dataclasses.replace(GAME, ada_target=0.0), 0.97)):
        assert game.advice({f"discriminator/{PROBABILITY}": probability}) is None
    fixed = dataclasses.replace(GAME, ada_target=0.0, augment=("ada_blit", "flip"))
    assert "game.augment_probability: the probability of augmentation is 1.00" in (fixed.advice({}) or "")
    assert dataclasses.replace(fixed, augment_probability=0.2).advice({}) is None


def test_a_fixed_probability_is_that_of_every_step():
    game = make_game(augment=("ada_cutout",), augment_probability=0.25)
    game = dataclasses.replace(game, discriminator=Witness())
    rngs = jax.random.split(jax.random.key(0), 400)
    state = TrainState(jnp.int32(99), Player({}, {}, None), Player({}, {}, None), game.init_extras({}), ())
    inputs = game.step_inputs(SMALL_STAGE, state, {"images": jnp.ones((400, 8, 8, 1))}, rngs)
    seen = game.discriminate(state.discriminator, inputs.images, inputs, 0)[0].features
    assert 0.15 < np.asarray(seen != 1.0).any((1, 2, 3)).mean() < 0.35


ADAPTIVE = dataclasses.replace(
    make_game(augment=("ada_noise",), ada_target=0.1, ada_images=64, ada_every=2),
    generator=Generator(8, 3, (6,)),
)


@pytest.mark.slow
def test_an_adaptive_run_resumes_bit_for_bit_and_shows_its_probability(few_plots, monkeypatch, tmp_path):
    use_devices(monkeypatch, 1)
    monkeypatch.setattr(jgan.setup, "open_dataset", lambda config, seed, numbering=None: IMAGES)
    stages = (Stage(steps=7, batch_size=8, resolution=8),)
    config = make_config(game=ADAPTIVE, data=DataConfig(), stages=stages)
    whole = train(config, tmp_path / "whole").state
    crash_after(config, tmp_path / "pieces", 5)
    assert_equal(train(config, tmp_path / "pieces").state, whole)
    texts = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "pieces")]
    assert texts[0] == texts[1]
    last = json.loads(texts[0].splitlines()[-1])
    assert last[f"discriminator/{PROBABILITY}"] == whole.extras[PROBABILITY] > 0.0
    assert last[f"discriminator/{OVERFITTING}"] == whole.extras[OVERFITTING]
    assert {f"{name}.png" for name in (PROBABILITY, OVERFITTING)} <= {
        path.name for path in (tmp_path / "pieces" / "plots").iterdir()
    }
    assert {f"discriminator/{name}" for name in (PROBABILITY, OVERFITTING)} <= {
        plot.name for plot in draw_plots(collect([tmp_path / "pieces"]))
    }

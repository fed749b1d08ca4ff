"""benchmarks/demonstrations/modes.py: its mixtures, its scores, and that every cure can be trained."""

import jax
import numpy as np
import pytest
from modes_methods import BATCH_SIZE, MIXTURES, STD, draw_points, methods, table
from modes_report import POINTS, Score, score, verdict

from jgan.types import Stage, schedule

RING, GRID = MIXTURES


def test_counts_of_points_made_by_hand():
    near, far = [0.0, 2.9 * STD], [0.0, 3.1 * STD]  # of a centre, within 3 deviations and not
    points = np.concatenate([
        np.repeat(RING.centres[:1] + near, 60, axis=0),
        np.repeat(RING.centres[1:2] + near, 3, axis=0),  # fewer than a quarter of 100 / 8, rounded up to 4
        np.repeat(RING.centres[2:3] + far, 37, axis=0),
    ])  # fmt: skip
    found = score(points[None], RING)
    assert (found.covered, found.touched, found.high_quality) == ([1], [2], [0.63])
    shares = np.array([0.60, 0.03, 0.37])
    np.testing.assert_allclose(found.kl, [(shares * np.log(8 * shares)).sum()])
    diverged = score(np.full((1, 100, 2), np.nan), RING)
    assert (diverged.covered, diverged.touched, diverged.high_quality, diverged.kl) == ([0], [0], [0.0], [np.inf])


@pytest.mark.parametrize("mixture", MIXTURES, ids=["ring", "grid"])
def test_real_points_are_of_the_mixture(mixture):
    (stage,) = schedule((Stage(steps=1, batch_size=POINTS, resolution=1),))
    drawn = draw_points(stage, table(mixture), np.int32(0), jax.random.split(jax.random.key(0), POINTS))["images"]
    assert drawn.shape == (POINTS, 1, 1, 2)
    found = score(np.asarray(drawn, np.float64)[:, 0, 0][None], mixture)
    assert found.covered == [len(mixture.centres)]
    # Within 3 deviations in two dimensions lie 1 - exp(-4.5) of a normal; 5 standard errors.
    share = 1 - np.exp(-4.5)
    assert abs(found.high_quality[0] - share) < 5 * np.sqrt(share * (1 - share) / POINTS)
    assert np.abs(drawn).max() < 0.85  # what a tanh reaches with ease


def test_verdict_counts_what_holds_in_every_seed():
    vanilla = of([5, 2, 5], [0.9, 0.9, 0.9])
    assert verdict(of([8, 3, 6], [0.5, 0.8, 0.7]), vanilla) == "yes: more modes, worse points"
    assert verdict(of([8, 2, 8], [0.5, 0.95, 0.7]), vanilla) == "no"
    assert verdict(of([5, 3, 5], [0.95, 0.91, 0.92]), vanilla) == "yes: better points"
    assert verdict(of([4, 3, 5], [0.95, 0.91, 0.92]), vanilla) == "no: better points"
    assert verdict(of([1, 1, 1], [0.9, 0.8, 0.8]), vanilla) == "no: fewer modes"


def of(covered, high_quality):
    return Score(covered, covered, high_quality, kl=[0.0] * len(covered))


@pytest.mark.parametrize("name", methods(steps=100))
def test_settings_hold_together(name):
    method = methods(steps=100)[name]
    method.game().check((Stage(steps=100, batch_size=BATCH_SIZE, resolution=1),))
    method.generator_optimizer.check("generator_optimizer")
    method.discriminator_optimizer.check("discriminator_optimizer")

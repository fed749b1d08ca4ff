"""Runs of the stand-in games of standins.py: their configs and data, and how one is cut short."""

import dataclasses

import jax
import numpy as np
import pytest
from standins import GROWING_FIELDS, RESOLUTION, PairedGame, StandInData, UnpairedGame

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.games.growing import GrowingGAN
from jgan.rundir.monitor import MetricWindow
from jgan.training import loop
from jgan.types import Stage

BATCH = 8
PAIRED = StandInData(("inputs", "targets"))
UNPAIRED = StandInData(("images_a", "images_b"))
IMAGES = StandInData(("images",))

CASES = {
    "paired": (
        PairedGame(),
        PAIRED,
        (
            Stage(steps=3, batch_size=BATCH, resolution=RESOLUTION, name="pretrain", adversarial=False),
            Stage(steps=4, batch_size=BATCH, resolution=RESOLUTION, name="adversarial", reset_optimizers=True),
        ),
    ),
    "unpaired": (UnpairedGame(), UNPAIRED, (Stage(steps=7, batch_size=4, resolution=RESOLUTION),)),
    "growing": (
        GrowingGAN(**GROWING_FIELDS),
        IMAGES,
        (
            Stage(steps=3, batch_size=BATCH, resolution=4),
            Stage(steps=4, batch_size=4, resolution=8, fade_images=8, reset_optimizers=True, own_batches=True),
        ),
    ),
}


def make_config(name="growing", **changes):
    """A run of seven steps of a case."""
    game, _, stages = CASES[name]
    config = Config(
        game=game,
        data=DataConfig(),
        stages=stages,
        generator_optimizer=AdamConfig(learning_rate=1e-3),
        discriminator_optimizer=AdamConfig(learning_rate=1e-3),
        ema=EmaConfig(half_life_images=20.0, warmup=0.0),
        log_every=2,
        sample_every=100,
        checkpoint_every=2,
    )
    return dataclasses.replace(config, **changes)


def assert_equal(state, other):
    """Two pytrees of arrays are the same bit for bit."""
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(state), jax.device_get(other))


class CrashError(Exception):
    """What ends a run before its time."""


def crash_after(config, workdir, steps):
    """Ends the run by an error after that many steps; what was not saved is lost."""
    add = MetricWindow.add

    def add_or_crash(window, step, metrics):
        if step + 1 > steps:
            raise CrashError
        add(window, step, metrics)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MetricWindow, "add", add_or_crash)
        with pytest.raises(CrashError):
            loop.train(config, workdir)

"""Spectral normalisation in a training run: one power iteration a step, exact averages and resume."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from standin_runs import assert_equal, crash_after
from standins import RESOLUTION, StandInData

import jgan.setup
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.engine.step import active_phases
from jgan.games.latent import LatentGAN
from jgan.layers.dense import Dense
from jgan.setup import RUN, prepare
from jgan.training.loop import train
from jgan.types import SPECTRAL, Stage


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
    monkeypatch.setattr(jgan.setup, "open_dataset", lambda config, seed, numbering=None: StandInData(("images",)))


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


@pytest.mark.slow
def test_a_run_with_spectral_norm_resumes_bit_for_bit(images, tmp_path):
    whole = train(spectral_config(), tmp_path / "whole").state
    assert SPECTRAL in whole.generator.variables_ema
    for steps in (1, 3):
        crash_after(spectral_config(), tmp_path / "pieces", steps)
    assert_equal(train(spectral_config(), tmp_path / "pieces").state, whole)

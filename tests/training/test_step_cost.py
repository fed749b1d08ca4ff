"""The warning before steps that take seconds."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
import runs
from conftest import use_devices

from jgan.training import step_cost
from jgan.training.loop import train
from jgan.types import ScheduledStage

STAGE = ScheduledStage(steps=100, batch_size=8, resolution=8)
MATRIX = jax.ShapeDtypeStruct((256, 256), jnp.float32)


def test_what_a_step_takes_at_least(monkeypatch):
    """The 33.6 MFLOP of a product of 256 x 256 matrices, at 10 MFLOP/s."""
    monkeypatch.setattr(step_cost, "flops_per_second", lambda: 1e7)
    lowered = jax.jit(jnp.dot).lower(MATRIX, MATRIX)
    warning = step_cost.slow_step_warning(lowered, STAGE, devices=1)
    assert warning is not None
    assert "takes 3 seconds at least, and the stage's 100 steps 5.6 minutes" in warning
    assert step_cost.slow_step_warning(lowered, STAGE, devices=2) is None
    halves = dataclasses.replace(STAGE, accumulate=2)
    assert step_cost.slow_step_warning(lowered, halves, devices=2) == warning
    monkeypatch.undo()
    assert step_cost.flops_per_second() > 1e7
    assert step_cost.slow_step_warning(lowered, STAGE, devices=1) is None


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_a_run_says_so_before_it_compiles(seconds, monkeypatch, tmp_path, capsys):
    use_devices(monkeypatch, 1)
    namespace = {}
    exec(runs.CONFIG, namespace)
    config = namespace["get_config"]()
    monkeypatch.setattr(step_cost, "SLOW_SECONDS", seconds)
    train(dataclasses.replace(config, stages=(dataclasses.replace(config.stages[0], steps=1),)), tmp_path)
    output = capsys.readouterr()
    assert ("a step computes" in output.out + output.err) == (seconds == 0.0)

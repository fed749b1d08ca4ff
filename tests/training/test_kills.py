"""A first start that is killed at any operation on its files goes on, and ends as one that was not."""

import json

import jax
import jax.numpy as jnp
import pytest
from conftest import use_devices
from kills import killed_at_each_operation
from standin_runs import IMAGES, assert_equal, make_config

import jgan.setup
from jgan import config as configs
from jgan.autoconfig.place import holding_config
from jgan.setup import Setup
from jgan.training import loop, numbering
from jgan.types import Stage

CONFIG = make_config(stages=(Stage(steps=1, batch_size=8, resolution=8),), checkpoint_every=1)


@pytest.fixture
def quick(monkeypatch):
    """One device, and nothing is compiled: a run makes a state once, and its step only counts."""
    use_devices(monkeypatch, 1)
    monkeypatch.setattr(jgan.setup, "open_dataset", lambda config, seed, numbering=None: IMAGES)
    setup = jgan.setup.prepare(CONFIG)
    made = setup.create_state()
    monkeypatch.setattr(numbering, "prepare", lambda config, _: setup)

    def create_state(setup, *_):
        return jax.tree.map(jnp.copy, made)

    def run_stages(run, state, step):
        while step < run.total:
            step += 1
            state = state.replace(step=state.step + 1)
            run.window.add(step - 1, {"loss": jnp.float32(1.0 / step)})
            run.window.write_rest()
            run._save(state, step)
        return state, step

    monkeypatch.setattr(Setup, "create_state", create_state)
    monkeypatch.setattr(loop._Loop, "_run_stages", run_stages)


@pytest.mark.slow
def test_a_first_start_goes_on_after_every_kill(quick, tmp_path):
    run = tmp_path / "run"

    def start():
        with holding_config(run, CONFIG, "# as jgan train FOLDER writes it"):
            loop.train(CONFIG, run)

    states = killed_at_each_operation(run, tmp_path / "states", start)
    whole = loop.train(CONFIG, run).state
    assert len(states) > 20
    unsaved = [state for state in states if not (state / "config.json").is_file()]
    assert unsaved == states[: len(unsaved)]
    for state in states:
        if state not in unsaved:  # as `jgan train --workdir` goes on; before it, the first command does
            assert configs.read_saved(state / "config.json") == configs.to_data(CONFIG)
        assert_equal(loop.train(CONFIG, state).state, whole)
        lines = [json.loads(line)["step"] for line in (state / "metrics.jsonl").read_text().splitlines()]
        assert lines == [1]

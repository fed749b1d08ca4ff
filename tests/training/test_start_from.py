"""A new run from another run's state: what is taken, what is not, and that a start cut short remembers it."""

import dataclasses
import json
import re
import shlex
import shutil

import jax
import jax.numpy as jnp
import pytest
import runs
from conftest import use_devices
from run_directories import make_config
from standin_runs import assert_equal

import jgan
from jgan import config as configs
from jgan.engine.optim import AdamConfig, RMSpropConfig
from jgan.families.vanilla import Discriminator
from jgan.inference.weights import restore_generator
from jgan.rundir.checkpoints import Checkpoints
from jgan.rundir.monitor import NonFiniteError
from jgan.training import loop
from jgan.training.start_from import StartFrom
from jgan.types import UserError

CONFIG = make_config(steps=3)


@pytest.fixture
def untrained(monkeypatch):
    """Runs of three steps, each of which adds 1 to all that is floating."""
    use_devices(monkeypatch, 1)

    def run_stages(run, state, step):
        while step < min(run.total, 3):
            state = jax.tree.map(lambda x: x + 1 if jnp.issubdtype(x.dtype, jnp.floating) else x, state)
            step += 1
            state = state.replace(step=state.step + 1)
        run._save(state, step)
        return state, step

    monkeypatch.setattr(loop._Loop, "_run_stages", run_stages)


def first_state(config, workdir, start):
    """That of a run before its first step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Loop, "_run_stages", lambda run, state, step: (state, step))
        return loop.train(config, workdir, start).state


def with_slower(config, player="generator", kind=AdamConfig):
    return dataclasses.replace(config, **{f"{player}_optimizer": kind(learning_rate=1e-5)})


def test_other_rates_take_the_whole_state(untrained, tmp_path):
    source = loop.train(CONFIG, tmp_path / "a").state
    for place in ("a/checkpoints", "a/checkpoints/3"):
        workdir = tmp_path / f"from {place}".replace("/", " ")
        state = first_state(with_slower(CONFIG), workdir, StartFrom(tmp_path / place))
        assert_equal(state.replace(step=source.step), source)
        assert int(state.step) == 0
    said = json.loads((workdir / "start.json").read_text())
    assert said["checkpoint"] == str(tmp_path / "a" / "checkpoints" / "3")
    assert said["step"] == 3
    assert said["new"] == said["left"] == {}
    assert {path.split("/")[1] for path in said["taken"] if path.startswith("generator/")} == {
        *("params", "params_ema", "opt_state")
    }
    # The same command again goes on; another one is refused, as is a run that began otherwise.
    loop.train(with_slower(CONFIG), workdir, StartFrom(tmp_path / place))
    for start, directory in ((StartFrom(tmp_path / "a"), workdir), (StartFrom(workdir), tmp_path / "a")):
        with pytest.raises(UserError, match="holds a run that began otherwise"):
            loop.train(configs.load(directory), directory, start)


def test_steps_count_on(untrained, tmp_path):
    loop.train(CONFIG, tmp_path / "a")
    longer = make_config(steps=5)
    state = first_state(longer, tmp_path / "b", StartFrom(tmp_path / "a", keep_step=True))
    assert int(state.step) == 3
    with pytest.raises(UserError, match=r"is at step 3, and this run ends at 3; make it longer"):
        loop.train(CONFIG, tmp_path / "c", StartFrom(tmp_path / "a", keep_step=True))


def test_from_python_it_is_the_same(untrained, tmp_path):
    source = loop.train(CONFIG, tmp_path / "a").state
    run = jgan.train(make_config(steps=5), tmp_path / "b", start_from=tmp_path / "a", keep_step=True)
    assert run.step == 3
    assert_equal(run.variables["params"], source.generator.params_ema)
    with pytest.raises(UserError, match="keep_step: part of start_from"):
        jgan.train(CONFIG, tmp_path / "c", keep_step=True)
    with pytest.raises(UserError, match="nowhere: no such directory"):
        jgan.train(CONFIG, tmp_path / "c", start_from=tmp_path / "nowhere")
    assert not (tmp_path / "c" / "config.json").exists()


def test_what_does_not_fit_is_made_anew_and_listed(untrained, tmp_path):
    source = loop.train(CONFIG, tmp_path / "a").state
    deeper = dataclasses.replace(CONFIG.game, discriminator=Discriminator((16, 24)))
    state = first_state(dataclasses.replace(CONFIG, game=deeper), tmp_path / "b", StartFrom(tmp_path / "a"))
    assert_equal(state.generator.params_ema, source.generator.params_ema)
    for player in (state.generator, state.discriminator):  # moments go with both networks, or not at all
        assert not any(leaf.any() for leaf in jax.tree.leaves(player.opt_state))
    said = json.loads((tmp_path / "b" / "start.json").read_text())
    assert said["new"]["discriminator/params/to_logit/kernel"] == [24, 1]
    assert said["left"]["discriminator/params/to_logit/kernel"] == [16, 1]
    assert any("opt_state" in path for path in said["left"])
    events = (tmp_path / "b" / "events.jsonl").read_text()
    assert re.search(r"started from .*/a/checkpoints/3: \d+ tensors taken \([\d,]+ numbers\); \d+ left there", events)
    assert "generator: 4 of 4 tensors taken" in events
    assert "discriminator: 3 of 6 tensors taken; made anew dense_1 (2); made anew, of another shape there" in events
    # Another kind of optimizer is new, the other player's goes on.
    other = first_state(with_slower(CONFIG, kind=RMSpropConfig), tmp_path / "d", StartFrom(tmp_path / "a"))
    assert_equal(other.discriminator, source.discriminator)
    # A bias alone is nothing to begin with.
    wide = dataclasses.replace(CONFIG.game, discriminator=Discriminator((24,)))
    with pytest.raises(UserError, match=r"--from=.*/a: no kernel of its discriminator has the name and the shape"):
        loop.train(dataclasses.replace(CONFIG, game=wide), tmp_path / "e", StartFrom(tmp_path / "a"))
    assert not (tmp_path / "e" / "checkpoints").exists()


def test_a_start_cut_short_remembers_from_where(untrained, tmp_path, monkeypatch):
    source = loop.train(CONFIG, tmp_path / "a").state
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            loop.train(with_slower(CONFIG), tmp_path / "b", StartFrom(tmp_path / "a"))
    assert_equal(first_state(with_slower(CONFIG), tmp_path / "b", None).generator, source.generator)


def test_a_checkpoint_of_another_run_or_step_is_told(untrained, tmp_path, caplog):
    for seed in (0, 1):
        loop.train(dataclasses.replace(CONFIG, seed=seed), tmp_path / str(seed))
    longer = dataclasses.replace(make_config(steps=9), seed=1)
    shutil.rmtree(tmp_path / "1" / "checkpoints" / "3")
    shutil.copytree(tmp_path / "0" / "checkpoints" / "3", tmp_path / "1" / "checkpoints" / "3")
    for use in (loop.train, restore_generator):
        with pytest.raises(UserError, match=r"checkpoints/3: is a checkpoint of another run \(seed: was 0, now 1\)"):
            use(longer, tmp_path / "1")
    (tmp_path / "1" / "checkpoints" / "3").rename(tmp_path / "1" / "checkpoints" / "5")
    assert restore_generator(longer, tmp_path / "1")[1] == 0
    assert "checkpoint 5 could not be read: it is the checkpoint of step 3, under another number" in caplog.text


def test_a_run_that_diverged_names_the_command_that_goes_on(untrained, tmp_path, monkeypatch):
    config = runs.write_config(tmp_path)
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        diverged = NonFiniteError("step 1: the loss of phase 'generator' is nan")
        patch.setattr(loop._Loop, "_run_stages", lambda run, state, step: run._roll_back(diverged))
        code, _, err = runs.call("jgan.main", "--config", config, "--workdir", "a b", "--config.stages[0].steps=3")
    assert code == 2
    assert len(err.splitlines()[-1].split("error: ")) == 2
    words = shlex.split(err.splitlines()[-1].partition("more slowly by: ")[2])
    words = words[words.index("train") + 1 :]
    assert words[:3] == ["--from=a b/checkpoints/0", "--keep_step", "--workdir=a b-2"]
    assert [word.partition("=")[2] for word in words[3:]] == ["0.0001", "0.0001"]
    code, out, err = runs.call("jgan.main", *words)
    assert code == 0, err
    assert "started from" in out + err
    assert configs.load(tmp_path / "a b-2").generator_optimizer.learning_rate == 1e-4

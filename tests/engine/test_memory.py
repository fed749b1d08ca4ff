"""What does not fit the memory is refused before any of it is taken, whatever command asks for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from run_directories import make_config, save_run

from jgan.api.run import Run
from jgan.engine import memory
from jgan.engine.memory import within_memory
from jgan.evaluation.collect import Collector
from jgan.metrics.extractors import EXTRACTORS
from jgan.training.loop import train
from jgan.types import Stage, UserError


@pytest.fixture
def small(monkeypatch):
    """A host that has room for tiny things alone."""
    use_devices(monkeypatch, 1)
    monkeypatch.setattr(jax, "local_device_count", lambda: 1)
    monkeypatch.setattr(memory, "host_bytes", lambda: 200_000)


def test_a_program_is_planned_before_it_runs(small):
    calls = []

    def outer(x, *, times):
        jax.debug.callback(lambda: calls.append(times))
        return (x[:, None] * x[None, :] @ x) * times

    sums = within_memory(jax.jit(outer, static_argnames="times"), "this", "take less")
    np.testing.assert_allclose(sums(jnp.ones(8), times=2), np.full(8, 16.0))
    assert float(sums(np.ones(8, np.float32), times=3)[0]) == 24.0
    jax.effects_barrier()
    with pytest.raises(UserError, match=r"^this take 0.\d GB, and 0.0 GB are there; take less$"):
        within_memory(jax.jit(lambda x: jnp.sort(x + 1.0)), "this", "take less")(np.ones(2**24, np.float32))
    assert calls == [2, 3]


def test_whoever_asks_for_too_much(small, tmp_path):
    config = make_config()
    save_run(tmp_path / "run", config)
    run = Run(tmp_path / "run")
    many = 2**20
    network = EXTRACTORS["efficientnet_lite0"](None, "float32")
    large = make_config(stages=(Stage(steps=1, batch_size=4096, resolution=8),))
    for message, ask in (
        (f"batch_size={many}: so many images at once", lambda: run.sample(4, batch_size=many)),
        ("batch_size=512: so many images at once", lambda: run.sample(4, batch_size=512)),
        (f"num={many}: so many images", lambda: run.sample(many)),
        (f"num={many}: so many latents", lambda: run.latents(many)),
        ("num_samples=4000: features", lambda: Collector([network], True).check_room(4000, "--num_samples")),
        (r"stages\[0\].batch_size=4096: its images", lambda: train(large, tmp_path / "new")),
        ("compiling the first step: it would", lambda: train(make_config(**_steps(256)), tmp_path / "new")),
    ):
        with pytest.raises(UserError, match=f"{message}.* GB are there; "):
            ask()
    assert not (tmp_path / "new").exists(), "nothing of a refused start is in the way of a smaller one"
    (tmp_path / "new").mkdir()
    (tmp_path / "new/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="compiling the first step"):
        train(make_config(**_steps(256)), tmp_path / "new")
    assert [place.name for place in (tmp_path / "new").iterdir()] == ["notes.txt"]


def _steps(batch_size):
    return {"stages": (Stage(steps=1, batch_size=batch_size, resolution=8),)}

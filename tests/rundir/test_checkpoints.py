"""The best checkpoint and the one that takes its place: a kill at any moment leaves one of them."""

import gc
import logging
import resource
import sys

import jax
import jax.numpy as jnp
import pytest
from kills import killed_at_each_operation

from jgan.rundir.checkpoints import BEST, Checkpoints
from jgan.types import Player, TrainState, UserError

RECORD = {"window": {"start": 0, "values": {}}, "rollbacks": 0, "data": "some", "batches": []}


def make_state(value):
    player = Player({"kernel": jnp.full((2, 2), value)}, {}, ())
    return TrainState(jnp.int32(3), player, player, extras=(), frozen=())


def test_a_better_state_of_the_same_step_takes_its_place_without_a_gap(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    checkpoints = Checkpoints(run, BEST, keep=None)
    checkpoints.replace_all(make_state(1.0), 3, RECORD)
    states = killed_at_each_operation(
        run, tmp_path / "states", lambda: checkpoints.replace_all(make_state(2.0), 3, RECORD)
    )
    checkpoints.close()
    assert len(states) > 5
    target, found = jax.eval_shape(lambda: make_state(0.0)), []
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), target)
    for state in states:
        for read_only in (True, False):  # as `sample --best` opens it, and as the run that goes on
            again = Checkpoints(state, BEST, keep=None, read_only=read_only)
            checkpoint = again.restore(target)
            again.close()
            assert checkpoint is not None, sorted(map(str, state.rglob("*")))
            found.append(float(checkpoint.state.generator.params["kernel"][0, 0]))
        assert [path.name for path in state.iterdir()] == [BEST]
    assert found == sorted(found)
    assert set(found) == {1.0, 2.0}


def test_a_disk_that_fills_while_a_checkpoint_is_written_is_one_line(tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # a failed save leaves its own
    kernels = {f"layer_{i}": jax.random.normal(jax.random.key(i), (200, 200)) for i in range(12)}
    player = Player(kernels, {}, ())
    state = TrainState(jnp.int32(3), player, player, extras=(), frozen=())
    checkpoints, limits = Checkpoints(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoints.save(state, 3, RECORD)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError) as error:
            checkpoints.save(state, 4, RECORD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    gc.collect()
    assert str(error.value) == (
        f"{tmp_path}/checkpoints: cannot write a checkpoint (File too large); earlier ones are intact"
    )
    assert "Traceback" not in "".join(capfd.readouterr())
    assert not caplog.records
    logging.getLogger("absl").setLevel(logging.ERROR)
    again = Checkpoints(tmp_path, read_only=True)
    assert again.newest_record()["step"] == 3
    again.close()

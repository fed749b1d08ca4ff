"""The best checkpoint and the one that takes its place: a kill at any moment leaves one of them."""

import jax
import jax.numpy as jnp
from kills import killed_at_each_operation

from jgan.rundir.checkpoints import BEST, Checkpoints
from jgan.types import Player, TrainState

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

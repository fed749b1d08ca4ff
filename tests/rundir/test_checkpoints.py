"""The best checkpoint and the one that takes its place: a kill at any moment leaves one of them."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import runs
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


FULL_DISK = """
import gc, pathlib, resource, sys
import jax, jax.numpy as jnp
from jgan.rundir.checkpoints import Checkpoints
from jgan.types import Player, TrainState

player = Player({f"layer_{i}": jax.random.normal(jax.random.key(i), (200, 200)) for i in range(12)}, {}, ())
state = TrainState(jnp.int32(3), player, player, extras=(), frozen=())
checkpoints = Checkpoints(pathlib.Path(sys.argv[1]))
record = {"window": {"start": 0, "values": {}}, "rollbacks": 0, "data": "some", "batches": []}
checkpoints.save(state, 3, record)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    checkpoints.save(state, 4, record)
except Exception as error:
    print(type(error).__name__, error)
gc.collect()
print(Checkpoints(pathlib.Path(sys.argv[1]), read_only=True).newest_record()["step"])
"""


def test_a_disk_that_fills_while_a_checkpoint_is_written_is_one_line(tmp_path):
    # In a process of its own: what a failed save leaves behind is collected at some later time, in any later test.
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, cwd=runs.ROOT, env=runs.environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"UserError {tmp_path}/checkpoints: cannot write a checkpoint (File too large); earlier ones are intact",
        "3",
    ]
    assert done.stderr == ""

"""The best checkpoint and the one that takes its place: a kill at any moment leaves one of them."""

import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
import runs
import tensorstore
from kills import killed_at_each_operation

from jgan.rundir.checkpoints import BEST, CHECKPOINTS, STATE, SUMS, Checkpoints
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


def test_what_a_checkpoint_claims_is_bounded_before_room_is_made_for_it(tmp_path):
    """One line, and the checkpoint before is used: TensorStore would take 16 GiB for a block, and end the process."""
    target = jax.eval_shape(lambda: make_state(0.0))
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), target)
    checkpoints = Checkpoints(tmp_path / "run")
    checkpoints.save(make_state(1.0), 3, RECORD)
    checkpoints.close()
    whole = tmp_path / "run" / CHECKPOINTS / "3"
    (whole / SUMS).unlink()  # else they tell first
    for number, change in enumerate(
        (
            {"chunks": [2**16, 2**16]},
            {"chunks": [10**8, 10**7], "shape": [10**8, 10**7]},
            {"shape": [2**50, 1]},
            {"shape": [-1, 2]},
            {"chunks": "all"},
            {"dtype": 4},
        )
    ):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "run", copy)
        state = copy / CHECKPOINTS / "3" / STATE
        stored = tensorstore.KvStore.open({"driver": "ocdbt", "base": f"file://{state}/"}).result()
        key = b"generator.params.kernel/.zarray"
        stored[key] = json.dumps({**json.loads(stored[key]), **change}).encode()
        again = Checkpoints(copy, read_only=True)
        with pytest.raises(UserError, match=r"no checkpoint could be read \(step 3: .*(claims|expected a list|a type)"):
            again.restore(target)
        again.close()
    for name in ("state/_METADATA", "state/_sharding", "record/metadata"):
        os.truncate(whole / name, 2**27)  # as sparse files, of no size on the disk
        again = Checkpoints(tmp_path / "run", read_only=True)
        with pytest.raises(UserError, match=f"{name} has 134,217,728 bytes; expected at most 67,108,864"):
            again.newest_record()
        again.close()
        os.truncate(whole / name, 0)

"""What survives a kill, a signal, a damaged or missing file, a full disk, a NaN."""

import dataclasses
import gc
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from conftest import use_devices
from shared_programs import share_programs
from standin_runs import IMAGES, assert_equal, make_config
from standins import GROWING_FIELDS
from tables import mark_slow

import jgan.setup
from jgan import config as configs
from jgan.engine.sharding import make_sharding
from jgan.games.growing import GrowingGAN
from jgan.rundir.atomic_files import read_lines
from jgan.rundir.checkpoints import Checkpoints
from jgan.setup import shapes_from_data, state_target
from jgan.training.loop import train
from jgan.types import Stage, UserError, schedule


@pytest.fixture
def growing(monkeypatch):
    """Stand-in images for in-process runs."""
    use_devices(monkeypatch, 1)
    share_programs(monkeypatch)
    monkeypatch.setattr(jgan.setup, "open_dataset", lambda config, seed, numbering=None: IMAGES)


def read_state(workdir):
    """The newest checkpoint of a run made by a command."""
    config = configs.load(workdir)
    checkpoints = Checkpoints(workdir, read_only=True)
    shapes = shapes_from_data(checkpoints.newest_record()["batches"])
    checkpoint = checkpoints.restore(state_target(config, schedule(config.stages), shapes, make_sharding()))
    checkpoints.close()
    return checkpoint.state


def wait_for(condition, process, seconds=120):
    """Until the condition holds or the process has ended."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def newest_step(workdir, folder="checkpoints"):
    return max((int(path.name) for path in workdir.glob(f"{folder}/*") if path.name.isdigit()), default=-1)


def _logged_steps(workdir):
    return [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_sigkill_at_random_steps_changes_nothing(tmp_path, monkeypatch):
    use_devices(monkeypatch, 1)
    command = ("jgan.main", "--config", runs.write_config(tmp_path))
    code, _, err = runs.call(*command, "--workdir", tmp_path / "whole")
    assert code == 0, err
    killed = 0
    for at_least in sorted(random.SystemRandom().sample(range(1, 25), 2)):
        process = runs.start(*command, "--workdir", tmp_path / "killed")
        wait_for(lambda least=at_least: newest_step(tmp_path / "killed") >= least, process)
        process.kill()
        process.communicate()
        killed += newest_step(tmp_path / "killed") < 40
    assert killed
    # Once to an earlier end, within a window of metrics, and then made longer.
    for end in (38, 40):
        code, _, err = runs.call(*command, "--workdir", tmp_path / "killed", f"--config.stages[0].steps={end}")
        assert code == 0, err
        assert _logged_steps(tmp_path / "killed") == [7, 14, 21, 28, 35, end]
    assert_equal(read_state(tmp_path / "killed"), read_state(tmp_path / "whole"))
    whole, pieces = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "killed"))
    assert whole == pieces


def test_sigterm_saves_and_a_second_process_is_refused(tmp_path):
    workdir = tmp_path / "run"
    command = ("jgan.main", "--config", runs.write_config(tmp_path), "--workdir", workdir)
    process = runs.start(*command, "--config.stages[0].steps=1000000", "--config.checkpoint_every=1000000")
    wait_for(lambda: (workdir / "metrics.jsonl").exists() and (workdir / "metrics.jsonl").stat().st_size, process)
    code, _, err = runs.call(*command)
    assert code == 2
    assert err.splitlines() == [
        f"error: --workdir={workdir}: another process trains in it; stop it, or choose another directory"
    ]
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "Stopped on request; everything is saved" in out
    step = newest_step(workdir)
    assert f"SIGTERM: saved step {step} and stopped" in out
    last_logged = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert last_logged <= step < last_logged + 7


@pytest.mark.parametrize("number", mark_slow((signal.SIGINT, signal.SIGTERM), (signal.SIGTERM,)))
def test_a_signal_while_the_first_step_compiles_stops_at_once(tmp_path, number):
    workdir, log = tmp_path / "run", tmp_path / "log"
    slow = ("--config.game.r1_gamma=0", "--config.game.r1_every=1", "--config.game.unroll_steps=60")  # half a minute
    config = ("--config", str(runs.write_config(tmp_path)), *slow)
    command = [sys.executable, "-m", "jgan.main", *config, "--workdir", str(workdir)]
    changes = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=runs.ROOT, env=runs.environment(**changes), stdout=subprocess.PIPE, stderr=file, text=True
        )
        wait_for(lambda: "compiling the first step ... 2 s" in log.read_text(), process)
        process.send_signal(number)
        sent = time.monotonic()
        out, _ = process.communicate(timeout=60)
    assert time.monotonic() - sent < 5.0
    assert process.returncode == 128 + number, log.read_text()
    assert f"{number.name}: saved step 0 and stopped" in out
    lines = log.read_text().splitlines()
    assert len(lines) < 10, "a line of the bar now and then"
    assert all("\r" not in line and "step 0/40" in line for line in lines if not line.startswith("opening")), lines
    assert newest_step(workdir) == 0
    assert [path.name for path in (workdir / "samples").iterdir()] == ["samples_00000000.png"]


# Orbax leaves the reads that it gave up on to the interpreter, which reports them as unraisable.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_damaged_and_half_written_checkpoints_are_passed_over(growing, tmp_path, caplog):
    whole = train(make_config(keep_checkpoints=3), tmp_path / "whole").state
    damaged = tmp_path / "damaged"
    shutil.copytree(tmp_path / "whole", damaged)
    half_written = damaged / "checkpoints" / "9.orbax-checkpoint-tmp-1"
    shutil.copytree(damaged / "checkpoints" / "6", half_written)
    for file in (damaged / "checkpoints" / "7" / "state").rglob("*"):
        if file.is_file() and file.parent.name == "d":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    again = train(make_config(keep_checkpoints=3), damaged).state
    gc.collect()  # here, not in a later test
    assert "checkpoint 7 could not be read" in caplog.text
    assert_equal(again, whole)
    assert [path.name.split("-")[0] for path in (damaged / "damaged").iterdir()] == ["7"]
    assert (damaged / "metrics.jsonl").read_text() == (tmp_path / "whole" / "metrics.jsonl").read_text()


def test_a_checkpoint_with_flipped_bits_is_passed_over(growing, tmp_path, caplog):
    whole = train(make_config(keep_checkpoints=3), tmp_path).state
    files = [path for path in (tmp_path / "checkpoints" / "7" / "state").rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    again = train(make_config(keep_checkpoints=3), tmp_path).state
    assert "is not what was written" in caplog.text
    assert_equal(again, whole)


def test_what_is_missing_or_garbled_in_a_run_is_refused_or_mended(growing, tmp_path, caplog):
    config = make_config()
    train(config, tmp_path)
    (tmp_path / "environment.json").write_text("{")
    metrics = tmp_path / "metrics.jsonl"
    good = metrics.read_text()
    metrics.write_text(good + '{"step": 8, "gener')  # cut off in mid-write
    train(config, tmp_path)
    assert metrics.read_text() == good
    assert "environment.json was not readable" in caplog.text
    metrics.write_text("garbage\n" + good)
    with pytest.raises(UserError, match=r"metrics.jsonl: line 1 is not what was written"):
        train(config, tmp_path)
    metrics.write_text(good)
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match=r"config.json: no such file"):
        train(config, tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(UserError, match=r"holds the metrics of a run whose checkpoints are gone"):
        train(config, tmp_path)
    assert metrics.read_text() == good


@pytest.mark.slow
def test_a_full_disk_is_one_clear_line_and_earlier_checkpoints_stay(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        command = ("jgan.main", "--config", runs.write_config(tmp_path), "--workdir", disk / "run")
        code, _, err = runs.call(*command, "--config.stages[0].steps=5")
        assert code == 0, err
        (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - 4096))
        code, _, err = runs.run(*command, "--config.stages[0].steps=20")
        assert code == 2
        last = err.strip().splitlines()[-1]
        assert last.startswith("error: ")
        assert "No space left" in last
        assert "Traceback" not in err
        (disk / "ballast").unlink()
        code, _, err = runs.call(*command, "--config.stages[0].steps=20")
        assert code == 0, err
        assert newest_step(disk / "run") == 20
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_unusable_workdir_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = runs.call("jgan.main", "--config", runs.write_config(tmp_path), "--workdir", tmp_path / "file" / "x")
    assert code == 2
    assert (
        err == f"error: --workdir={tmp_path}/file/x: cannot write there (Not a directory); choose another directory\n"
    )


@dataclasses.dataclass(frozen=True)
class FragileGame(GrowingGAN):
    """Its discriminator's loss is NaN at step 5, for this share of the keys."""

    bad_share: float = 1.0

    def discriminator_loss(self, stage, params, state, batch, rngs):
        loss, rest = super().discriminator_loss(stage, params, state, batch, rngs)
        bad = (state.step == 5) & (jax.random.uniform(rngs[0]) < self.bad_share)
        return loss * jnp.where(bad, jnp.nan, 1.0), rest


def fragile_config(**changes):
    stages = (Stage(steps=8, batch_size=8, resolution=8),)
    fields = GROWING_FIELDS | {"r1_every": 1, "generator_every": 1} | changes.pop("game", {})
    return make_config(game=FragileGame(**fields), stages=stages, **changes)


def test_a_nan_stops_the_run_and_names_its_place(growing, tmp_path):
    with pytest.raises(UserError) as error:
        train(fragile_config(), tmp_path)
    assert str(error.value).startswith(
        "step 5: the loss of phase 'discriminator' is nan; the last good checkpoint, step 4"
    )
    assert newest_step(tmp_path) == 4


@pytest.mark.slow
def test_rollback_goes_on_with_fresh_keys_at_most_n_times(growing, tmp_path):
    config = fragile_config(on_nonfinite="rollback", max_rollbacks=2)
    with pytest.raises(UserError, match="after 2 roll-backs"):
        train(config, tmp_path / "hopeless")
    events = [json.loads(line) for line in (tmp_path / "hopeless" / "events.jsonl").read_text().splitlines()]
    assert [event["step"] for event in events if "rolled back" in event["event"]] == [4, 4]

    config = fragile_config(game={"bad_share": 0.5}, on_nonfinite="rollback", max_rollbacks=20)
    for seed in range(10):
        workdir = tmp_path / str(seed)
        state = train(dataclasses.replace(config, seed=seed), workdir).state
        assert int(state.step) == 8
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.device_get(state)))
        if "rolled back" in (workdir / "events.jsonl").read_text():
            break
    else:
        pytest.fail("no seed needed a roll-back")
    assert [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()] == [2, 4, 6, 8]


def test_other_data_or_another_config_are_refused(growing, tmp_path, monkeypatch):
    config = make_config()
    train(config, tmp_path)
    other = dataclasses.replace(config, generator_optimizer=dataclasses.replace(config.generator_optimizer, b1=0.9))
    with pytest.raises(UserError, match=r"generator_optimizer.b1: was 0.5, now 0.9"):
        train(other, tmp_path)
    monkeypatch.setattr(IMAGES, "fingerprint", "changed", raising=False)
    with pytest.raises(UserError, match="its content is not what this run was trained on"):
        train(config, tmp_path)


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_run_directory_never_executes_code(tmp_path):
    workdir, marker = tmp_path / "run", tmp_path / "executed"
    code, _, err = runs.call("jgan.main", "--config", runs.write_config(tmp_path), "--workdir", workdir)
    assert code == 0, err
    for file in list(workdir.rglob("*")):
        if file.is_dir():
            for name in ("config.py", "state.pkl", "__init__.py"):
                (file / name).write_bytes(pickle.dumps(Evil(marker)))
    code, _, err = runs.call("jgan.sample", "--workdir", workdir, "--num", "1", "--out", tmp_path / "out")
    assert code == 0, err
    data = json.loads((workdir / "config.json").read_text())
    calls = [
        {"type": "subprocess.Popen", "args": ["touch", str(marker)], "shell": True},
        {"type": "os.system", "command": f"touch {marker}"},
        {"type": "jgan.rundir.lock.subprocess.Popen", "args": ["touch", str(marker)]},
        {"type": "jgan.main.main", "argv": []},
        {"type": "jgan..evil", "x": 1},
        {"type": 3},
    ]
    for call in calls:
        (workdir / "config.json").write_text(json.dumps({**data, "game": call}))
        with pytest.raises(UserError, match="not a config dataclass of jgan"):
            configs.load(workdir)
    assert not marker.exists()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path, monkeypatch):
    use_devices(monkeypatch, 1)
    arguments = ["--config", runs.write_config(tmp_path), "--config.stages[0].steps=5", "--config.evaluate_every=5"]
    arguments += ["--config.stages[0].resolution=16", "--config.game.generator.resolution=16"]
    arguments += ["--config.evaluation.metrics=('swd',)", "--config.evaluation.num_samples=70"]
    code, _, err = runs.call("jgan.main", *arguments, "--workdir", tmp_path / "one")
    assert code == 0, err
    launcher = [sys.executable, "launch/local.py", "-n", "2", "--", *map(str, arguments)]
    two = subprocess.run(
        [*launcher, "--workdir", tmp_path / "two"],
        cwd=runs.ROOT,
        env=runs.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("Finished") == 1
    ours, theirs = read_state(tmp_path / "one"), read_state(tmp_path / "two")
    # Adam's first steps divide by the gradient's own size: a summation-order error of 1e-6 of a nearly cancelling
    # gradient reaches 1e-2 of a step of 2e-4, five times over.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5, rtol=0),
        *((state.generator.params, state.discriminator.params) for state in (ours, theirs)),
    )
    one, two = (read_lines(tmp_path / name / "evaluations.jsonl") for name in ("one", "two"))
    assert [line["step"] for line in one] == [0, 5]
    assert one[0] == two[0]  # the same weights draw the same pixels
    # Now weights differ by 1e-5, and pixels, rounded to 255 levels, seldom by one.
    assert two[1]["averaged/swd"] == pytest.approx(one[1]["averaged/swd"], abs=1)
    assert newest_step(tmp_path / "two", "best") == newest_step(tmp_path / "one", "best")
    written_by = {path.name for path in (tmp_path / "two" / "checkpoints" / "5" / "state").iterdir()}
    assert {"ocdbt.process_0", "ocdbt.process_1"} <= written_by


@pytest.mark.slow
def test_processes_whose_launcher_is_killed_save_and_stop(tmp_path):
    workdir = tmp_path / "run"
    arguments = ("--config", runs.write_config(tmp_path), "--config.stages[0].steps=1000000", "--workdir", workdir)
    launcher = subprocess.Popen(
        [sys.executable, "launch/local.py", "-n", "2", "--", *map(str, arguments)],
        cwd=runs.ROOT,
        env=runs.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (workdir / "metrics.jsonl").exists() and (workdir / "metrics.jsonl").stat().st_size, launcher)
    launcher.kill()
    launcher.wait()
    end = time.monotonic() + 60
    while "SIGTERM: saved step" not in (workdir / "events.jsonl").read_text():
        assert time.monotonic() < end
        time.sleep(0.05)

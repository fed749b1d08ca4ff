"""Batches: what is in them, and that nothing but the step decides it."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import numpy as np
import pytest
from feeds import batches_of
from PIL import Image

from jgan.data.config import DataConfig
from jgan.data.host import LocalBatches, host_batches
from jgan.data.opening import open_dataset
from jgan.data.order import batch_rows, epoch_order
from jgan.types import ScheduledStage, Stage, UserError, schedule

COUNT, BATCH, RESOLUTION = 40, 16, 8
STEPS = COUNT // BATCH  # of an epoch


@pytest.fixture
def folder(tmp_path):
    """Forty noisy images that differ everywhere, in four classes."""
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        path = tmp_path / "photos" / f"class{index % 4}" / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(path)
    return f"folder:{tmp_path}/photos"


def stage(steps=6, start=4, batch_size=BATCH):
    return ScheduledStage(steps=steps, batch_size=batch_size, resolution=RESOLUTION, start=start)


def equal(batches, others):
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for name, value in batch.items():
            np.testing.assert_array_equal(value, other[name])
    return True


def test_the_order_of_an_epoch():
    order = epoch_order(1000, 7, 0, 0)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert epoch_order(10, 0, 0, 0).tolist() == [0, 8, 9, 3, 7, 5, 1, 2, 6, 4]  # for good: resumed runs rely on it
    others = [epoch_order(1000, *key) for key in ((8, 0, 0), (7, 5, 0), (7, 0, 1))]
    assert not any((order == other).all() for other in others)
    epoch = np.concatenate([batch_rows(COUNT, 7, 4, BATCH, step) for step in range(4, 4 + STEPS)])
    assert len(set(epoch.tolist())) == STEPS * BATCH
    np.testing.assert_array_equal(batch_rows(1000, 7, 4, 10, 4 + 100 * 3 + 2), epoch_order(1000, 7, 4, 3)[20:30])


def test_the_step_alone_decides_the_batch(folder):
    resident = batches_of(DataConfig(folder, flip=True), stage())
    assert len(resident) == 6
    on_host = DataConfig(folder, flip=True, device_megabytes=0, workers=0)
    assert equal(resident, batches_of(on_host, stage()))
    assert equal(resident, batches_of(dataclasses.replace(on_host, workers=2), stage(), devices=2))
    for config in (on_host, DataConfig(folder, flip=True)):
        assert equal(resident[3:], batches_of(config, stage(), first_step=7, devices=1))
    assert not np.array_equal(resident[0]["images"], resident[2]["images"])  # another epoch, another order
    assert not np.array_equal(resident[0]["images"], batches_of(on_host, stage(), seed=4)[0]["images"])


def test_players_with_batches_of_their_own_take_twice_as_many(folder):
    both = dataclasses.replace(stage(batch_size=BATCH // 2), own_batches=True)
    for config in (DataConfig(folder), DataConfig(folder, device_megabytes=0, workers=0)):
        assert equal(batches_of(config, both), batches_of(config, stage()))
    with pytest.raises(UserError, match=r"40 images are fewer than a batch of 48 .*lower its batch_size"):
        batches_of(DataConfig(folder), dataclasses.replace(stage(batch_size=24), own_batches=True))


@pytest.mark.slow
def test_pipes_where_shared_memory_is_small(folder, monkeypatch, caplog):
    resident = batches_of(DataConfig(folder), stage())
    monkeypatch.setattr("jgan.data.host.SMALLEST_SHARED", 0)
    on_host = DataConfig(folder, device_megabytes=0, workers=1)
    assert equal(resident, batches_of(on_host, stage()))
    monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=0))
    assert equal(resident[5:], batches_of(on_host, stage(), first_step=9))
    assert "/dev/shm" in caplog.text
    assert batches_of(on_host, stage(), first_step=10) == []


def test_processes_share_the_batch(folder):
    dataset = open_dataset(DataConfig(folder), 3)
    whole = LocalBatches(dataset.source, dataset.form(RESOLUTION), "refuse", 3, 4, 6, BATCH, slice(0, BATCH))
    for processes in (2, 4):
        local = BATCH // processes
        parts = [
            dataclasses.replace(whole, rows=slice(index * local, (index + 1) * local)) for index in range(processes)
        ]
        for step in (0, 5):
            images, labels = whole[step]
            np.testing.assert_array_equal(images, np.concatenate([part[step][0] for part in parts]))
            np.testing.assert_array_equal(labels, np.concatenate([part[step][1] for part in parts]))


def test_values_and_labels(folder):
    batch = batches_of(DataConfig(folder), stage(steps=1))[0]
    dataset = open_dataset(DataConfig(folder), 0)
    first = dataset.example_batch(COUNT, RESOLUTION)
    rows = batch_rows(COUNT, 3, 4, BATCH, 4)
    assert batch["images"].dtype == np.float32
    np.testing.assert_allclose(batch["images"], first["images"][rows] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(batch["labels"], first["labels"][rows])
    assert batch["labels"].dtype == np.int32
    assert first["images"].dtype == np.uint8
    assert dataset.example_batch(50, RESOLUTION)["images"].shape == (50, 8, 8, 3)  # more than there are


def test_no_labels(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((16, 8, 8), np.uint8))
    for megabytes in (0, 256):
        config = DataConfig(f"npz:{tmp_path}/a.npz", channels=1, device_megabytes=megabytes)
        batch = batches_of(config, stage(steps=2))[1]
        assert batch.keys() == {"images"}
        assert (batch["images"] == -1).all()


def test_flip(folder):
    plain, mirrored = (batches_of(DataConfig(folder, flip=flip), stage(steps=4)) for flip in (False, True))
    flipped = 0
    for before, after in zip(plain, mirrored, strict=True):
        for image, other in zip(before["images"], after["images"], strict=True):
            same = np.array_equal(image, other)
            assert same or np.array_equal(image[:, ::-1], other)
            flipped += not same
    assert 16 <= flipped <= 48  # of 64


def test_stages_differ(tmp_path):
    first, second = schedule((Stage(steps=3, batch_size=8, resolution=4), Stage(steps=3, batch_size=16, resolution=8)))
    np.savez(tmp_path / "a.npz", images=np.arange(16 * 64, dtype=np.uint32).reshape(16, 8, 8).astype(np.uint8))
    config = DataConfig(f"npz:{tmp_path}/a.npz", channels=1)
    assert [batch["images"].shape for batch in batches_of(config, first)] == [(8, 4, 4, 1)] * 3
    assert [batch["images"].shape for batch in batches_of(config, second)] == [(16, 8, 8, 1)] * 3


def test_too_few_images(folder):
    with pytest.raises(UserError, match="40 images are fewer than a batch of 64"):
        batches_of(DataConfig(folder), stage(batch_size=64))


def test_a_file_that_breaks_later(folder, tmp_path, caplog):
    """Decoded for the first time while training: it stops the run by name, or the next file takes its place."""
    broken = tmp_path / "photos/class0/00.png"
    data = bytearray(broken.read_bytes())
    data[data.index(b"IDAT") + 10] ^= 255
    broken.write_bytes(data)
    config = DataConfig(folder, check_megabytes=0, device_megabytes=0, workers=1)
    with pytest.raises(UserError, match=r"class0/00\.png: .*on_error=skip"):
        batches_of(config, stage(steps=40))
    skipping = dataclasses.replace(config, on_error="skip", workers=0)
    assert equal(batches_of(skipping, stage()), batches_of(dataclasses.replace(skipping, device_megabytes=9), stage()))
    assert "skipped class0/00.png" in caplog.text


def test_fingerprint_follows_the_data(folder, tmp_path):
    fingerprint = open_dataset(DataConfig(folder), 0).fingerprint
    assert open_dataset(DataConfig(folder, flip=True), 1).fingerprint == fingerprint
    (tmp_path / "photos/class0/00.png").rename(tmp_path / "photos/class1/00.png")
    assert open_dataset(DataConfig(folder), 0).fingerprint != fingerprint


def test_workers_end_when_the_iterator_is_closed(folder):
    dataset = open_dataset(DataConfig(folder), 3)
    batches = LocalBatches(dataset.source, dataset.form(64), "refuse", 3, 0, 1000, 32, slice(0, 32))
    with host_batches(batches, 0, workers=1) as iterator:
        next(iterator)
        assert len(children(os.getpid())) >= 1
    assert not [child for child in children(os.getpid()) if "spawn_main" in command(child)]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_end_with_a_killed_parent(folder, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(f"""
        import time
        import jax
        from jgan.data.config import DataConfig
        from jgan.data.opening import open_dataset
        from jgan.types import ScheduledStage

        if __name__ == "__main__":
            dataset = open_dataset(DataConfig({folder!r}, device_megabytes=0, workers=1), 0)
            here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
            feeds = dataset.feeds(ScheduledStage(1000, 16, 8), 0, here, here)
            next(feeds)
            print("ready", flush=True)
            time.sleep(60)
        """)
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with parent:
        assert parent.stdout.readline() == "ready\n"
        workers = children(parent.pid)
        assert workers
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(command(worker) for worker in workers):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.1)


def children(pid):
    """Processes that any thread of a process has started."""
    return [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def command(pid):
    """The command line of a process; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""

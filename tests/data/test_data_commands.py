"""`python -m jgan.data`: inspect, prepare, and going on after a kill."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from jgan.data.__main__ import main
from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.data.pixels import Format
from jgan.data.prepare import prepare
from jgan.data.registry import open_source
from jgan.types import UserError

FORM = Format(8, 3, "crop", 255)


@pytest.fixture
def photos(tmp_path):
    """Six hundred small images of two classes: three shards."""
    rng = np.random.default_rng(0)
    for index in range(600):
        path = tmp_path / "photos" / ("left", "right")[index % 2] / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(path, compress_level=0)
    return tmp_path / "photos"


def same_batches(source, other):
    """Whether both sources give the same pixels and labels at 8 x 8."""
    batches = [open_dataset(DataConfig(name), 0).example_batch(600, 8) for name in (source, other)]
    assert batches[0].keys() == batches[1].keys()
    return all(np.array_equal(batches[0][name], batches[1][name]) for name in batches[0])


def test_prepare_and_read_back(photos, tmp_path, capsys):
    out = tmp_path / "prepared"
    arguments = ["prepare", "--source", f"folder:{photos}", "--out", str(out), "--resolution", "8"]
    assert main([*arguments, "--workers", "2"]) == 0
    shown = capsys.readouterr()
    assert f"--source records:{out}" in shown.out
    assert "600/600" in shown.err
    assert "images/s" in shown.err
    dataset = open_dataset(DataConfig(f"records:{out}"), 0)
    assert (dataset.count, dataset.num_classes, dataset.class_names) == (600, 2, ("left", "right"))
    assert same_batches(f"folder:{photos}", f"records:{out}")
    assert dataset.example_batch(2, 4)["images"].shape == (2, 4, 4, 3)  # resized when read
    assert sorted(path.suffix for path in out.iterdir()) == [".array_record"] * 3 + [".json"] * 2
    with pytest.raises(UserError, match="holds another data set or other settings"):
        main(["prepare", "--source", f"folder:{photos}", "--out", str(out), "--resolution", "16"])


@pytest.mark.slow
def test_prepare_goes_on_after_a_kill(photos, tmp_path):
    source, out, whole = open_source(f"folder:{photos}"), tmp_path / "prepared", tmp_path / "whole"
    command = [sys.executable, "-m", "jgan.data", "prepare", "--source", f"folder:{photos}", "--out", str(out)]
    options = ["--resolution", "8", "--workers", "1"]
    with subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 30
        while not (written := list(out.glob("images-*"))):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
    for shard in (*written[1:], out / "manifest.json"):  # as if it had been killed at once
        shard.unlink(missing_ok=True)
    (out / ".partial-images-00001-of-00003.array_record").write_bytes(b"half")
    with pytest.raises(UserError, match="was not finished"):
        open_source(f"records:{out}")
    kept = written[0].stat().st_mtime_ns
    assert prepare(source, FORM, out, "refuse", workers=1) == 600
    assert written[0].stat().st_mtime_ns == kept
    prepare(source, FORM, whole, "refuse", workers=1)
    assert same_batches(f"records:{whole}", f"records:{out}")
    assert (whole / "manifest.json").read_text() == (out / "manifest.json").read_text()
    assert not list(out.glob(".partial*"))


@pytest.mark.slow
def test_prepare_with_broken_files(photos, tmp_path, capsys):
    (photos / "left/000.png").write_bytes(b"nothing")
    arguments = ["prepare", "--source", f"folder:{photos}", "--out", f"{tmp_path}/out", "--resolution", "8"]
    arguments += ["--workers", "1"]
    with pytest.raises(UserError, match=r"1 of 600 images are broken: left/000.png: not an image"):
        main(arguments)
    assert main([*arguments, "--on-error", "skip"]) == 0
    assert "wrote 599 images" in capsys.readouterr().out
    with pytest.raises(UserError, match="1 of 600 images are broken"):  # what was skipped is not taken for whole
        main(arguments)
    assert open_source(f"records:{tmp_path}/out").count == 599


def test_damaged_records(tmp_path):
    out = tmp_path / "prepared"
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), dtype=np.uint8))
    prepare(open_source(f"npz:{tmp_path}/a.npz"), FORM, out, "refuse", workers=1)
    shard = out / "images-00000-of-00002.array_record"
    whole = bytearray(shard.read_bytes())
    shard.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="a shard is damaged"):
        open_source(f"records:{out}")
    whole[10_000] ^= 255
    shard.write_bytes(whole)
    with pytest.raises(UserError, match=r"prepared\[\d+\]: Corrupted"):
        open_dataset(DataConfig(f"records:{out}"), 0).example_batch(300, 8)


def test_inspect(photos, tmp_path, capsys):
    (photos / "left/broken.png").write_bytes(b"nothing")
    Image.new("CMYK", (7, 9)).save(photos / "right/odd.jpg")
    sheet = tmp_path / "sheets/sheet.png"
    assert main(["inspect", "--source", f"folder:{photos}", "--out", str(sheet)]) == 0
    shown = capsys.readouterr().out
    for part in (
        "images: 602",
        "sizes: 10 x 12 (600), 7 x 9 (1)",
        "modes: RGB (600), CMYK (1)",
        "classes: 2",
        "0  left      301",
        "1  right     301",
        "problems: 1",
        "left/broken.png: not an image that can be read",
    ):
        assert part in shown
    with Image.open(sheet) as image:
        assert image.size == (960, 648)
        assert len(image.convert("L").getcolors()) > 100
    assert main(["inspect", "--source", "mnist5k", "--channels", "1"]) == 0
    assert "0  0        500" in capsys.readouterr().out


def test_errors_are_one_line(tmp_path):
    prepare_digits = ["prepare", "--source", "mnist5k", "--out", str(tmp_path / "a"), "--resolution"]
    for arguments, message in (
        (["inspect", "--source", "folder:/nowhere"], "/nowhere"),
        (["inspect", "--source", "mnist5k", "--background", "300"], "background"),
        (["inspect", "--source", "mnist5k", "--source", "mnist5k"], "--source: given twice; give it once"),
        (["inspect", "--out", "sheet.png"], "--source; see jgan data inspect --help"),
        ([*prepare_digits, "0"], "--resolution is 0"),
        ([*prepare_digits, "100000"], "--resolution is 100000"),
    ):
        with pytest.raises(UserError) as error:
            main(arguments)
        assert message in str(error.value)
        assert "\n" not in str(error.value)


def test_prepare_keeps_what_the_files_are(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"nothing")
    arguments = ["prepare", "--source", f"folder:{folder}", "--resolution", "8", "--on-error", "skip"]
    with pytest.raises(UserError, match="all 1 images are broken"):
        main([*arguments, "--out", str(tmp_path / "none")])
    Image.new("L", (8, 8)).save(folder / "a.png")
    assert main([*arguments, "--out", str(tmp_path / "gray"), "--channels", "0"]) == 0
    assert "wrote 1 images of 8 x 8 x 1" in capsys.readouterr().out
    Image.new("RGB", (8, 8)).save(folder / "b.png")
    with pytest.raises(UserError, match=r"channels differ \(a.png has 1, b.png has 3\)"):
        main([*arguments, "--out", str(tmp_path / "mixed"), "--channels", "0"])


def test_prepare_writes_damaged_shards_again(photos, tmp_path):
    out = tmp_path / "prepared"
    arguments = ["prepare", "--source", f"folder:{photos}", "--out", str(out), "--resolution", "8"]
    assert main(arguments) == 0
    shard = min(out.glob("images-*"))
    shard.write_bytes(shard.read_bytes()[:1000])
    assert main(arguments) == 0
    assert same_batches(f"folder:{photos}", f"records:{out}")
    (out / "plan.json").write_text("{")
    with pytest.raises(UserError, match=r"plan.json: not valid JSON"):
        main(arguments)

"""--out replaces what the command wrote before, and nothing else."""

import numpy as np
import pytest
from PIL import Image

from jgan.classifier import main as classifier
from jgan.compare import main as compare
from jgan.data.__main__ import main as data
from jgan.report import main as report
from jgan.rundir.atomic_files import replacing_shared
from jgan.rundir.lock import writing_alone
from jgan.types import UserError


def test_a_file_of_another_kind_stays(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for index in range(2):
        Image.fromarray(np.full((16, 16, 3), 100 * index + 9, np.uint8)).save(images / f"{index}.png")
    np.savez(tmp_path / "set.npz", images=np.zeros((4, 8, 8, 1), np.uint8), labels=np.arange(4))
    (tmp_path / "config.json").write_text("{}")
    first, second, here = images / "0.png", images / "1.png", str(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    for command, arguments, message in (
        (classifier, ["--source", f"npz:{here}/set.npz", "--out", f"{here}/set.npz"], "is no stored classifier"),
        (report, ["--workdir", here, "--out", f"{here}/config.json"], "is not a page"),
        (compare, ["--images", str(first), "--reference", str(second), "--out", str(first)], "not a file of scores"),
        (data, ["inspect", "--source", f"folder:{images}", "--out", str(second)], "among the images of --source"),
        (data, ["inspect", "--source", f"npz:{here}/set.npz", "--out", str(first)], "is not a contact sheet"),
        (
            data,
            ["inspect", "--source", f"folder:{images}", "--out", f"{images}/sheet.png"],
            "among the images of --source",
        ),
    ):
        with pytest.raises(UserError, match=message):
            command(arguments)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    scores = ["--images", str(first), "--reference", str(second), "--metrics", "psnr", "--out", f"{here}/scores.json"]
    assert compare(scores) == compare(scores) == 0
    sheet = ["inspect", "--source", f"npz:{here}/set.npz", "--out", f"{here}/sheet.png"]
    assert data(sheet) == data(sheet) == 0


def test_two_processes_never_write_into_one_directory(tmp_path):
    """That holds for `sample` (tests/inference/test_sample_files.py) and `upscale` (test_translate.py) too."""
    for name in ("A/a.png", "B/a.png"):
        (tmp_path / "pairs" / name).parent.mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "pairs" / name)
    out, pairs = tmp_path / "out", tmp_path / "pairs"
    with writing_alone(out):
        for arguments in (
            ["split", "--source", f"pairs:{pairs}", "--out", str(out)],
            ["prepare", "--source", f"folder:{pairs}/A", "--resolution", "8", "--out", str(out)],
        ):
            with pytest.raises(
                UserError, match=r"^--out=.*out: another process writes there; stop it, or choose another"
            ):
                data(arguments)
    assert data(["split", "--source", f"pairs:{pairs}", "--out", str(out)]) == 0
    with replacing_shared(tmp_path / "scores.json") as first, replacing_shared(tmp_path / "scores.json") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "scores.json").read_text() in ("first", "second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pairs", "scores.json"]

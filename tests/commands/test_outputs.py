"""--out replaces what the command wrote before, and nothing else."""

import numpy as np
import pytest
from PIL import Image

from jgan.classifier import main as classifier
from jgan.compare import main as compare
from jgan.data.__main__ import main as data
from jgan.report import main as report
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

"""Images that use a part of their levels are told, before anybody trains on near black."""

import numpy as np
import pytest
from PIL import Image

from jgan.data.__main__ import main as data
from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset


@pytest.mark.parametrize(("bits", "factor"), [(12, "16"), (10, "64"), (16, None), (14, None)])
def test_few_bits_in_sixteen_are_said(bits, factor, tmp_path, capsys, caplog):
    ramp = np.linspace(0, 2**bits - 1, 64).astype(np.uint16).reshape(8, 8)
    for index in range(2):
        Image.fromarray(ramp >> index).save(tmp_path / f"{index}.png")
    assert data(["inspect", "--source", f"folder:{tmp_path}"]) == 0
    shown = capsys.readouterr().out
    open_dataset(DataConfig(f"folder:{tmp_path}"), 0)
    expected = f"{bits} bits in 16, multiply their levels by {factor} and"
    assert (expected in shown) == (expected in caplog.text) == (factor is not None)


def test_dark_parts_are_no_dark_set(tmp_path, capsys):
    Image.new("L", (8, 8), 3).save(tmp_path / "dark.png")
    Image.fromarray(np.array([[[3, 3, 3, 255]]], np.uint8)).save(tmp_path / "alpha.png")
    assert data(["inspect", "--source", f"folder:{tmp_path}"]) == 0
    assert "seen as near black" in capsys.readouterr().out  # transparency is no light
    Image.new("P", (8, 8)).save(tmp_path / "palette.png")
    assert data(["inspect", "--source", f"folder:{tmp_path}"]) == 0
    assert "near black" not in capsys.readouterr().out  # nobody looked

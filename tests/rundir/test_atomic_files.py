"""What is written is whole, and JSON that every program reads."""

import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest

import jgan
from jgan.rundir.atomic_files import append_line, as_json, keep_lines_up_to, write_json
from jgan.rundir.columns import read_columns

NUMBERS = [1.5, math.inf, -math.inf, math.nan]


def strict(text):
    return json.loads(text, parse_constant=pytest.fail)


def test_no_json_holds_infinities(tmp_path):
    data = {"list": NUMBERS, "nested": {"tuple": (math.nan, {"deep": -math.inf})}, "text": "NaN", "none": None}
    expected = {"list": [1.5, "inf", "-inf", "nan"], "nested": {"tuple": ["nan", {"deep": "-inf"}]}}
    write_json(tmp_path / "data.json", data)
    for text in ((tmp_path / "data.json").read_text(), as_json(data, indent=None)):
        assert strict(text) == expected | {"text": "NaN", "none": None}


def test_lines_give_back_the_numbers_and_older_ones_are_mended(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 0, "loss": math.inf}) + "\n")  # as earlier versions wrote it
    for step, loss in enumerate(NUMBERS, start=1):
        append_line(path, {"step": step, "loss": loss})
    np.testing.assert_array_equal(read_columns(path)["loss"], [math.inf, *NUMBERS])
    keep_lines_up_to(path, 3)
    assert [strict(line)["loss"] for line in path.read_text().splitlines()] == ["inf", 1.5, "inf", "-inf"]


def test_one_place_makes_json():
    package = Path(jgan.__file__).parent
    makers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("dump", "dumps")
        and getattr(node.value, "id", "") == "json"
    }
    assert makers == {"rundir/atomic_files.py"}, (
        "use jgan.rundir.atomic_files.as_json or write_json, which write no Infinity"
    )

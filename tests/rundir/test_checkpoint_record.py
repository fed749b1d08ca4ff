"""A checkpoint's record whose fields are not what was written."""

import json
import shutil
from pathlib import Path

import pytest

from jgan import config as configs
from jgan.inference.weights import batch_shapes, restore_generator
from jgan.rundir.checkpoint_record import RECORD_FIELDS, checked_record
from jgan.types import UserError

EARLIER = Path(__file__).parents[1] / "golden" / "earlier_run"
IMAGES = [[8, 8, 8, 1], "float32"]
WHOLE = {
    "window": {"start": 20, "values": {"generator/loss": [1.0, 2, "nan"]}},
    "rollbacks": 0,
    "data": "cfdcf46b",
    "batches": [{"images": IMAGES, "labels": [[8], "int32"]}],
    "data_count": 100,
    "captions": {"words": ["a", "b"], "length": 2},
    "classes": {"names": ["cat", "dog"], "earlier": False},
    "evaluation": {"score": "averaged/fd", "settings": {"seed": 0}, "value": 1.5},
    "config": {"type": "jgan.config.Config"},
    "step": 20,
}
EDITS = {
    "window": [
        *(None, 3, [], {}, {"start": 1}, {"start": -1, "values": {}}, {"start": 1, "values": {"a": 1}}),
        *({"start": "1", "values": {}}, {"start": 1, "values": {"a": ["low"]}}, {"start": 2**40, "values": {}}),
    ],
    "rollbacks": [-1, "0", 1.0, None, True, 2**63],
    "data": [None, 3, "x" * 20_000],
    "data_count": [None, -1, "20", 2**63, True],
    "batches": [
        *(None, {}, [3], [{"images": 3}], [{"other": IMAGES}], [{"images": [[8, 8, 8, 1]]}]),
        *([{"images": [[8, 8], dtype]}] for dtype in ("object", "V99999999", "float32,int32", 3, None)),
        *([{"images": [shape, "int32"]}] for shape in ([2**62], [2**30, 2**30], ["8"], [0], [8.0], [True], [[8]], 8)),
    ],
    "captions": [
        *(3, [], {"words": ["a"]}, {"words": "ab", "length": 2}, {"words": [1], "length": 2}),
        *({"words": [], "length": 0}, {"words": [], "length": 2**31}),
    ],
    "classes": [
        *(None, 3, [], {"names": ["a"]}, {"names": "ab", "earlier": False}, {"names": [1], "earlier": False}),
        {"names": None, "earlier": 1},
    ],
    "config": [3, "x", [1]],
    "step": [None, -1, "20", 2**63, True],
    "evaluation": [None, 3, {"score": 3, "settings": {}, "value": 1.0}, {"score": "a", "settings": {}, "value": "1"}],
}


def test_every_field_of_a_record_is_checked():
    assert WHOLE.keys() == EDITS.keys() == RECORD_FIELDS.keys()
    assert checked_record(WHOLE | {"of a later version": 1}, 20)["rollbacks"] == 0
    assert checked_record(
        {name: WHOLE[name] for name in ("window", "rollbacks", "data", "batches")}, 7
    )  # of earlier ones
    lacking = [{key: WHOLE[key] for key in WHOLE if key != name} for name in ("window", "rollbacks", "data", "batches")]
    edited = [{**WHOLE, name: value} for name, values in EDITS.items() for value in values]
    nested = json.loads("[" * 100 + "]" * 100)
    for record in (*edited, *lacking, None, [], 3, "record", WHOLE | {"more": nested}):
        with pytest.raises(ValueError, match=r"^its record: ") as refusal:
            checked_record(record, 20)
        assert "\n" not in str(refusal.value)
    with pytest.raises(ValueError, match="the checkpoint of step 20, under another number"):
        checked_record(WHOLE, 21)


def test_a_record_of_another_run_is_said(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(EARLIER, run)
    config = configs.load(run)
    metadata = run / "checkpoints/20/record/metadata"
    record = json.loads(metadata.read_text())
    (run / "checkpoints/20/sha256.json").unlink()
    unlike = "its record does not fit|no checkpoint could be read"
    for batches, read, message in (
        ([], batch_shapes, "expected images for each of the 1 stages"),
        (record["batches"] * 2, batch_shapes, "expected images for each of the 1 stages"),
        ([{"inputs": IMAGES, "targets": IMAGES}], batch_shapes, "is it the checkpoint of another run"),
        ([{"images": [[8, 3], "float32"]}], batch_shapes, "is it the checkpoint of another run"),
        ([{"images": [[8, 9, 9, 1], "float32"]}], restore_generator, unlike),
        ([{"images": [[8, 8, 8, 3], "float32"]}], restore_generator, unlike),
    ):
        metadata.write_text(json.dumps(record | {"batches": batches}))
        with pytest.raises(UserError, match=message) as refusal:
            read(config, run)
        assert "\n" not in str(refusal.value)

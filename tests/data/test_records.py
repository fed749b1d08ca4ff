"""Prepared data whose manifest or shards are not what was written."""

import dataclasses
import json

import pytest
from array_record.python.array_record_module import ArrayRecordWriter

from jgan.data.pixels import BrokenImageError, Format
from jgan.data.prepare import RECORD_OPTIONS
from jgan.data.records import FIELDS, MAY_LACK
from jgan.data.registry import open_source
from jgan.types import UserError

SHARD = "images-00000-of-00001.array_record"
MANIFEST = {"version": 1, "resolution": 8, "channels": 3, "count": 2, "num_classes": 2, "class_names": ["a", "b"]}
MANIFEST |= {"shards": [[SHARD, 2]], "fingerprint": "0123456789abcdef" * 2}
MORE = dataclasses.asdict(Format(8, 3, "crop", 255))
EDITS = {
    "version": [0, "1", 1.0, True, None],
    "resolution": [0, -8, "8", 8.0, True, 2**63, 10**19, None, [8]],
    "channels": [0, 2, "3", 5, {"type": "jgan.types.Stage"}],
    "count": [0, 1, 3, -1, "2", 2**63, True],
    "num_classes": [0, 1, -2, "2", 2**40, [2]],
    "class_names": ["ab", ["a"], ["a", 1], ["a", "b", "c"], {"a": 0}, ["a" * 20_000, "b"]],
    "shards": [None, [], [SHARD], [[SHARD]], [[SHARD, "2"]], [[SHARD, -2], [SHARD, 4]], [[SHARD, 1], [SHARD, 1]]],
    "fingerprint": ["", "../x", 5, None, "x" * 32],
    "fit": ["best", 1],
    "background": [256, -1, "white"],
    "blind_scale": [4],
    "comment": ["more"],
}
ELSEWHERE = ["../x", "/etc/passwd", "a/../../x", "..", "", "x\0y", f"sub/{SHARD}", f"../{SHARD}", f"{SHARD}\n", ".\\x"]
EDITS["shards"] += [[[name, 2]] for name in ELSEWHERE]


def prepared(directory, channels, count=2, options=RECORD_OPTIONS):
    """The path of the manifest of images in one shard."""
    writer = ArrayRecordWriter(str(directory / SHARD), options)
    for index in range(count):
        writer.write((index % 2).to_bytes(4, "little") + bytes(8 * 8 * channels))
    writer.close()
    path = directory / "manifest.json"
    path.write_text(json.dumps(MANIFEST | {"count": count, "shards": [[SHARD, count]]}))
    return path


def test_earlier_manifests_are_read(tmp_path):
    prepared(tmp_path, channels=3)
    assert FIELDS.keys() == MANIFEST.keys() | MORE.keys()
    assert MORE.keys() - MANIFEST.keys() == MAY_LACK
    source = open_source(f"records:{tmp_path}")
    assert (source.count, source.read(1)[0].shape, source.read(1)[1]) == (2, (8, 8, 3), 1)


def test_every_field_of_a_manifest_is_checked(tmp_path):
    path = prepared(tmp_path, channels=3)
    whole = MANIFEST | MORE
    path.write_text(json.dumps(whole))
    assert open_source(f"records:{tmp_path}").class_names == ("a", "b")
    edited = [{**whole, field: value} for field, values in EDITS.items() for value in values]
    lacking = [{name: value for name, value in whole.items() if name != field} for field in MANIFEST]
    texts = [json.dumps(data) for data in (*edited, *lacking, [], None, 3)]
    odd = "9" * 5000, "[" * 5000 + "]" * 5000, "[" * 100 + "]" * 100, "NaN", "1e999"
    texts += [json.dumps(whole).replace('"count": 2', f'"count": {value}') for value in odd]
    texts += ["", "{", "\ufeff{}", "[" * 100_000, json.dumps(whole)[:-1] + ', "count": 2}']
    for text in texts:
        path.write_text(text)
        with pytest.raises(UserError) as refusal:
            open_source(f"records:{tmp_path}")
        assert str(refusal.value).startswith(f"{path}: "), text[:300]
        assert str(refusal.value).endswith("; prepare the data set again")
        assert len(str(refusal.value)) < 1000 + 2 * len(str(path))
    path.write_bytes(b'{"version": "\xff"}')
    with pytest.raises(UserError, match="not valid JSON"):
        open_source(f"records:{tmp_path}")


def test_records_of_another_size_are_broken_images(tmp_path):
    prepared(tmp_path, channels=4)
    with pytest.raises(BrokenImageError):
        open_source(f"records:{tmp_path}").read(0)


def test_shards_that_unpack_to_more_than_they_fill_are_refused(tmp_path):
    prepared(tmp_path, channels=3, count=5000, options="group_size:5000,zstd")
    with pytest.raises(UserError, match=f"{SHARD} is damaged: [0-9]+ bytes, too few for 5000 images of 8 x 8 x 3"):
        open_source(f"records:{tmp_path}")

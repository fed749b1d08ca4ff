"""Reading weights from safetensors and .npz, and files of every format that are damaged or cut short."""

import io
import json
import os
import random
import struct
import zipfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import GOLDEN

from jgan.interop.weights import read_weights
from jgan.types import UserError

SAVED = ["weights_zip.pth", "weights_stream.pth"]
HARMFUL = "harm.txt"


class Harmful:
    """A pickle of it runs a command where it is loaded the usual way."""

    def __reduce__(self):
        return os.system, (f"echo harm > {HARMFUL}",)


def save_safetensors(path, entries, data):
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_reads_safetensors(tmp_path):
    """Bytes laid out by hand after the format's description."""
    path = tmp_path / "a.safetensors"
    entries = {
        "__metadata__": {"format": "pt"},
        "b": entry("BF16", [2], 12, 16),
        "a": entry("F32", [3, 1], 0, 12),
        "scalar": entry("I64", [], 16, 24),
        "empty": entry("F16", [0, 5], 24, 24),
    }
    save_safetensors(path, entries, struct.pack("<3f", 1, 2, 3) + b"\x80\x3f\x00\xc0" + struct.pack("<q", -5))
    weights = read_weights(path)
    np.testing.assert_array_equal(weights["a"], np.array([[1], [2], [3]], np.float32), strict=True)
    np.testing.assert_array_equal(weights["b"].astype(np.float32), [1, -2])
    np.testing.assert_array_equal(weights["scalar"], np.array(-5), strict=True)
    assert weights["b"].dtype == jnp.bfloat16
    assert weights["empty"].shape == (0, 5)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_npz(tmp_path, save):
    arrays = {
        "rows": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        "big_endian": np.array([1, 2], ">i4"),
        "scalar": np.array(True),
        "empty": np.zeros((0, 2)),
    }
    save(tmp_path / "a.npz", **arrays)
    weights = read_weights(tmp_path / "a.npz")
    assert list(weights) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(weights[name], array.astype(array.dtype.newbyteorder("=")), strict=True)


@pytest.mark.parametrize(
    ("entries", "data", "message"),
    [
        ({"a": entry("F32", [2], 0, 8)}, bytes(7), "a of shape .* is not bytes 0 to 8 of 7"),
        ({"a": entry("F32", [2**62], 0, 8)}, bytes(8), "is not bytes 0 to 8"),
        ({"a": entry("F32", [2], 0, 8), "b": entry("F32", [1], 4, 8)}, bytes(8), "overlap"),
        ({"a": entry("F32", [1], 4, 8)}, bytes(8), "gap"),
        ({"a": entry("F32", [1], 0, 4)}, bytes(8), "end at byte 4 of 8"),
        ({"a": entry("F32", [-1, -1], 0, 4)}, bytes(4), "not whole numbers"),
        ({"a": entry("F32", [True], 0, 4)}, bytes(4), "not whole numbers"),
        ({"a": entry("F4", [1], 0, 4)}, bytes(4), "of type F4; expected one of"),
        ({"a": [1]}, b"", "not described"),
        ([], b"", "not a JSON object"),
        ({}, b"", "no tensor in it"),
    ],
    ids=str,
)
def test_refuses_safetensors(tmp_path, entries, data, message):
    save_safetensors(tmp_path / "a.safetensors", entries, data)
    with pytest.raises(UserError, match=message):
        read_weights(tmp_path / "a.safetensors")


def test_refuses_npz_that_runs_code_or_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([Harmful()], object))
    with pytest.raises(UserError, match=r"a\.npy holds object; expected numbers"):
        read_weights(path)
    assert not Path(HARMFUL).exists()
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", array.getvalue() + bytes(16))
    with pytest.raises(UserError, match=r"a\.npy cannot be made"):
        read_weights(path)
    np.savez_compressed(path, a=np.zeros(2**24))  # 128 MiB in 130 KB
    with pytest.raises(UserError, match="members unpack to"):
        read_weights(path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("a", np.ones(2, complex), "a has complex numbers"),
        ("a\nERROR: \x1b[31m", np.ones(2), r"a tensor is called 'a\\nERROR: \\x1b\[31m'"),
        ("x" * 5000, np.ones(2), r"a tensor is called 'x{40}'\.\.\."),
    ],
    ids=["complex", "terminal", "long"],
)
def test_refuses_what_no_network_has(tmp_path, name, array, message):
    np.savez(tmp_path / "a.npz", **{name: array})
    with pytest.raises(UserError, match=message):
        read_weights(tmp_path / "a.npz")


def samples(folder):
    """One small file of each format."""
    save_safetensors(folder / "a.safetensors", {"a": entry("F32", [4], 0, 16)}, bytes(16))
    np.savez(folder / "a.npz", a=np.arange(6.0), b=np.zeros((2, 2), np.int32))
    return [*(GOLDEN / name for name in SAVED), folder / "a.npz", folder / "a.safetensors"]


def test_refuses_every_file_cut_short(tmp_path):
    for source in samples(tmp_path):
        content = source.read_bytes()
        path = tmp_path / f"cut{source.suffix}"
        for length in {*range(0, len(content), 37), len(content) - 1}:
            path.write_bytes(content[:length])
            with pytest.raises(UserError, match="cut"):
                read_weights(path)


def test_a_damaged_file_is_read_or_refused(tmp_path):
    """Whatever the damage: one error of ours, or no more numbers than the file has bytes."""
    generator = random.Random(0)
    for source in samples(tmp_path):
        content = source.read_bytes()
        path = tmp_path / f"damaged{source.suffix}"
        refused = 0
        for _ in range(400):
            damaged = bytearray(content)
            for _ in range(generator.choice((1, 1, 4))):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            path.write_bytes(damaged)
            try:
                weights = read_weights(path)
            except UserError:
                refused += 1
            else:
                assert all(array.nbytes <= len(content) for array in weights.values())
        assert refused > 100, source  # the damage is real: most bytes here describe numbers rather than hold them

"""Files that unpack to far more than they hold, or say so: one line, and no memory."""

import gzip
import io
import zipfile

import numpy as np
import pytest

from jgan.data.registry import open_source
from jgan.interop.weights import read_weights
from jgan.types import UserError
from jgan.untrusted.packed import ALWAYS, EXPANSION, gunzip


def header(shape, dtype="|u1"):
    """What an .npy file of this shape begins with."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def zip_of(path, name, content, method=zipfile.ZIP_DEFLATED, zeros=0):
    """A zip of one member, with so many zeros at its end."""
    with zipfile.ZipFile(path, "w", method) as archive, archive.open(name, "w") as member:
        member.write(content)
        for _ in range(zeros // 2**20):
            member.write(bytes(2**20))
    return path


@pytest.mark.parametrize("read", [lambda path: open_source(f"npz:{path}"), read_weights], ids=["data", "weights"])
def test_arrays_that_claim_more_than_their_file_holds(read, tmp_path):
    path = tmp_path / "a.npz"
    lying = [(2**41, 3, 3, 1), (2**62, 8, 8, 1), (2**64, 1, 1, 1), (-1, 8, 8, 1), (3,) * 65, (True, 8)]
    for shape in lying:
        zip_of(path, "images.npy", header(shape) + bytes(100))
        with pytest.raises(UserError, match=r"a\.npz: not ") as refusal:
            read(path)
        assert "\n" not in str(refusal.value)
    said = b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",)}\n"
    digits = b"\x93NUMPY\x01\x00" + len(said).to_bytes(2, "little") + said
    for content in (
        digits,
        b"",
        b"\x93NUMPY",
        header((1,))[:20],
        b"\x93NUMPY\x01\x00\xff\xff",
        header((1,), "|O") + bytes(8),
    ):
        with pytest.raises(UserError, match=r"a\.npz: not "):
            read(zip_of(path, "images.npy", content))
    zip_of(path, "images.npy", header((2**28, 1, 1, 1)), zeros=2**28)
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match=r"unpack to 268,\d+,\d+ bytes; expected \d+,\d+,\d+ at most: save it uncompr"):
        read(path)


def test_gzip_is_bounded(tmp_path):
    idx = bytes((0, 0, 8, 3)) + b"".join(size.to_bytes(4, "big") for size in (2**31 - 1, 28, 28))
    bomb = gzip.compress(idx + bytes(ALWAYS + 2**24), 9)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(UserError, match="unpacks to more than") as refusal:
        open_source(f"idx:{tmp_path}")
    assert "\n" not in str(refusal.value)
    text = b"some text" * 1000
    assert gunzip(gzip.compress(text) + gzip.compress(text) + bytes(64)) == text * 2
    for damaged in (gzip.compress(text)[:-9], b"not gzip", gzip.compress(text) + b"more"):
        with pytest.raises(ValueError, match=r".+"):
            gunzip(damaged)
    assert EXPANSION * len(bomb) < 2**24

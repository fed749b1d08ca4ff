"""Files of `numpy.savez`, arrays of numbers, or of texts, only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jgan.interop.refusal import RefusedError, check_sizes, refusing
from jgan.untrusted.packed import most_unpacked

NUMBERS, TEXTS = "biufc", "U"  # kinds of numpy's dtypes


def read_npz(data: Path | bytes, kinds: str = NUMBERS, only: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of a file, or of its bytes, by name: all, or those of `only` that are there.

    Raises OSError, RefusedError or what zipfile does. A file may unpack to what `most_unpacked` says, all in all.
    """
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    with zipfile.ZipFile(io.BytesIO(data) if isinstance(data, bytes) else data) as archive:
        check_sizes(archive, limit=most_unpacked(size))
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        chosen = {short: name for short, name in names.items() if not only or short in only}
        return {short: _read_npy(name, archive.read(name), kinds) for short, name in chosen.items()}


def _read_npy(name: str, data: bytes, kinds: str) -> np.ndarray:
    stream = io.BytesIO(data)
    with refusing(name):
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read_header(stream)
        if dtype.kind not in kinds:
            raise RefusedError(f"{name} holds {dtype}; expected numbers{' or texts' if TEXTS in kinds else ''}")
        numbers = np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if by_columns else "C")
    return numbers.astype(dtype.newbyteorder("="), copy=False)

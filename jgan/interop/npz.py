"""Files of `numpy.savez`, arrays of numbers, or of texts, only."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jgan.interop.refusal import RefusedError, check_sizes, refusing

NUMBERS, TEXTS = "biufc", "U"  # kinds of numpy's dtypes
EXPANSION = 32  # how much smaller than its arrays a compressed .npz may be, beyond the first 64 MiB


def read_npz(data: Path | bytes, kinds: str = NUMBERS) -> dict[str, np.ndarray]:
    """The arrays of a file, or of its bytes, by name. Raises OSError, RefusedError or what zipfile does."""
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    with zipfile.ZipFile(io.BytesIO(data) if isinstance(data, bytes) else data) as archive:
        check_sizes(archive, limit=2**26 + EXPANSION * size)
        return {name.removesuffix(".npy"): _read_npy(name, archive.read(name), kinds) for name in archive.namelist()}


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

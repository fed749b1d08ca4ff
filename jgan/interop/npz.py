"""Files of `numpy.savez`, arrays of numbers only."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jgan.interop.refusal import RefusedError, check_sizes, refusing

EXPANSION = 32  # how much smaller than its arrays a compressed .npz may be, beyond the first 64 MiB


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, by name. Raises OSError, RefusedError or what zipfile does."""
    with zipfile.ZipFile(path) as archive:
        check_sizes(archive, limit=2**26 + EXPANSION * path.stat().st_size)
        return {name.removesuffix(".npy"): _read_npy(name, archive.read(name)) for name in archive.namelist()}


def _read_npy(name: str, data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    with refusing(name):
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read_header(stream)
        if dtype.kind not in "biufc":
            raise RefusedError(f"{name} holds {dtype}; expected numbers")
        numbers = np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if by_columns else "C")
    return numbers.astype(dtype.newbyteorder("="), copy=False)

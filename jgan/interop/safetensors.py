"""safetensors files (https://github.com/huggingface/safetensors#format): a JSON header, then the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jgan.interop.refusal import RefusedError, refusing
from jgan.rundir.atomic_files import as_json
from jgan.untrusted.bounded_read import MAX_WEIGHTS_BYTES, read_file
from jgan.untrusted.json_data import parse_json

_SAFETENSORS = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(jnp.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in _SAFETENSORS.items()}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file, by name. Raises OSError or RefusedError."""
    data = read_file(path, MAX_WEIGHTS_BYTES)
    start = 8 + int.from_bytes(data[:8], "little")
    if not 8 < start <= len(data):
        raise RefusedError(f"cut short: its header ends at byte {start}, the file at {len(data)}")
    try:
        header = parse_json(data[8:start])
    except ValueError as error:
        raise RefusedError(f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise RefusedError("its header is not a JSON object")
    header.pop("__metadata__", None)
    tensors = memoryview(data)[start:]
    weights, spans = {}, []
    for name, entry in header.items():
        dtype, shape, (begin, end) = _safetensors_entry(name, entry)
        if not begin <= end <= len(tensors) or end - begin != math.prod(shape) * dtype.itemsize:
            raise RefusedError(f"{name} of shape {shape} is not bytes {begin} to {end} of {len(tensors)}")
        spans.append((begin, end))
        with refusing(f"{name} of shape {shape}"):
            weights[name] = np.frombuffer(tensors[begin:end], dtype).reshape(shape)
    covered = 0
    for begin, end in sorted(spans):
        if begin != covered:
            raise RefusedError(f"its tensors overlap or leave a gap at byte {covered}")
        covered = end
    if covered != len(tensors):
        raise RefusedError(f"its tensors end at byte {covered} of {len(tensors)}")
    return weights


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Writes tensors by name, in the order of the names, and metadata, texts by name. Raises OSError."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for name, array in sorted(tensors.items()):
        end = begin + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = as_json(header, indent=None).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in sorted(tensors.items()):
            file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def _safetensors_entry(name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], tuple[int, int]]:
    """The dtype, shape and (begin, end) of a tensor."""
    parts = [entry.get(part) for part in ("dtype", "shape", "data_offsets")] if isinstance(entry, dict) else [None] * 3
    dtype, shape, offsets = parts
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise RefusedError(f"{name} is not described as a tensor is")
    if any(type(number) is not int or number < 0 for number in (*shape, *offsets)):
        raise RefusedError(f"{name} has a shape or offsets that are not whole numbers")
    if dtype not in _SAFETENSORS:
        raise RefusedError(f"{name} is of type {dtype}; expected one of {', '.join(_SAFETENSORS)}")
    return _SAFETENSORS[dtype], tuple(shape), (offsets[0], offsets[1])

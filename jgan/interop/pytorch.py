"""Files of `torch.save`, the zip of PyTorch 1.6 and later and the stream of pickles before it, and plain pickles.

What the pickle holds are descriptions; the numbers are views into the file's bytes, each checked against them first.
A module saved whole is read as its state dict.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jgan.interop.pickles import Array, Dtype, Shell, Storage, Tensor, unpickle
from jgan.interop.refusal import RefusedError, check_sizes, refusing
from jgan.untrusted.bounded_read import MAX_WEIGHTS_BYTES, read_file

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older format
_PROTOCOL = 1001


def read_pytorch(path: Path) -> dict[str, np.ndarray]:
    """The tensors of either format, by name. Raises OSError, RefusedError or what zipfile does."""
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    return _read_pytorch_zip(path) if is_zip else _read_pickles(read_file(path, MAX_WEIGHTS_BYTES))


def _read_pytorch_zip(path: Path) -> dict[str, np.ndarray]:
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        raise RefusedError("it begins as PyTorch's zip and has no end: damaged or cut short, fetch it again")
    with zipfile.ZipFile(path) as archive:
        check_sizes(archive, limit=size)
        members = set(archive.namelist())
        folders = [name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")]
        if len(folders) != 1:
            raise RefusedError("a zip without PyTorch's data.pkl")
        folder = folders[0]
        if f"{folder}/byteorder" in members and archive.read(f"{folder}/byteorder") != b"little":
            raise RefusedError("written on a big-endian machine; save it again on another")
        tree, storages, _ = unpickle(memoryview(archive.read(f"{folder}/data.pkl")))
        buffers = {}
        for storage in storages.values():
            member = f"{folder}/data/{storage.key}"
            if member not in members:
                raise RefusedError(f"{member} is missing from it")
            buffers[storage.key] = memoryview(archive.read(member))
            if len(buffers[storage.key]) < storage.num_bytes:
                raise RefusedError(f"{member} is cut short; its tensors expect {storage.num_bytes} bytes")
    return {name: _view(name, tensor, buffers) for name, tensor in _flatten(tree, size)}


def _read_pickles(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a stream of `torch.save`, or of a pickle alone."""
    if not data.startswith(b"\x80") and not data.startswith((b"(", b"}", b"c")):
        raise RefusedError("neither of the two formats of torch.save, nor a pickle")
    first, storages, _ = unpickle(memoryview(data))
    if first == _MAGIC:
        tree, buffers = _read_stream(data)
    else:
        tree, buffers = first, {}
        if storages:
            raise RefusedError("a pickle whose tensors are not in the file")
    return {name: _view(name, tensor, buffers) for name, tensor in _flatten(tree, len(data))}


def _read_stream(data: bytes) -> tuple[Any, dict[str, memoryview]]:
    """(what was saved, the bytes of its storages)."""
    rest = memoryview(data)
    parts = []
    storages: dict[str, Storage] = {}
    for expected in (_MAGIC, _PROTOCOL, None, None, None):  # then: the machine, the tree, the keys of the storages
        part, mentioned, length = unpickle(rest)
        if expected is not None and part != expected:
            raise RefusedError("a pickle, but not one of torch.save")
        parts.append(part)
        storages |= mentioned
        rest = rest[length:]
    _, _, machine, tree, keys = parts
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise RefusedError("written on a big-endian machine; save it again on another")
    return tree, _split_storages(rest, keys, storages)


def _split_storages(rest: memoryview, keys: Any, storages: Mapping[str, Storage]) -> dict[str, memoryview]:
    """The bytes of every storage: each is preceded by its size in numbers, 8 bytes."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise RefusedError("its list of storages is not that of its tensors")
    buffers = {}
    for storage in (storages[key] for key in keys):
        size, end = int.from_bytes(rest[:8], "little"), 8 + storage.num_bytes
        if len(rest) < end:
            raise RefusedError(f"cut short: storage {storage.key} ends {end - len(rest)} bytes after the file")
        if size != storage.size:
            raise RefusedError(f"storage {storage.key} has {size} numbers; its tensors expect {storage.size}")
        buffers[storage.key] = rest[8:end]
        rest = rest[end:]
    return buffers


# --- PyTorch: the tensors ---


_OF_A_MODULE = ("_parameters", "_buffers", "_modules")  # where PyTorch's modules keep what their state dicts name


def _flatten(tree: Any, file_size: int) -> Iterator[tuple[str, Tensor | Array]]:
    """The tensors of nested dictionaries, lists and modules, named by their path."""
    if not isinstance(tree, _NESTED):
        raise RefusedError("no dictionary of tensors in it; expected a state dict")
    budget = 16 * file_size  # names take less room than the file, unless a dictionary holds itself or others many times
    pending, seen = [("", tree)], set()
    while pending:
        name, value = pending.pop()
        value = _of_a_module(value)
        budget -= len(name) + (1 if isinstance(value, Array) else len(value))
        if budget < 0:
            raise RefusedError("its dictionaries hold more names than the file has room for")
        if isinstance(value, Tensor | Array):
            if name in seen:
                raise RefusedError(f"two tensors are called {name}")
            seen.add(name)
            yield name, value
        elif isinstance(value, dict | list | tuple):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            nested = [(_join(name, key), entry) for key, entry in items if isinstance(entry, _NESTED)]
            pending.extend(reversed(nested))


_NESTED = (dict, list, tuple, Array)


def _of_a_module(value: Any) -> Any:
    """What a module's state dict names; anything else as it is."""
    if not isinstance(value, Shell) or "_modules" not in value:
        return value
    groups = [group for key in _OF_A_MODULE if isinstance(group := value.get(key), dict)]
    return {key: entry for group in groups for key, entry in group.items()}


def _join(prefix: str, key: Any) -> str:
    if not isinstance(key, str | int) or (isinstance(key, int) and key.bit_length() > 64):
        raise RefusedError(f"a key under {prefix or 'the root'} is neither a string nor a small number")
    return f"{prefix}.{key}" if prefix else str(key)


def _view(name: str, tensor: Tensor | Array, buffers: Mapping[str, memoryview]) -> np.ndarray:
    """The tensor's numbers, in place."""
    if isinstance(tensor, Array):
        return _view_of_numpy(name, tensor)
    storage, offset, shape, strides = tensor
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise RefusedError(f"{name} is not described as a tensor is")
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise RefusedError(f"{name} has a shape, strides or an offset that are not whole numbers")
    if len(shape) != len(strides):
        raise RefusedError(f"{name} has {len(shape)} axes and {len(strides)} strides")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > storage.size or (math.prod(shape) and last >= storage.size):
        raise RefusedError(f"{name} of shape {shape} reaches beyond its storage of {storage.size} numbers")
    width = storage.dtype.itemsize
    with refusing(f"{name} of shape {shape}"):
        if not math.prod(shape):
            return np.empty(shape, storage.dtype)
        return np.ndarray(
            shape, storage.dtype, buffers[storage.key], offset * width, [stride * width for stride in strides]
        )


def _view_of_numpy(name: str, array: Array) -> np.ndarray:
    """The numbers of one of numpy's arrays, in place."""
    shape, dtype, data = array.shape, array.dtype, array.data
    if not isinstance(dtype, Dtype) or not isinstance(shape, tuple) or not isinstance(data, bytes):
        raise RefusedError(f"{name} is not described as an array of numbers is")
    if any(type(size) is not int or size < 0 for size in shape):
        raise RefusedError(f"{name} has a shape that is not of whole numbers")
    with refusing(f"{name} of shape {shape}"):
        try:
            kind = np.dtype(dtype.order + dtype.code.lstrip("<>=|"))
        except TypeError as error:
            raise ValueError(str(error)) from None
        if math.prod(shape) * kind.itemsize != len(data):
            raise RefusedError(f"{name} of shape {shape} is not the {len(data)} bytes that it has")
        numbers = np.frombuffer(data, kind).reshape(shape, order="F" if array.by_columns is True else "C")
    return numbers.astype(kind.newbyteorder("="), copy=False)

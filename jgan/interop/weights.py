"""Files of weights as numpy arrays, without PyTorch and without executing anything in them.

| suffix | format |
| --- | --- |
| .pth, .pt | `torch.save`: the zip of PyTorch 1.6 and later, and the stream of pickles before it |
| .npz | `numpy.savez`, arrays of numbers only |
| .safetensors | https://github.com/huggingface/safetensors#format |

A pickle is a program for a small machine whose one dangerous instruction is "take this name from that module". Here
that instruction knows the few names a state dict needs, answers with builders of this file, and refuses all others.
What the builders make are descriptions; the numbers are views into the file's bytes, and each view is checked against
them first. So a hostile file can be refused or give wrong numbers, but run nothing, and claim no more memory than it
fills (a compressed .npz: `_EXPANSION` times its size).
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.lib import format as npy

from jgan.types import UserError

Weights = dict[str, np.ndarray]


def read_weights(path: Path) -> Weights:
    """The tensors of a file, by name, in their own dtype and shape (bfloat16 as `jnp.bfloat16`).

    Nested dictionaries and lists are flattened with dots, so {"params_ema": {"conv.weight": w}} gives
    "params_ema.conv.weight" and the caller picks by prefix. Entries that are not tensors, such as an epoch number, are
    left out. The arrays may be read-only views that share memory, as tied weights do; copy before writing.

    Raises:
      UserError: no such file, another suffix, not the format its suffix says, damaged or cut short, a pickle that names
        anything but tensors and dictionaries, or no tensor in it.
    """
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise UserError(f"{path}: cannot read weights from such a file; expected one of {', '.join(_READERS)}")
    try:
        weights = reader(path)
    except OSError as error:
        raise UserError(f"{path}: cannot read it ({error.strerror or error})") from None
    except _ZIP_ERRORS as error:
        reason = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:300])  # it quotes the file
        raise UserError(f"{path}: not weights that can be read: {reason}") from None
    if not weights:
        raise UserError(f"{path}: no tensor in it; expected a state dict")
    return weights


class _RefusedError(ValueError):
    """Why a file is not read; `read_weights` puts the file's name before it."""


# What zipfile raises on damaged, encrypted and exotic archives, ValueError for names and offsets among it.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)


# --- PyTorch: the pickle ---

_DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(jnp.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
    "ComplexFloatStorage": np.dtype("<c8"),
    "ComplexDoubleStorage": np.dtype("<c16"),
}


class _Storage(NamedTuple):
    """A run of numbers elsewhere in the file."""

    key: str
    dtype: np.dtype
    size: int  # in numbers

    @property
    def num_bytes(self) -> int:
        return self.size * self.dtype.itemsize


class _Tensor(NamedTuple):
    """A view of a storage, as the pickle describes it: unchecked."""

    storage: Any
    offset: Any  # this and the strides in numbers
    shape: Any
    strides: Any


class _Dictionary(dict[Any, Any]):
    """Stands for OrderedDict, whose attributes (versions of a module's layers) are dropped."""

    def __setstate__(self, state: object) -> None:
        pass


class _Builder:
    """What a pickle gets for a name: it can be called, and a pickle cannot alter it as it could a function."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build

    def __call__(self, *arguments: Any) -> Any:
        return self._build(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _RefusedError("its pickle alters what it names")


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Builder(_Dictionary),
    ("torch._utils", "_rebuild_tensor"): _Builder(_rebuild_tensor),  # before 0.4
    ("torch._utils", "_rebuild_tensor_v2"): _Builder(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Builder(_rebuild_parameter),
    **{("torch", name): name for name in _DTYPES},
}


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries, lists, strings, numbers and descriptions of tensors."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = _GLOBALS.get((module, name))
        if found is None:
            raise _RefusedError(
                f"its pickle names {module}.{name}; only tensors and dictionaries are read, nothing ran"
            )
        return found

    def persistent_load(self, pid: Any) -> _Storage:
        kind, name, key, _, size, *view = pid
        if kind != "storage" or any(part is not None for part in view):
            raise _RefusedError("its pickle refers to something other than a whole storage")
        if not isinstance(name, str) or not isinstance(key, str) or type(size) is not int or size < 0:
            raise _RefusedError("its pickle describes a storage without a type, a name and a size")
        storage = _Storage(key, _DTYPES[name], size)
        if self.storages.setdefault(key, storage) != storage:
            raise _RefusedError(f"its pickle describes storage {key} in two ways")
        return storage


def _unpickle(data: memoryview) -> tuple[Any, dict[str, _Storage], int]:
    """The first pickle in the data, the storages it mentions, and its length in bytes."""
    try:
        length = _pickle_length(data)
        unpickler = _Unpickler(bytes(data[:length]))
        return unpickler.load(), unpickler.storages, length
    except _RefusedError:
        raise
    except Exception as error:  # any kind at all may come out of a damaged pickle
        raise _RefusedError(f"its pickle is damaged or cut short ({error})") from None


_DEPTH = 100  # of dictionaries, lists and tuples in each other


def _pickle_length(data: memoryview) -> int:
    """Goes through the instructions without following them: `pickle` allocates first and looks after.

    Checked are the operands (against the data: sizes, numbers of objects) and how deep the objects nest, since Python's
    hash of a tuple in a tuple in a tuple ... runs out of stack and takes the process with it.
    """
    depths: list[int] = []  # of the objects on the machine's stack; -1 is a mark
    memo: dict[int, int] = {}
    operand: Any
    for instruction, operand, position in pickletools.genops(io.BytesIO(data)):
        if instruction.name == "STOP":
            return (position or 0) + 1
        if "PUT" in instruction.name:
            if operand > len(data):
                raise _RefusedError(f"its pickle numbers {operand} objects")
            memo[operand] = depths[-1]
        taken = _take(depths, instruction.stack_before)
        depth = memo[operand] if "GET" in instruction.name else 1 + max(taken, default=0)
        if depth > _DEPTH:
            raise _RefusedError(f"its pickle nests objects deeper than {_DEPTH}")
        depths += [-1 if kept is pickletools.markobject else depth for kept in instruction.stack_after]
        if instruction.name == "MEMOIZE":
            memo[len(memo)] = depths[-1]
    raise _RefusedError("its pickle has no end")


def _take(depths: list[int], operands: list[pickletools.StackObject]) -> list[int]:
    """Removes from the stack what an instruction takes: so many objects, or all down to the mark and so many below."""
    count = len(operands)
    if pickletools.markobject in operands:
        count = operands.index(pickletools.markobject) + depths[::-1].index(-1) + 1
    first = max(len(depths) - count, 0)
    taken = depths[first:]
    del depths[first:]
    return taken


# --- PyTorch: the two containers ---

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older format
_PROTOCOL = 1001


def _read_pytorch(path: Path) -> Weights:
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    return _read_pytorch_zip(path) if is_zip else _read_pytorch_stream(path.read_bytes())


def _read_pytorch_zip(path: Path) -> Weights:
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        _check_sizes(archive, limit=size)
        members = set(archive.namelist())
        folders = [name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")]
        if len(folders) != 1:
            raise _RefusedError("a zip without PyTorch's data.pkl")
        folder = folders[0]
        if f"{folder}/byteorder" in members and archive.read(f"{folder}/byteorder") != b"little":
            raise _RefusedError("written on a big-endian machine; save it again on another")
        tree, storages, _ = _unpickle(memoryview(archive.read(f"{folder}/data.pkl")))
        buffers = {}
        for storage in storages.values():
            member = f"{folder}/data/{storage.key}"
            if member not in members:
                raise _RefusedError(f"{member} is missing from it")
            buffers[storage.key] = memoryview(archive.read(member))
            if len(buffers[storage.key]) < storage.num_bytes:
                raise _RefusedError(f"{member} is cut short; its tensors expect {storage.num_bytes} bytes")
    return {name: _view(name, tensor, buffers) for name, tensor in _flatten(tree, size)}


def _check_sizes(archive: zipfile.ZipFile, limit: int) -> None:
    """Refuses members that add up to more, by compression or by sharing bytes."""
    total = sum(member.file_size for member in archive.infolist())
    if total > limit:
        raise _RefusedError(f"its members unpack to {total} bytes; expected {limit} at most")


def _read_pytorch_stream(data: bytes) -> Weights:
    rest = memoryview(data)
    parts = []
    storages: dict[str, _Storage] = {}
    for expected in (_MAGIC, _PROTOCOL, None, None, None):  # then: the machine, the tree, the keys of the storages
        if expected == _MAGIC and not data.startswith(b"\x80"):
            raise _RefusedError("neither of the two formats of torch.save")
        part, mentioned, length = _unpickle(rest)
        if expected is not None and part != expected:
            raise _RefusedError("a pickle, but not one of torch.save")
        parts.append(part)
        storages |= mentioned
        rest = rest[length:]
    _, _, machine, tree, keys = parts
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise _RefusedError("written on a big-endian machine; save it again on another")
    buffers = _split_storages(rest, keys, storages)
    return {name: _view(name, tensor, buffers) for name, tensor in _flatten(tree, len(data))}


def _split_storages(rest: memoryview, keys: Any, storages: Mapping[str, _Storage]) -> dict[str, memoryview]:
    """The bytes of every storage: each is preceded by its size in numbers, 8 bytes."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise _RefusedError("its list of storages is not that of its tensors")
    buffers = {}
    for storage in (storages[key] for key in keys):
        size, end = int.from_bytes(rest[:8], "little"), 8 + storage.num_bytes
        if len(rest) < end:
            raise _RefusedError(f"cut short: storage {storage.key} ends {end - len(rest)} bytes after the file")
        if size != storage.size:
            raise _RefusedError(f"storage {storage.key} has {size} numbers; its tensors expect {storage.size}")
        buffers[storage.key] = rest[8:end]
        rest = rest[end:]
    return buffers


# --- PyTorch: the tensors ---


def _flatten(tree: Any, file_size: int) -> Iterator[tuple[str, _Tensor]]:
    """The tensors of nested dictionaries and lists, named by their path."""
    budget = 16 * file_size  # names take less room than the file, unless a dictionary holds itself or others many times
    pending, seen = [("", tree)], set()
    while pending:
        name, value = pending.pop()
        budget -= len(name) + len(value)
        if budget < 0:
            raise _RefusedError("its dictionaries hold more names than the file has room for")
        if isinstance(value, _Tensor):
            if name in seen:
                raise _RefusedError(f"two tensors are called {name}")
            seen.add(name)
            yield name, value
        elif isinstance(value, dict | list | tuple):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            nested = [(_join(name, key), entry) for key, entry in items if isinstance(entry, dict | list | tuple)]
            pending.extend(reversed(nested))


def _join(prefix: str, key: Any) -> str:
    if not isinstance(key, str | int) or (isinstance(key, int) and key.bit_length() > 64):
        raise _RefusedError(f"a key under {prefix or 'the root'} is neither a string nor a small number")
    return f"{prefix}.{key}" if prefix else str(key)


def _view(name: str, tensor: _Tensor, buffers: Mapping[str, memoryview]) -> np.ndarray:
    """The tensor's numbers, in place."""
    storage, offset, shape, strides = tensor
    if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise _RefusedError(f"{name} is not described as a tensor is")
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise _RefusedError(f"{name} has a shape, strides or an offset that are not whole numbers")
    if len(shape) != len(strides):
        raise _RefusedError(f"{name} has {len(shape)} axes and {len(strides)} strides")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > storage.size or (math.prod(shape) and last >= storage.size):
        raise _RefusedError(f"{name} of shape {shape} reaches beyond its storage of {storage.size} numbers")
    width = storage.dtype.itemsize
    with _refusing(f"{name} of shape {shape}"):
        if not math.prod(shape):
            return np.empty(shape, storage.dtype)
        return np.ndarray(
            shape, storage.dtype, buffers[storage.key], offset * width, [stride * width for stride in strides]
        )


@contextlib.contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Names what numpy could not make (too many axes, an axis beyond 2**63)."""
    try:
        yield
    except (ValueError, OverflowError, MemoryError) as error:
        raise _RefusedError(f"{what} cannot be made ({error})") from None


# --- The other formats ---

_EXPANSION = 32  # how much smaller than its arrays a compressed .npz may be, beyond the first 64 MiB
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


def _read_npz(path: Path) -> Weights:
    with zipfile.ZipFile(path) as archive:
        _check_sizes(archive, limit=2**26 + _EXPANSION * path.stat().st_size)
        return {name.removesuffix(".npy"): _read_npy(name, archive.read(name)) for name in archive.namelist()}


def _read_npy(name: str, data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    with _refusing(name):
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read_header(stream)
        if dtype.kind not in "biufc":
            raise _RefusedError(f"{name} holds {dtype}; expected numbers")
        numbers = np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if by_columns else "C")
    return numbers.astype(dtype.newbyteorder("="), copy=False)


def _read_safetensors(path: Path) -> Weights:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    if not 8 < start <= len(data):
        raise _RefusedError(f"cut short: its header ends at byte {start}, the file at {len(data)}")
    try:
        header = json.loads(data[8:start])
    except (ValueError, RecursionError) as error:
        raise _RefusedError(f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise _RefusedError("its header is not a JSON object")
    header.pop("__metadata__", None)
    tensors = memoryview(data)[start:]
    weights, spans = {}, []
    for name, entry in header.items():
        dtype, shape, (begin, end) = _safetensors_entry(name, entry)
        if not begin <= end <= len(tensors) or end - begin != math.prod(shape) * dtype.itemsize:
            raise _RefusedError(f"{name} of shape {shape} is not bytes {begin} to {end} of {len(tensors)}")
        spans.append((begin, end))
        with _refusing(f"{name} of shape {shape}"):
            weights[name] = np.frombuffer(tensors[begin:end], dtype).reshape(shape)
    covered = 0
    for begin, end in sorted(spans):
        if begin != covered:
            raise _RefusedError(f"its tensors overlap or leave a gap at byte {covered}")
        covered = end
    if covered != len(tensors):
        raise _RefusedError(f"its tensors end at byte {covered} of {len(tensors)}")
    return weights


def _safetensors_entry(name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], tuple[int, int]]:
    """The dtype, shape and (begin, end) of a tensor."""
    parts = [entry.get(part) for part in ("dtype", "shape", "data_offsets")] if isinstance(entry, dict) else [None] * 3
    dtype, shape, offsets = parts
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise _RefusedError(f"{name} is not described as a tensor is")
    if any(type(number) is not int or number < 0 for number in (*shape, *offsets)):
        raise _RefusedError(f"{name} has a shape or offsets that are not whole numbers")
    if dtype not in _SAFETENSORS:
        raise _RefusedError(f"{name} is of type {dtype}; expected one of {', '.join(_SAFETENSORS)}")
    return _SAFETENSORS[dtype], tuple(shape), (offsets[0], offsets[1])


_READERS: dict[str, Callable[[Path], Weights]] = {
    ".pth": _read_pytorch,
    ".pt": _read_pytorch,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
}

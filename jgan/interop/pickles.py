"""An unpickler for PyTorch's state dicts that can only make dictionaries, lists, numbers and descriptions of tensors.

A pickle is a program for a small machine whose one dangerous instruction is "take this name from that module". Here
that instruction knows the few names a state dict needs, answers with builders of this file, and refuses all others.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jgan.interop.refusal import RefusedError

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


class Storage(NamedTuple):
    """A run of numbers elsewhere in the file."""

    key: str
    dtype: np.dtype
    size: int  # in numbers

    @property
    def num_bytes(self) -> int:
        """In the file."""
        return self.size * self.dtype.itemsize


class Tensor(NamedTuple):
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
        raise RefusedError("its pickle alters what it names")


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    return Tensor(storage, offset, shape, strides)


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
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = _GLOBALS.get((module, name))
        if found is None:
            raise RefusedError(f"its pickle names {module}.{name}; only tensors and dictionaries are read, nothing ran")
        return found

    def persistent_load(self, pid: Any) -> Storage:
        kind, name, key, _, size, *view = pid
        if kind != "storage" or any(part is not None for part in view):
            raise RefusedError("its pickle refers to something other than a whole storage")
        if not isinstance(name, str) or not isinstance(key, str) or type(size) is not int or size < 0:
            raise RefusedError("its pickle describes a storage without a type, a name and a size")
        storage = Storage(key, _DTYPES[name], size)
        if self.storages.setdefault(key, storage) != storage:
            raise RefusedError(f"its pickle describes storage {key} in two ways")
        return storage


def unpickle(data: memoryview) -> tuple[Any, dict[str, Storage], int]:
    """The first pickle in the data, the storages it mentions, and its length in bytes."""
    try:
        length = _pickle_length(data)
        unpickler = _Unpickler(bytes(data[:length]))
        return unpickler.load(), unpickler.storages, length
    except RefusedError:
        raise
    except Exception as error:  # any kind at all may come out of a damaged pickle
        raise RefusedError(f"its pickle is damaged or cut short ({error})") from None


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
                raise RefusedError(f"its pickle numbers {operand} objects")
            memo[operand] = depths[-1]
        taken = _take(depths, instruction.stack_before)
        depth = memo[operand] if "GET" in instruction.name else 1 + max(taken, default=0)
        if depth > _DEPTH:
            raise RefusedError(f"its pickle nests objects deeper than {_DEPTH}")
        depths += [-1 if kept is pickletools.markobject else depth for kept in instruction.stack_after]
        if instruction.name == "MEMOIZE":
            memo[len(memo)] = depths[-1]
    raise RefusedError("its pickle has no end")


def _take(depths: list[int], operands: list[pickletools.StackObject]) -> list[int]:
    """Removes from the stack what an instruction takes: so many objects, or all down to the mark and so many below."""
    count = len(operands)
    if pickletools.markobject in operands:
        count = operands.index(pickletools.markobject) + depths[::-1].index(-1) + 1
    first = max(len(depths) - count, 0)
    taken = depths[first:]
    del depths[first:]
    return taken

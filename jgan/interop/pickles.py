"""An unpickler for weights that can only make dictionaries, lists, numbers and descriptions of arrays.

A pickle is a program for a small machine whose one dangerous instruction is "take this name from that module". Here
that instruction knows the few names that state dicts and numpy's arrays need and answers with builders of this file.
Classes of networks, as in a module saved whole, become empty shells of the same name, which a pickle can fill but not
call: nothing is imported. All other names are refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jgan.interop.refusal import CODE, RefusedError

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


class Array:
    """One of numpy's, as the pickle describes it: unchecked."""

    def __init__(self) -> None:
        """Empty until the pickle sets its state."""
        self.shape: Any = ()
        self.dtype: Any = None
        self.by_columns: Any = False
        self.data: Any = b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.by_columns, self.data = state


class Dtype:
    """numpy's name of a kind of numbers, "f4", and the order of its bytes."""

    def __init__(self, code: Any, *_: Any) -> None:
        """Raises RefusedError for a name that is not of numbers."""
        if not isinstance(code, str) or not re.fullmatch(r"[<>=|]?[biuf]\d{1,2}", code):
            raise RefusedError(f"its pickle holds an array of {str(code)[:20]!r}; expected numbers")
        self.code, self.order = code, ""

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order if order in ("<", ">") else ""


class _Uncallable(type):
    """A class that a pickle may fill and not call."""

    def __call__(cls, *arguments: Any) -> Any:
        raise RefusedError(f"its pickle names {cls.__qualname__} to be called; only weights are read, nothing ran")


class Shell(dict[Any, Any]):
    """Stands for an object of a class that is not here, such as a network: what it holds, by name."""

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):  # a tuple: of attributes and of slots
            if isinstance(part, dict):
                self.update(part)


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


def _numpy_array(*_: Any) -> Array:
    return Array()


def _numpy_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """As numpy 2 pickles an array with Python's protocol 5."""
    array = Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(data) if isinstance(data, bytes | bytearray) else data))
    return array


def _encoded(text: Any, *_: Any) -> bytes:
    """Bytes, as Python's protocol 2 pickles them."""
    return text.encode("latin1")


def _no_bytes(*_: Any) -> bytes:
    """Those of an array of no numbers, by protocol 2."""
    return b""


def _nothing(*_: Any) -> None:
    """For what belongs to no tensor: a device, a path, a number of numpy's."""


def _code(*_: Any) -> None:
    """For what rebuilds networks of StyleGAN's code base and its kin from their source, and their tensors."""
    raise RefusedError(CODE)


_NUMPY = ("numpy.core", "numpy._core")  # before numpy 2, and since
_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Builder(_Dictionary),
    ("collections", "defaultdict"): _Builder(lambda *_: _Dictionary()),
    ("torch", "Size"): _Builder(_nothing),
    ("torch", "device"): _Builder(_nothing),
    **{("torch", name): _Builder(_nothing) for name in ("float16", "bfloat16", "float32", "float64", "int64")},
    ("numpy", "ndarray"): _Builder(_nothing),
    ("numpy", "dtype"): _Builder(Dtype),
    ("_codecs", "encode"): _Builder(_encoded),
    ("__builtin__", "bytes"): _Builder(_no_bytes),
    **{(f"{core}.multiarray", "_reconstruct"): _Builder(_numpy_array) for core in _NUMPY},
    **{(f"{core}.multiarray", "scalar"): _Builder(_nothing) for core in _NUMPY},
    **{(f"{core}.numeric", "_frombuffer"): _Builder(_numpy_buffer) for core in _NUMPY},
    **{("pathlib", name): _Builder(_nothing) for name in ("PosixPath", "WindowsPath", "PurePosixPath")},
    **{("builtins", name): _Builder(_nothing) for name in ("set", "frozenset", "list", "dict", "int", "float", "str")},
    **{("__builtin__", name): _Builder(_nothing) for name in ("set", "frozenset", "list", "dict", "int", "float")},
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _Builder(_code),
    ("torch.storage", "_load_from_bytes"): _Builder(_code),
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
        self.shells: dict[tuple[str, str], type] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = _GLOBALS.get((module, name))
        if found is not None:
            return found
        if _is_of_a_network(module, name):
            return self.shells.setdefault((module, name), _Uncallable(f"{module}.{name}", (Shell,), {}))
        raise RefusedError(f"its pickle names {module}.{name}; only tensors and dictionaries are read, nothing ran")

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "module" and isinstance(pid[1], type):  # a class and its source, of a module saved whole
            return pid[1]
        kind, name, key, _, size, *view = pid
        if kind != "storage" or any(part is not None for part in view):
            raise RefusedError("its pickle refers to something other than a whole storage")
        if not isinstance(name, str) or not isinstance(key, str) or type(size) is not int or size < 0:
            raise RefusedError("its pickle describes a storage without a type, a name and a size")
        storage = Storage(key, _DTYPES[name], size)
        if self.storages.setdefault(key, storage) != storage:
            raise RefusedError(f"its pickle describes storage {key} in two ways")
        return storage


def _is_of_a_network(module: str, name: str) -> bool:
    """Whether the name may be a class of a network or of its settings: of nobody's library but `torch.nn`."""
    root = module.partition(".")[0]
    if not name.isidentifier() or name.startswith("__"):
        return False
    if module.startswith("torch.nn.") or module == "__main__":
        return True
    if (module, name) in (("argparse", "Namespace"), ("types", "SimpleNamespace")):
        return True
    return root not in sys.stdlib_module_names and root not in ("__builtin__", "torch", "numpy", "jax", "flax", "jgan")


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

"""The residual networks of SNGAN and BigGAN in PyTorch: their layers as those of jgan/families/sngan.py and biggan.py.

What two code bases share: kernels of spectral norm with one vector each, first features whose channels come before
their pixels, and embeddings, whose rows stay rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from jgan.interop.recognition import Tensors
from jgan.interop.state_dict import LEAVES, to_variables
from jgan.types import PyTree

U = "u"  # what `clean` calls the vectors of spectral norm
FIRST = "from_latents"


def read(
    tensors: Tensors, shapes: PyTree, source: str, expected: str, name_of: Callable[..., str], first: str = ""
) -> PyTree:
    """Flax variables of the given `shapes`, float32; `name_of` takes a path without its collection.

    `first` is the module that makes the first features. `clean` has been called on the tensors.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    tensors = dict(tensors)
    pixels = _pixels(shapes)
    for leaf in ("weight", "bias", U):
        name = f"{first}.{leaf}"
        if first and name in tensors and tensors[name].shape[:1] and tensors[name].shape[0] % pixels == 0:
            array = tensors[name].reshape(-1, pixels, *tensors[name].shape[1:])
            tensors[name] = array.swapaxes(0, 1).reshape(tensors[name].shape)
    for path in _paths(shapes):
        name = name_of(*path[1:])
        if path[-1] == "embedding" and name in tensors:
            tensors[name] = tensors[name].T  # as a matrix it is transposed
    return to_variables(tensors, shapes, lambda *path: name_of(*path[1:]), source=source, expected=expected)


def clean(tensors: Tensors) -> Tensors:
    """Spectral norm's vectors under one name, [rows], and what only tells of them left out.

    As BigGAN-PyTorch names them (u0, sv0), mimicry (sn_u, sn_sigma) and PyTorch (weight_orig, weight_u, weight_v).
    """
    cleaned = {}
    for name, array in tensors.items():
        module, _, leaf = name.rpartition(".")
        if leaf in ("sv0", "sn_sigma", "weight_v", "accumulation_counter"):
            continue
        if leaf in ("u0", "sn_u", "weight_u"):
            cleaned[f"{module}.{U}"] = array.reshape(-1)
        else:
            cleaned[f"{module}.{'weight' if leaf == 'weight_orig' else leaf}"] = array
    return cleaned


def leaf_name(leaf: str) -> str:
    """What PyTorch's modules call a leaf."""
    return {"embedding": "weight", U: U, **LEAVES}[leaf]


def widths(tensors: Tensors, blocks: Iterable[str]) -> tuple[int, ...]:
    """Of what the latents become, then of what each block's first convolution makes."""
    blocks = list(blocks)
    return (int(tensors[blocks[0]].shape[1]), *(int(tensors[name].shape[0]) for name in blocks))


def resolution(tensors: Tensors, first: str, sizes: tuple[int, ...]) -> int:
    """Of the images: the first features, doubled by each block."""
    return math.isqrt(tensors[f"{first}.weight"].shape[0] // sizes[0]) << (len(sizes) - 1)


def _pixels(shapes: PyTree) -> int:
    """Of the first features."""
    params = shapes["params"]
    if FIRST not in params:
        return 1
    blocks = [name for name in params if name.startswith("block_")]
    first = params[min(blocks, key=lambda name: int(name.rpartition("_")[2]))]
    return params[FIRST]["kernel"].shape[1] // first["conv_1"]["kernel"].shape[2]


def _paths(tree: Mapping[str, PyTree], path: tuple[str, ...] = ()) -> Iterable[tuple[str, ...]]:
    for name, entry in tree.items():
        if isinstance(entry, Mapping):
            yield from _paths(entry, (*path, name))
        else:
            yield (*path, name)


def numbers(tensors: Mapping[str, np.ndarray], before: str, after: str) -> list[int]:
    """Of the modules called before1after, before2after and so on, in order."""
    found = [name.removeprefix(before).removesuffix(after) for name in tensors if name.startswith(before)]
    return sorted({int(text) for text in found if text.isdigit()})

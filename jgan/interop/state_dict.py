"""PyTorch's state dicts as the variables of a Flax network of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.interop.recognition import some
from jgan.types import Array, PyTree, UserError

VARIANCE = ".running_var"  # in the names of variances
BLOCKS = "blocks"  # the layer of a network whose variables are those of several blocks, stacked
LEAVES = {  # of Flax variables, and what PyTorch calls them
    "kernel": "weight",
    "bias": "bias",
    "scale": "weight",
    "slope": "weight",
    "mean": "running_mean",
    "var": "running_var",
}


def to_variables(
    weights: Mapping[str, np.ndarray], shapes: PyTree, name_of: Callable[..., str], *, source: str, expected: str
) -> PyTree:
    """Flax variables, float32, of the given `shapes`, each tensor found by `name_of(*path)`, its name in PyTorch.

    Kernels [out, in, h, w] become [h, w, in, out], matrices [out, in] become [in, out]. Where blocks are stacked, the
    paths that `name_of` is given have blocks_0, blocks_1 and so on in place of BLOCKS. `source` is the file and
    `expected` the network, for errors.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    wanted: dict[tuple[str, ...], Any] = flatten_dict(_unstacked(shapes))
    names = {path: name_of(*path) for path in wanted}
    missing, unexpected = sorted(set(names.values()) - set(weights)), sorted(set(weights) - set(names.values()))
    if missing or unexpected:
        raise UserError(f"{source}: not {expected}: missing {some(missing)}; unexpected {some(unexpected)}")
    variables = {}
    for path, name in names.items():
        array = _from_pytorch_layout(weights[name])
        if array.shape != wanted[path].shape:
            raise UserError(f"{source}: {name} gives shape {array.shape}; expected {wanted[path].shape}")
        variables[path] = as_float32(array, name, source)
    return _stacked(unflatten_dict(variables), count_blocks(shapes))


def as_float32(array: np.ndarray, name: str, source: str) -> Array:
    """The array of the tensor `name` of the file `source`.

    Raises:
      UserError: it is not finite as float32, or has negative variances.
    """
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{source}: {name} has numbers that are not finite; the file is damaged")
    if VARIANCE in name and (values < 0).any():
        raise UserError(f"{source}: {name} has negative variances; the file is damaged")
    return jnp.asarray(values)


def count_blocks(shapes: PyTree) -> int:
    """How many blocks are stacked in variables of these shapes."""
    stacked = shapes.get("params", {}).get(BLOCKS)
    return jax.tree.leaves(stacked)[0].shape[0] if stacked else 0


def _unstacked(shapes: PyTree) -> PyTree:
    """The shapes with a layer for each block in place of BLOCKS, in every collection."""
    blocks, unstacked = count_blocks(shapes), {}
    if not blocks:
        return shapes
    for collection, layers in shapes.items():
        layers = dict(layers)
        if stacked := layers.pop(BLOCKS, None):
            one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), stacked)
            layers |= {f"{BLOCKS}_{index}": one for index in range(blocks)}
        unstacked[collection] = layers
    return unstacked


def _stacked(variables: PyTree, blocks: int) -> PyTree:
    """The inverse of `_unstacked`."""
    if not blocks:
        return variables
    stacked = {}
    for collection, layers in variables.items():
        layers = dict(layers)
        each = [layers.pop(f"{BLOCKS}_{index}", None) for index in range(blocks)]
        if each and each[0]:
            layers[BLOCKS] = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
        stacked[collection] = layers
    return stacked


def _from_pytorch_layout(array: np.ndarray) -> np.ndarray:
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if array.ndim == 2 else array

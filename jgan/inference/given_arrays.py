"""Arrays that users give to a run's generator: types and shapes are checked, and values where there are any.

While JAX traces a function, an array has a type and a shape but no values yet; JAX itself would then take the nearest
class for a label out of range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jgan.errors import shown
from jgan.types import Array, PyTree, UserError

Shape = tuple[int | str, ...]  # a word stands for any number from 1 on: ("n", "height", "width", 3)
LARGEST_FLOAT = float(np.finfo(np.float32).max)
ROUNDING = 1e-3  # of float16 at 1


def floats(name: str, value: Any, shape: Shape, most: float = LARGEST_FLOAT) -> Array:
    """The array of an argument: floats of this shape, within [-most, most].

    Raises:
      UserError: it is no such array.
    """
    kind = "floats" if most == LARGEST_FLOAT else f"floats in [-{most:g}, {most:g}]"
    array = _array(name, value, jnp.floating, kind, shape)
    if (values := _values(array)) is not None:
        values = values.astype(np.float64)
        if not (np.abs(values) <= most + ROUNDING).all():
            raise UserError(f"{name}: values from {values.min():.4g} to {values.max():.4g}; this run takes {kind}")
    return array


def whole_numbers(name: str, value: Any, shape: Shape, below: int, what: str) -> Array:
    """The array of an argument: whole numbers of this shape, in [0, below). `what` says what they are.

    Raises:
      UserError: it is no such array.
    """
    array = _array(name, value, jnp.integer, f"{what}, whole numbers from 0 to {below - 1},", shape)
    values = _values(array)
    if values is not None and not ((values >= 0) & (values < below)).all():
        wrong = values[(values < 0) | (values >= below)][0]
        raise UserError(f"{name}: {wrong} is out of range; this run takes {what}, 0 to {below - 1}")
    return array


def check_key(name: str, key: Any) -> None:
    """Raises UserError for what is no key of JAX's random numbers."""
    is_new = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()
    is_old = isinstance(key, jax.Array) and key.dtype == np.uint32 and key.shape == (2,)
    if not is_new and not is_old:
        raise UserError(f"{name}={shown(key)}: expected a key, such as jax.random.key(0)")


def check_variables(given: Any, own: PyTree) -> None:
    """Raises UserError where weights are not a tree of arrays like a generator's own."""
    expected, found = _leaves(own), _leaves(given) if isinstance(given, Mapping) else {}
    hint = "expected a tree like run.variables"
    if missing := expected.keys() - found.keys():
        raise UserError(f"variables: no {min(missing)} in it; {hint}")
    if unknown := found.keys() - expected.keys():
        raise UserError(f"variables: {min(unknown)} is none of this generator's; {hint}")
    for path, leaf in found.items():
        if not isinstance(leaf, jax.Array | np.ndarray) or not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise UserError(f"variables: {path}={shown(leaf, 40)}: expected an array of floats")
        if leaf.shape != expected[path].shape:
            raise UserError(f"variables: {path}: {list(leaf.shape)}; this run has {list(expected[path].shape)}")


def _leaves(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def _array(name: str, value: Any, kind: Any, words: str, shape: Shape) -> Array:
    """The value, or what a list becomes, where its type and its shape are right."""
    expected = f"this run takes {words} [{', '.join(map(str, shape))}]"
    try:
        array = cast(Array, value) if isinstance(value, jax.Array | np.ndarray) else jnp.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{name}={shown(value)}: no array; {expected}") from None
    fits = len(shape) == array.ndim and all(
        size == wanted if isinstance(wanted, int) else size > 0 for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or not jnp.issubdtype(array.dtype, kind):
        raise UserError(f"{name}: an array {list(array.shape)} of {array.dtype}; {expected}")
    return array


def _values(array: Array) -> np.ndarray | None:
    """The numbers of an array; None while it is traced, or where another process holds some of them."""
    if isinstance(array, Tracer) or not getattr(array, "is_fully_addressable", True):
        return None
    return np.asarray(array)

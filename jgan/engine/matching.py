"""Arrays of one tree put into another of another shape: by path and shape, and a report of which."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from jgan.types import PyTree


@dataclasses.dataclass(frozen=True)
class Matching:
    """What became of the arrays of two trees, path by path, each with its shape."""

    taken: dict[str, tuple[int, ...]]  # in both, of one shape
    left: dict[str, tuple[int, ...]]  # in the source alone, or of another shape in the target
    new: dict[str, tuple[int, ...]]  # in the target alone, or of another shape in the source

    def to_data(self) -> dict[str, dict[str, list[int]]]:
        """As JSON."""
        return {
            field.name: {path: list(shape) for path, shape in getattr(self, field.name).items()}
            for field in dataclasses.fields(self)
        }

    @staticmethod
    def joined(parts: Iterable[Matching]) -> Matching:
        """All parts as one; no path is in two of them."""
        parts = list(parts)
        names = [field.name for field in dataclasses.fields(Matching)]
        return Matching(*({path: s for part in parts for path, s in getattr(part, name).items()} for name in names))


def match(source: PyTree, target: PyTree, prefix: str = "") -> tuple[PyTree, Matching]:
    """The target with every array of the source that has the same path and shape in it, laid out as the target's.

    Both are trees of arrays. Floating arrays take the target's precision; all others have to be of its type. Paths are
    the names from the top, as in "params/block_16/kernel", behind the `prefix`.
    """
    offered = by_path(source, prefix)
    wanted = by_path(target, prefix)
    taken = {path for path, leaf in wanted.items() if path in offered and _fits(offered[path], leaf)}
    leaves = [_like(offered[path], leaf) if path in taken else leaf for path, leaf in wanted.items()]
    matching = Matching(
        {path: leaf.shape for path, leaf in wanted.items() if path in taken},
        {path: leaf.shape for path, leaf in offered.items() if path not in taken},
        {path: leaf.shape for path, leaf in wanted.items() if path not in taken},
    )
    return jax.tree.unflatten(jax.tree.structure(target), leaves), matching


def by_path(tree: PyTree, prefix: str = "") -> dict[str, Any]:
    """The arrays of a tree by their paths, in the order of `jax.tree.leaves`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {f"{prefix}{jax.tree_util.keystr(path, simple=True, separator='/')}": leaf for path, leaf in leaves}


def _fits(offered: Any, wanted: Any) -> bool:
    floating = all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in (offered, wanted))
    return offered.shape == wanted.shape and (floating or offered.dtype == wanted.dtype)


def _like(leaf: Any, target: Any) -> Any:
    """With the precision and on the devices of the target."""
    leaf = leaf if leaf.dtype == target.dtype else leaf.astype(target.dtype)
    return jax.device_put(leaf, target.sharding)

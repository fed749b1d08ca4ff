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
    matching = compare(source, target, prefix)
    offered = by_path(source, prefix)
    wanted = by_path(target, prefix)
    leaves = [_like(offered[path], leaf) if path in matching.taken else leaf for path, leaf in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(target), leaves), matching


def compare(source: PyTree, target: PyTree, prefix: str = "") -> Matching:
    """What `match` would take; the trees may hold shapes and types alone."""
    offered, wanted = by_path(source, prefix), by_path(target, prefix)
    taken = {path for path, leaf in wanted.items() if path in offered and _fits(offered[path], leaf)}
    return Matching(
        {path: leaf.shape for path, leaf in wanted.items() if path in taken},
        {path: leaf.shape for path, leaf in offered.items() if path not in taken},
        {path: leaf.shape for path, leaf in wanted.items() if path not in taken},
    )


def none_taken(source: PyTree, target: PyTree, prefix: str = "") -> Matching:
    """Of a source that is left as it is, and a target that is new."""
    offered, wanted = by_path(source, prefix), by_path(target, prefix)
    return Matching({}, *({path: leaf.shape for path, leaf in leaves.items()} for leaves in (offered, wanted)))


def named(paths: Iterable[str], among: Iterable[str]) -> dict[str, int]:
    """Names for the paths, as short as they can be, and how many paths each of them stands for.

    A name is the beginning of a path, all parts or fewer, that no path `among` all but these has.
    """
    chosen = set(paths)
    others = {begin for path in among if path not in chosen for begin in _beginnings(path)}
    counts: dict[str, int] = {}
    for path in paths:
        name = next((begin for begin in _beginnings(path) if begin not in others), path)
        counts[name] = counts.get(name, 0) + 1
    return counts


def _beginnings(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


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

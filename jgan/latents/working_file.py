"""The state of long work in one file, written every so often, whole or not at all; the same work goes on from it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan.interop.npz import NUMBERS, TEXTS, read_npz
from jgan.interop.refusal import ZIP_ERRORS, RefusedError
from jgan.rundir.atomic_files import replacing
from jgan.types import PyTree, UserError

SECONDS = 30.0  # between two writes
MADE_BY, STEP, DONE, LEAF = "made_by", "step", "done/", "leaf/"


class WorkingFile:
    """What parts of the work have made, by name, and the state of the part that goes on.

    Without a path nothing is kept.
    """

    def __init__(self, path: Path | None, made_by: str) -> None:
        """Reads what is there. `made_by` is all that the work depends on.

        Raises:
          UserError: the file is damaged, or of other work.
        """
        self._path, self._made_by = path, made_by
        self._done: dict[str, np.ndarray] = {}
        self._leaves: dict[str, np.ndarray] = {}
        self._part, self._written = "", time.monotonic()
        if path is not None and path.is_file():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            arrays = read_npz(path, NUMBERS + TEXTS)
            made_by = str(arrays.pop(MADE_BY))
            self._done = _below(DONE, arrays)
            self._leaves = _below(LEAF, arrays)
            self._part = str(arrays["part"])
        except (OSError, KeyError, RefusedError, *ZIP_ERRORS):
            raise UserError(f"{path}: cannot be read; remove it to begin again") from None
        if made_by != self._made_by:
            raise UserError(
                f"{path}: holds unfinished work of other photos or settings; give the same ones to go on, remove the "
                "file, or choose another --out"
            )

    def done(self, name: str) -> np.ndarray | None:
        """What a part has made, None where it is not done."""
        return self._done.get(name)

    def finish(self, name: str, result: np.ndarray) -> None:
        """Keeps what a part has made; its state goes."""
        self._done[name], self._leaves, self._part = result, {}, ""
        self._offer_write()

    def resume(self, part: str, state: PyTree) -> tuple[PyTree, int]:
        """The state of a part and the steps behind it; the `state` given and 0 where it has not begun.

        Raises:
          UserError: the file holds a state of other shapes.
        """
        if self._part != part:
            return state, 0
        leaves, tree = jax.tree.flatten(state)
        stored = [self._leaves.get(str(index)) for index in range(len(leaves))]
        found: list[Any] = []
        for own, other in zip(leaves, stored, strict=True):
            if other is None or other.shape != own.shape or other.dtype != own.dtype:
                raise UserError(f"{self._path}: holds a state of another shape; remove it to begin again")
            found.append(jax.numpy.asarray(other))
        return jax.tree.unflatten(tree, found), int(self._leaves[STEP])

    def keep(self, part: str, state: PyTree, step: int, *, at_once: bool = False) -> None:
        """Writes the state of a part after so many steps, where the last time is long ago, or `at_once`."""
        if self._path is None or not (at_once or time.monotonic() > self._written + SECONDS):
            return
        leaves = jax.device_get(jax.tree.leaves(state))
        self._leaves = {STEP: np.asarray(step), **{str(index): leaf for index, leaf in enumerate(leaves)}}
        self._part = part
        self._write(self._path)

    def _offer_write(self) -> None:
        if self._path is not None and time.monotonic() > self._written + SECONDS:
            self._write(self._path)

    def _write(self, path: Path) -> None:
        arrays: dict[str, Any] = {MADE_BY: np.asarray(self._made_by), "part": np.asarray(self._part)}
        arrays |= {DONE + name: array for name, array in self._done.items()}
        arrays |= {LEAF + name: array for name, array in self._leaves.items()}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The work is done, and what it has made is written elsewhere."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

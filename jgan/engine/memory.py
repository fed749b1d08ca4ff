"""Whether a state, images or a program fit the memory, before any of it is taken: XLA or the system ends a process."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jgan.types import PyTree, UserError

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container; "max" where there is none


KEPT = 32  # programs of a function that stay: on CPU each takes memory mappings, of which a process has 65,530


def check_memory(target: PyTree) -> None:
    """Raises UserError where arrays of these shapes and shardings do not fit, the program and its images aside."""
    needed = sum(map(_bytes_in_one_memory, jax.tree.leaves(target)))
    check_bytes(
        needed,
        "game: the weights and their optimizers",
        "make the networks smaller, or spread them over more devices with fsdp",
    )


def check_bytes(needed: int, what: str, advice: str) -> None:
    """Raises UserError, with the advice, where so many bytes are more than the memory of a device."""
    there = device_bytes(jax.local_devices()[0])
    if needed > there:
        raise UserError(f"{what} take {needed / 1e9:,.1f} GB, and {there / 1e9:,.1f} GB are there; {advice}")


def check_host_bytes(needed: int, what: str, advice: str) -> None:
    """As `check_bytes`, of the memory of the host or of the container."""
    if needed > (there := host_bytes()):
        raise UserError(f"{what} take {needed / 1e9:,.1f} GB, and {there / 1e9:,.1f} GB are there; {advice}")


def check_program(compiled: jax.stages.Compiled, what: str, advice: str) -> None:
    """Raises UserError where what a compiled program takes, makes and needs in between does not fit, as XLA plans it.

    Nothing is allocated yet: the host gives out more memory than it has, and ends the process that uses it.
    """
    memory = compiled.memory_analysis()
    if memory is None:
        return
    inside = memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    sharers = jax.local_device_count() if jax.default_backend() == "cpu" else 1
    check_bytes(sharers * inside + memory.argument_size_in_bytes, what, advice)


def within_memory(program: Any, what: str, advice: str) -> Callable[..., Any]:
    """A jitted function that is refused by a UserError, before it is called, where its program does not fit.

    Keywords are its static arguments.
    """
    programs: dict[Any, jax.stages.Compiled] = {}

    def call(*arguments: Any, **static: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)
        key = (tree, tuple(map(_kind, leaves)), tuple(static.items()))
        if key not in programs:
            if len(programs) == KEPT:
                programs.clear()
            programs[key] = program.lower(*arguments, **static).compile()
            check_program(programs[key], what, advice)
        return programs[key](*arguments)

    return call


def _kind(leaf: Any) -> tuple[Any, ...]:
    """What a program is compiled for."""
    return (leaf.shape, leaf.dtype, getattr(leaf, "sharding", None), getattr(leaf, "weak_type", False))


def _bytes_in_one_memory(leaf: jax.ShapeDtypeStruct) -> int:
    assert leaf.sharding is not None, "a target has a sharding for each leaf"
    sharers = len(leaf.sharding.addressable_devices) if jax.default_backend() == "cpu" else 1  # of the host's memory
    return sharers * math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize


def device_bytes(device: Any) -> int:
    """The memory of a device; of a CPU, that of the host or of the container."""
    statistics: dict[str, Any] = (device.memory_stats() or {}) if device.platform != "cpu" else {}
    return statistics.get("bytes_limit") or host_bytes()


def host_bytes() -> int:
    """The memory of the host or of the container."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        there = min(there, int(CGROUP_LIMIT.read_text()))
    return there

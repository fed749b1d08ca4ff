"""Whether a state fits the memory of its devices, before any of it is made: XLA's own refusal may end the process."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import Any

import jax

from jgan.types import PyTree, UserError

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container; "max" where there is none


def check_memory(target: PyTree) -> None:
    """Raises UserError where arrays of these shapes and shardings do not fit, the program and its images aside."""
    needed = sum(map(_bytes_in_one_memory, jax.tree.leaves(target)))
    there = device_bytes(jax.local_devices()[0])
    if needed > there:
        raise UserError(
            f"game: the weights and their optimizers take {needed / 1e9:,.1f} GB, and {there / 1e9:,.1f} GB are there; "
            "make the networks smaller, or spread them over more devices with fsdp"
        )


def _bytes_in_one_memory(leaf: jax.ShapeDtypeStruct) -> int:
    assert leaf.sharding is not None, "a target has a sharding for each leaf"
    sharers = len(leaf.sharding.addressable_devices) if jax.default_backend() == "cpu" else 1  # of the host's memory
    return sharers * math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize


def device_bytes(device: Any) -> int:
    """The memory of a device; of a CPU, that of the host or of the container."""
    statistics: dict[str, Any] = (device.memory_stats() or {}) if device.platform != "cpu" else {}
    if "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        there = min(there, int(CGROUP_LIMIT.read_text()))
    return there

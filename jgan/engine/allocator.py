"""The C library's allocator, set for programs that take and give back the same large blocks at every step."""

from __future__ import annotations

import ctypes
import importlib.util
import sys

# <malloc.h>
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
M_ARENA_MAX = -8

ACCELERATORS = ("libtpu", "jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm7_plugin")


def keep_memory() -> None:
    """Lets the process keep the memory that it frees, instead of giving it back. Only with glibc, without accelerators.

    On CPU XLA takes the temporaries of a step in one block and frees it at the end. glibc maps blocks of over 32 MiB
    and unmaps them on free, whatever its environment variables say, so that every step pays for the kernel clearing
    hundreds of MiB page by page: at DCGAN's 64 x 64 that was a fifth of the step's CPU time. Call it before jax starts
    its threads: one arena has to serve them all, since the others cannot hold large blocks without mapping them.
    """
    if not sys.platform.startswith("linux") or any(map(importlib.util.find_spec, ACCELERATORS)):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return
    for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_ARENA_MAX, 1)):
        mallopt(parameter, value)

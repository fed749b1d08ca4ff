"""StableHLO as `jax.export` keeps it: for CPU, NVIDIA's GPUs and TPU, and for later versions of JAX."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from jax import export

from jgan.export.network import Network
from jgan.export.program import specifications
from jgan.layers.conv import xla_alone

PLATFORMS = ("cpu", "cuda", "tpu")


def make_stablehlo(network: Network) -> bytes:
    """The network, its weights in it, as `jax.export.deserialize` reads it."""
    with xla_alone(True):
        exported = export.export(jax.jit(network.function), platforms=PLATFORMS)(*specifications(network))
    return bytes(exported.serialize())


def run_stablehlo(data: bytes, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """What the file gives."""
    return np.asarray(export.deserialize(bytearray(data)).call(*inputs))

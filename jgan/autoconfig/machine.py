"""What the machine is, as far as the choice of a config depends on it."""

from __future__ import annotations

import dataclasses
import os

import jax


@dataclasses.dataclass(frozen=True)
class MachineFacts:
    """The devices of a run, by numbers alone."""

    cores: int  # that this process may use
    devices: int = 1  # of all processes; simulated CPU devices count
    accelerator: str = ""  # what JAX calls one; "": CPU
    memory: int = 0  # bytes of one accelerator; 0: not known

    @property
    def title(self) -> str:
        """As "2 CPU cores" or "8 x NVIDIA H100"."""
        return f"{self.devices} x {self.accelerator}" if self.accelerator else f"{self.cores} CPU cores"


def look_at_machine() -> MachineFacts:
    """Facts of the machine that this process runs on."""
    devices = jax.devices()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if devices[0].platform == "cpu":
        return MachineFacts(cores, len(devices))
    memory = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)
    return MachineFacts(cores, len(devices), devices[0].device_kind, memory)

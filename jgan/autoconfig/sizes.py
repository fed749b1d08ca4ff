"""How large a run may be on a machine: resolution, widths and steps that end within minutes, or hours."""

from __future__ import annotations

from typing import NamedTuple

from jgan.autoconfig.machine import MachineFacts

MANY_CORES = 8
LARGE_MEMORY = 12 * 2**30  # bytes of an accelerator


class Size(NamedTuple):
    """A run of one kind."""

    resolution: int  # at most: smaller images have a smaller one
    channels: int  # of the widest layer at full resolution
    batch_size: int
    steps: int
    sample_every: int  # steps


class Sizes(NamedTuple):
    """Runs of every kind that a machine can do."""

    latents: Size
    pairs: Size
    domains: Size
    super_resolution: Size


# On two quiet cores each is meant to end within ten to thirty minutes.
FEW_CORES = Sizes(
    latents=Size(32, 32, 64, 3_000, 100),
    pairs=Size(64, 32, 4, 5_000, 250),
    domains=Size(32, 16, 4, 9_000, 250),
    super_resolution=Size(48, 32, 16, 3_000, 100),
)
CORES = Sizes(
    latents=Size(64, 32, 64, 6_000, 200),
    pairs=Size(128, 32, 4, 10_000, 250),
    domains=Size(64, 32, 4, 20_000, 250),
    super_resolution=Size(96, 32, 16, 10_000, 250),
)
SMALL_ACCELERATOR = Sizes(
    latents=Size(64, 64, 64, 50_000, 500),
    pairs=Size(256, 64, 4, 50_000, 500),
    domains=Size(128, 64, 2, 100_000, 500),
    super_resolution=Size(96, 64, 16, 100_000, 500),
)
ACCELERATOR = Sizes(
    latents=Size(128, 64, 64, 100_000, 500),
    pairs=Size(256, 64, 16, 50_000, 500),
    domains=Size(256, 64, 4, 100_000, 500),
    super_resolution=Size(128, 64, 16, 150_000, 500),
)


def sizes_for(machine: MachineFacts, width: int = 0) -> Sizes:
    """The runs that a machine can do; with networks of so many channels, where `width` says so."""
    if machine.accelerator:
        sizes = ACCELERATOR if machine.memory >= LARGE_MEMORY else SMALL_ACCELERATOR
    else:
        sizes = CORES if machine.cores >= MANY_CORES else FEW_CORES
    return Sizes(*(size._replace(channels=width) for size in sizes)) if width else sizes

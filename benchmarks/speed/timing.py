"""Times of contestants that take turns, and the machine's peak."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from tqdm import tqdm

try:
    import torch  # pyright: ignore[reportMissingImports]
except ImportError:
    sys.exit("PyTorch is missing; run: pip install 'jgan[bench]'")

PEAK_SIZE = 2048  # rows of the square matrices whose product measures the peak
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}  # in seconds; cpu: of all threads together

Clock = Callable[[], float]


def timed(function: Callable[[], object], repeats: int = 1, clock: Clock = time.perf_counter) -> float:
    """Seconds a call."""
    start = clock()
    for _ in range(repeats):
        function()
    return (clock() - start) / repeats


class Peak:
    """GFLOP/s of large float32 matrix products in each framework: the best of all calls of `measure`."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        """Compiles, and measures once."""
        a, b = jnp.ones((PEAK_SIZE, PEAK_SIZE)), torch.ones((PEAK_SIZE, PEAK_SIZE))
        product = jax.jit(jnp.matmul)
        self._products = (lambda: product(a, a).block_until_ready(), lambda: b @ b)
        self.clock = clock
        self.ours, self.theirs = 0.0, 0.0
        self.measure()

    def measure(self) -> None:
        """A few products of each framework; the first does not count."""
        self.ours, self.theirs = (
            max(best, 2e-9 * PEAK_SIZE**3 / min([timed(product, clock=self.clock) for _ in range(3)][1:]))
            for best, product in zip((self.ours, self.theirs), self._products, strict=True)
        )

    @property
    def best(self) -> float:
        """Of both frameworks."""
        return max(self.ours, self.theirs)


def alternate(contestants: Sequence[Callable[[], object]], blocks: int, steps: int, peak: Peak) -> list[list[float]]:
    """Seconds a step in each block, for each contestant. The very first step and the first of a block do not count.

    A block's first step pays for the other framework's threads going to sleep and for cold caches.
    """
    for contestant in contestants:
        contestant()
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in tqdm(range(blocks), desc="blocks", leave=False, disable=None):
        peak.measure()
        for contestant, times in zip(contestants, seconds, strict=True):
            contestant()
            times.append(timed(contestant, steps, peak.clock))
    return seconds

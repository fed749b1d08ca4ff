"""What a step will take at least, told before its program is compiled, so that nobody waits for hours unwarned."""

from __future__ import annotations

import math
import time

import jax
import jax.numpy as jnp

from jgan.terminal import bars
from jgan.types import ScheduledStage

SLOW_SECONDS = 3.0  # a step from here on is worth a warning
SIDE = 1_024  # of the matrices whose product is timed
PRODUCTS = 5


def slow_step_warning(lowered: jax.stages.Lowered, stage: ScheduledStage, devices: int) -> str | None:
    """A line where a step of the lowered program takes seconds; None for a fast one, or where FLOPs are not known.

    FLOPs are XLA's count, which counts what a loop repeats once but for microbatches; few programs reach the speed of a
    matrix product. So a step takes no less than is said, and often several times as long.
    """
    flops = (lowered.cost_analysis() or {}).get("flops", math.nan) * stage.accumulate / devices
    if not flops > 0:
        return None
    rate = flops_per_second()
    seconds = flops / rate
    if seconds < SLOW_SECONDS:
        return None
    return (
        f"a step computes {flops / 1e12:.3g} TFLOP on each device, which does {rate / 1e9:,.3g} GFLOP/s in a matrix "
        f"product: it takes {bars.about(seconds)} at least, and the stage's {stage.steps:,} steps "
        f"{bars.about(seconds * stage.steps)}; a smaller resolution, batch or width costs less"
    )


def flops_per_second() -> float:
    """Float32 matrix products on the first device of this process, the fastest of a few."""
    multiply = jax.jit(jnp.dot)
    matrix = jnp.ones((SIDE, SIDE), jnp.float32)
    seconds = math.inf
    multiply(matrix, matrix).block_until_ready()
    for _ in range(PRODUCTS):
        start = time.perf_counter()
        multiply(matrix, matrix).block_until_ready()
        seconds = min(seconds, time.perf_counter() - start)
    return 2.0 * SIDE**3 / seconds

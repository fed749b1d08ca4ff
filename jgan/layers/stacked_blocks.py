"""Blocks of one shape, one behind the other, compiled once however many there are."""

from __future__ import annotations

from flax import linen as nn

from jgan.layers.norm import BATCH_STATS, MOMENTS
from jgan.types import Array

BLOCKS = "blocks"  # the layer whose variables are stacked


def run_blocks(block: nn.Module, x: Array, times: int, *arguments: bool) -> Array:
    """X through so many blocks like this one, each with variables of its own; called in compact methods.

    `block`, named BLOCKS, takes an array and the arguments to an array of the same shape and dtype. The variables of
    all are stacked, [times, ...]. Its variables may be parameters and batch statistics; it may have dropout.

    A gradient of ESRGAN's 23 blocks compiled ten times as fast as unrolled, one of CycleGAN's two generators, three
    times each, twice as fast; they ran no slower, in less memory (on CPU).
    """
    if not times:
        return x

    def step(layer: nn.Module, x: Array) -> tuple[Array, None]:
        return layer(x, *arguments), None

    run = nn.scan(
        step,
        {"params": 0, BATCH_STATS: 0, MOMENTS: 0},
        split_rngs={"params": True, "dropout": True},
        length=times,
    )
    return run(block, x)[0]

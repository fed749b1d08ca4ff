"""Which examples make the batch of a step: a pure function of the seed, the stage and the step."""

from __future__ import annotations

import functools

import numpy as np

EXAMPLES = 0x6578616D  # "exam": no order of an epoch comes from this


@functools.lru_cache(maxsize=2)
def epoch_order(count: int, seed: int, stage_start: int, epoch: int) -> np.ndarray:
    """A permutation of 0 .. count - 1, int32 [count], the same on every machine and with every numpy.

    It sorts raw Philox numbers: their stream is fixed for good (NEP 19), unlike that of `Generator.permutation`.
    """
    bits = np.random.Philox(np.random.SeedSequence((seed % 2**64, stage_start, epoch)))
    return np.argsort(bits.random_raw(count), kind="stable").astype(np.int32)


def example_randomness(seed: int, stage_start: int, batch_size: int, step: int) -> np.ndarray:
    """Random numbers for each example of a step's global batch, int64 [batch_size, 3], as CENTRE of pixels.py."""
    bits = np.random.Philox(np.random.SeedSequence((seed % 2**64, stage_start, step, EXAMPLES)))
    numbers = bits.random_raw(batch_size)
    return np.stack([numbers >> 48, (numbers >> 32) & 0xFFFF, numbers & 0xFFFFFFFF], axis=-1).astype(np.int64)


def batch_rows(count: int, seed: int, stage_start: int, batch_size: int, step: int) -> np.ndarray:
    """Indices int32 [batch_size] of the global batch of a step of the run.

    An epoch has count // batch_size steps, and begins with the stage; the remainder of its order is dropped.
    """
    epoch, place = divmod(step - stage_start, count // batch_size)
    order = epoch_order(count, seed, stage_start, epoch)
    return order[place * batch_size : (place + 1) * batch_size]

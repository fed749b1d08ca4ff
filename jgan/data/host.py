"""Batches decoded on the host by Grain, in threads or in processes, in the order of the steps."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import math
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import grain
import numpy as np
from absl import flags
from grain.multiprocessing import SharedMemoryArray

from jgan.data.decoding import decode_rows
from jgan.data.order import batch_rows, example_randomness
from jgan.data.pixels import Format
from jgan.data.source import Source
from jgan.data.workers import follow_parent

SHARED_MEMORY = Path("/dev/shm")
SMALLEST_SHARED = 2**16  # bytes; a pipe is as fast for less
BATCHES_IN_FLIGHT = 4  # of each worker: made, queued, taken and being freed

logger = logging.getLogger(__name__)

HostBatch = tuple[np.ndarray, np.ndarray]  # images uint8 [n, r, r, c], labels int32 [n]


@dataclasses.dataclass(frozen=True)
class LocalBatches:
    """One process's rows of the batch of every step of a stage: what Grain reads at random."""

    source: Source
    form: Format
    on_error: str
    seed: int
    stage_start: int
    steps: int
    batch_size: int  # of all processes
    rows: slice  # of this process

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> HostBatch:
        step = self.stage_start + index
        rows = batch_rows(self.source.count, self.seed, self.stage_start, self.batch_size, step)
        randomness = example_randomness(self.seed, self.stage_start, self.batch_size, step)
        return decode_rows(self.source, rows[self.rows], self.form, self.on_error, randomness[self.rows])


def host_batches(
    batches: LocalBatches, first: int, workers: int
) -> contextlib.AbstractContextManager[Iterator[HostBatch]]:
    """The batches from the stage's step `first` on, decoded ahead for as long as the block lasts.

    In-memory sources stay in this process: threads resize them, and no worker holds a second copy.
    """
    dataset = grain.MapDataset.source(batches)[first:]
    if workers and batches.source.in_memory:
        logger.info("data.workers is not used: the source is in memory, and threads resize it")
    if workers == 0 or batches.source.in_memory:
        return _from_threads(dataset)
    return _from_processes(dataset, workers, _transport(batches, workers))


@contextlib.contextmanager
def _from_threads(dataset: grain.MapDataset) -> Iterator[Iterator[HostBatch]]:
    threads = os.cpu_count() or 1
    with contextlib.closing(iter(dataset.to_iter_dataset(grain.ReadOptions(threads, threads + 1)))) as iterator:
        yield iterator


@contextlib.contextmanager
def _from_processes(
    dataset: grain.MapDataset, workers: int, transport: grain.experimental.DatasetOptions
) -> Iterator[Iterator[HostBatch]]:
    """Batches copied out of the workers' shared memory, which a CPU device would alias and hold for good."""
    if not flags.FLAGS.is_parsed():  # Grain asks absl for a flag when it starts processes
        flags.FLAGS.mark_as_parsed()
    read = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)  # the queue to us is the buffer
    ahead = dataset.to_iter_dataset(read).mp_prefetch(
        grain.MultiprocessingOptions(num_workers=workers), worker_init_fn=follow_parent
    )
    iterator = iter(grain.experimental.WithOptionsIterDataset(ahead, transport))
    copies = ((np.array(images), np.array(labels)) for images, labels in iterator)
    try:
        yield copies
    finally:
        copies.close()
        iterator.close()
        del copies, iterator
        _free_shared_memory()


def _free_shared_memory() -> None:
    """Frees the last batches now: Grain holds them in cycles, and frees them in a thread that may outlive us."""
    gc.collect()
    if SharedMemoryArray._del_thread_pool:
        SharedMemoryArray._del_thread_pool.apply(int)  # waits for what is queued before it


def _transport(batches: LocalBatches, workers: int) -> grain.experimental.DatasetOptions:
    """How workers hand batches over: in shared memory, or through a pipe where /dev/shm is too small (containers)."""
    rows = len(range(*batches.rows.indices(batches.batch_size)))
    needed = BATCHES_IN_FLIGHT * workers * rows * math.prod(batches.form.shape)
    if not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free > needed:
        return grain.experimental.DatasetOptions(min_shm_size=SMALLEST_SHARED)
    logger.warning("/dev/shm has less than %d MB free; batches go through pipes, slower", needed >> 20)
    return grain.experimental.DatasetOptions(min_shm_size=sys.maxsize)

"""Batches decoded on the host by Grain, in threads or in processes, in the order of the steps."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator
from multiprocessing import parent_process

import grain
import numpy as np
from absl import flags

from jgan.data.decoding import decode_rows
from jgan.data.images import Format
from jgan.data.order import batch_rows
from jgan.data.source import Source

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
        return decode_rows(self.source, rows[self.rows], self.form, self.on_error)


@contextlib.contextmanager
def host_batches(batches: LocalBatches, first: int, workers: int) -> Iterator[Iterator[HostBatch]]:
    """The batches from the stage's step `first` on, decoded ahead. The workers end with the block.

    In-memory sources stay in this process: threads resize them, and no worker holds a second copy.
    """
    dataset = grain.MapDataset.source(batches)[first:]
    if workers == 0 or batches.source.in_memory:
        threads = os.cpu_count() or 1
        iterator = iter(dataset.to_iter_dataset(grain.ReadOptions(threads, prefetch_buffer_size=threads + 1)))
    else:
        read = grain.ReadOptions(num_threads=1, prefetch_buffer_size=1)
        if not flags.FLAGS.is_parsed():  # Grain asks absl for a flag when it starts processes
            flags.FLAGS.mark_as_parsed()
        options = grain.MultiprocessingOptions(num_workers=workers)
        iterator = iter(dataset.to_iter_dataset(read).mp_prefetch(options, worker_init_fn=_end_with_parent))
    try:
        yield iterator
    finally:
        iterator.close()


def _end_with_parent(_index: int, _count: int) -> None:
    """Ends this worker when its parent is gone, even killed: Grain's workers alone would wait for ever."""
    parent = parent_process()
    assert parent is not None, "runs in a worker"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()

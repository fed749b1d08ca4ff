"""Examples of a source to batches of square pixels, on several threads."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from jgan.data.pixels import CENTRE, BrokenImageError, Format, Randomness, to_pixels
from jgan.data.source import Source
from jgan.terminal import bars
from jgan.types import UserError

AHEAD = 64  # results that may wait for each thread, so that memory does not grow with the data set

T = TypeVar("T")
R = TypeVar("R")

logger = logging.getLogger(__name__)


def decode_rows(
    source: Source, rows: np.ndarray, form: Format, on_error: str, randomness: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [n, r, r, c] and labels int32 [n] of some examples.

    `randomness` [n, 3] says where each is cut and how it is degraded, as CENTRE in pixels.py does where there is none.

    Raises UserError at a broken one, or, with on_error "skip", takes the next example in its place.
    """
    images = np.empty((len(rows), *form.shape), np.uint8)
    labels = np.empty(len(rows), np.int32)
    for index, row in enumerate(rows.tolist()):
        numbers = CENTRE if randomness is None else tuple(randomness[index].tolist())
        images[index], labels[index] = decode_one(source, row, form, on_error, numbers)
    return images, labels


def decode_one(
    source: Source, row: int, form: Format, on_error: str, numbers: Randomness = CENTRE
) -> tuple[np.ndarray, int]:
    """Pixels uint8 [r, r, c] and the label of an example, or of the next one that can be read."""
    for index in range(row, row + source.count):
        try:
            image, label = source.read(index % source.count)
            return to_pixels(image, form, numbers), label
        except BrokenImageError as error:
            message = f"{source.name(index % source.count)}: {error}"
            if on_error == "refuse":
                raise UserError(f"{message}; remove it, or train with --config.data.on_error=skip") from None
            logger.warning("skipped %s; the next image takes its place", message)
    raise UserError("every image of the data set is broken; run `jgan data inspect`")


def decode_all(source: Source, form: Format, on_error: str, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [count, r, r, c] and labels int32 [count] of a source, with a bar when it takes long."""
    images = np.empty((source.count, *form.shape), np.uint8)
    labels = np.empty(source.count, np.int32)

    def decode_chunk(rows: np.ndarray) -> int:
        images[rows[0] : rows[-1] + 1], labels[rows] = decode_rows(source, rows, form, on_error)
        return len(rows)

    chunks = np.array_split(np.arange(source.count), max(1, source.count // 64))
    with bars.bar(total=source.count, desc="decoding", unit=" images", delay=bars.DELAY, leave=False) as bar:
        for done in parallel_map(decode_chunk, chunks, threads):
            bar.update(done)
    return images, labels


def parallel_map(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Results in order, at most `AHEAD` a thread before they are taken; at the first error, what waits is dropped."""
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

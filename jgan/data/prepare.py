"""Writes any source as a prepared data set, shard by shard on several processes; a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jgan.data.file_source import FileSource
from jgan.data.pixels import BrokenImageError, Format, to_pixels
from jgan.data.records import MANIFEST, VERSION, pack
from jgan.data.renumbered import renumbered
from jgan.data.source import Source
from jgan.data.workers import follow_parent, interrupts_ignored
from jgan.rundir.atomic_files import write_json
from jgan.rundir.lock import writing_alone
from jgan.terminal import bars
from jgan.types import UserError
from jgan.untrusted.json_data import read_json

PLAN = "plan.json"  # what the shards hold, written first: shards of another data set are never mixed in
NOT_A_PLAN = "give another --out or remove the directory"
SHARD_BYTES = 2**28
SHARDS = 16  # at least, when there are enough images, so that all processes work and little is lost with a kill
SMALLEST_SHARD = 256  # images
RECORD_OPTIONS = "group_size:1,uncompressed"  # one record a read; pixels hardly compress
SHOWN = 5  # broken images named in the error
REFRESH = 0.2  # seconds between two looks at the workers' counter


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file and the images that it is made from."""

    path: Path
    rows: range


@dataclasses.dataclass(frozen=True)
class Written:
    """How many images a shard holds, and why others are not in it."""

    count: int
    broken: list[str]


def prepare(source: Source, form: Format, out: Path, on_error: str, workers: int) -> int:
    """Writes the images at `form` into the directory `out` and returns how many. Shards already there are kept.

    Raises UserError when the images have captions or are pairs, when `out` holds another data set, and, with on_error
    "refuse", after writing what can be written, when images are broken.
    """
    if source.captions is not None:
        raise UserError("prepared data sets hold no captions; train from this source as it is")
    if source.is_paired:
        raise UserError("prepared data sets hold no pairs; train from this source as it is")
    with writing_alone(out, first_files={PLAN}):
        return _prepare(_as_begun(source, out), form, out, on_error, workers)


def _prepare(source: Source, form: Format, out: Path, on_error: str, workers: int) -> int:
    shards = _plan(source, form, out)
    counts = {shard.path: _records_in(shard.path) for shard in shards if shard.path.is_file()}
    counts = {path: count for path, count in counts.items() if count}
    if on_error == "refuse":  # one that an earlier call wrote with images skipped is not what this one is to write
        counts = {shard.path: counts[shard.path] for shard in shards if counts.get(shard.path) == len(shard.rows)}
    todo = [shard for shard in shards if shard.path not in counts]
    kept = sum(counts.values())
    broken = []
    with bars.bar(total=source.count, initial=kept, desc="preparing", unit=" images", smoothing=0.1) as bar:
        for shard, written in _write_all(source, form, todo, on_error, workers, bar):
            counts[shard.path] = written.count
            broken += written.broken
    if len(broken) == source.count or not any(counts.values()):
        raise UserError(f"all {source.count} images are broken, {broken[0] if broken else 'as found before'} first")
    if broken and on_error == "refuse":
        more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        listed = "; ".join(broken[:SHOWN])
        raise UserError(f"{len(broken)} of {source.count} images are broken: {listed}{more}; use --on-error skip")
    return _write_manifest(source, form, out, [(shard.path.name, counts[shard.path]) for shard in shards])


def _as_begun(source: Source, out: Path) -> Source:
    """The source with its classes numbered as in the shards that an earlier version has begun to write of it."""
    if not isinstance(source, FileSource) or not (out / PLAN).is_file():
        return source
    earlier, plan = source.as_earlier(), read_json(out / PLAN, NOT_A_PLAN)
    if not isinstance(plan, dict) or plan.get("source") != earlier.fingerprint:
        return source
    return renumbered(earlier, earlier.earlier_class_names, source.title)


def _plan(source: Source, form: Format, out: Path) -> list[Shard]:
    """The shards to write, after the plan is on disk and agrees with what is there."""
    record_bytes = math.prod(form.shape)
    size = min(SHARD_BYTES // record_bytes, math.ceil(source.count / SHARDS))
    size = max(1, min(max(size, SMALLEST_SHARD), SHARD_BYTES // record_bytes))
    plan = {"version": VERSION, "source": source.fingerprint, "shard_images": size, **dataclasses.asdict(form)}
    if (out / PLAN).is_file():
        if read_json(out / PLAN, NOT_A_PLAN) != plan:
            raise UserError(f"{out}: holds another data set or other settings; give another --out or remove it")
    elif out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out}: is not empty; give a new directory as --out")
    write_json(out / PLAN, plan)
    total = math.ceil(source.count / size)
    return [
        Shard(out / f"images-{index:05}-of-{total:05}.array_record", range(start, min(start + size, source.count)))
        for index, start in enumerate(range(0, source.count, size))
    ]


def _records_in(path: Path) -> int:
    """How many images a shard holds; 0 for one that is damaged, which is then written again."""
    try:
        reader = ArrayRecordReader(str(path))
        count = reader.num_records()
        reader.close()
    except RuntimeError:
        return 0
    return count


def _write_all(
    source: Source, form: Format, todo: list[Shard], on_error: str, workers: int, bar: bars.Bar
) -> Iterator[tuple[Shard, Written]]:
    """Shards as they are written, the bar moving with every image."""
    if not todo:
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy JAX's threads half
    workers = max(1, min(workers, len(todo)))
    done, stop, inbox = context.Value("q", 0), context.Event(), context.Queue()
    for _ in range(workers):  # as an argument, a long list of names would hold us up until a worker has imported
        inbox.put((source, form, on_error))
    with ProcessPoolExecutor(workers, context, _start_worker, (inbox, done, stop)) as pool:
        with interrupts_ignored():
            waiting = {pool.submit(_write_shard, shard): shard for shard in todo}
        before = bar.n
        try:
            while waiting:
                finished, _ = wait(waiting, timeout=REFRESH, return_when=FIRST_COMPLETED)
                bar.update(before + done.value - bar.n)
                for future in finished:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool:
            raise UserError("a worker was killed, perhaps for want of memory; run again to go on") from None
        finally:
            stop.set()
            inbox.cancel_join_thread()
            pool.shutdown(cancel_futures=True)


_worker: tuple[Source, Format, str, Any, Any] | None = None  # of this process, set once for all its shards


def _start_worker(inbox: Any, done: Any, stop: Any) -> None:
    global _worker
    follow_parent()
    _worker = (*inbox.get(), done, stop)


def _write_shard(shard: Shard) -> Written:
    """Writes a shard beside its place and moves it there when it is whole. Told to stop, it leaves nothing."""
    assert _worker is not None, "runs in a worker"
    source, form, on_error, done, stop = _worker
    partial = shard.path.with_name(f".partial-{shard.path.name}")
    broken = []
    writer = ArrayRecordWriter(str(partial), RECORD_OPTIONS)
    for row in shard.rows:
        if stop.is_set():
            break
        try:
            image, label = source.read(row)
            writer.write(pack(to_pixels(image, form), label))
        except BrokenImageError as error:
            broken.append(f"{source.name(row)}: {error}")
        with done.get_lock():
            done.value += 1
    writer.close()
    if stop.is_set() or (broken and on_error == "refuse"):
        partial.unlink()
    else:
        _sync(partial)
        partial.replace(shard.path)
    return Written(len(shard.rows) - len(broken), broken)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write_manifest(source: Source, form: Format, out: Path, shards: list[tuple[str, int]]) -> int:
    count = sum(number for _, number in shards)
    manifest = {
        "version": VERSION,
        **dataclasses.asdict(form),
        "count": count,
        "num_classes": source.num_classes,
        "class_names": source.class_names,
        "shards": shards,
        "fingerprint": source.fingerprint,
    }
    write_json(out / MANIFEST, manifest)
    return count

"""The data of a run: validated once, then fed to the jitted step, whose batch depends on the step alone.

The global batch of a step is a pure function of source, seed, stage and step, whatever the number of processes,
workers and devices and wherever the run was resumed. So there is no iterator state to save: a resumed run asks for
its step.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgan.data.captions import caption_places
from jgan.data.check import broken_files_message, check_files, usable_channels
from jgan.data.config import DataConfig, check_config
from jgan.data.decoding import decode_all, decode_rows
from jgan.data.files import FileSource
from jgan.data.host import LocalBatches, host_batches
from jgan.data.images import Format
from jgan.data.order import epoch_order
from jgan.data.source import Source
from jgan.data.sources import open_source
from jgan.data.vocabulary import Vocabulary
from jgan.types import Array, Batch, Rngs, ScheduledStage, UserError

Feed = dict[str, Array]

BATCHES_AHEAD = 2  # on their way to the device while a step runs
RNG_FLIP = 0x666C6970  # "flip": no draw of a game folds this in

logger = logging.getLogger(__name__)


def open_dataset(config: DataConfig, seed: int) -> Dataset:
    """The data set of a run, its files checked. Raises UserError on anything that cannot be trained on."""
    check_config(config)
    source = open_source(config.source)
    channels = config.channels
    if isinstance(source, FileSource):
        source, natural = _checked(source, config)
        channels = channels or natural
    return Dataset(config, source, channels or source.channels(), seed)


def _checked(source: FileSource, config: DataConfig) -> tuple[FileSource, int]:
    """The source without broken files, if those may be skipped, and the channels of the rest (0: not asked)."""
    reports = check_files(source, full=source.file_bytes <= config.check_megabytes * 2**20)
    broken = [report for report in reports if report.problem]
    if broken and (config.on_error == "refuse" or len(broken) == source.count):
        advice = "remove them or set data.on_error=skip" if len(broken) < source.count else "check the source"
        raise UserError(f"{broken_files_message(source, broken)}; {advice}")
    if broken:
        logger.warning("%s; skipped", broken_files_message(source, broken))
    whole = [report for report in reports if not report.problem]
    natural = usable_channels(source, whole) if config.channels == 0 else 0
    return source.without([report.index for report in broken]) if broken else source, natural


class Dataset:
    """Images [count] with labels, with captions or with neither, at any resolution and batch size.

    Of an image with several captions each epoch takes the next, see `caption_places`; an epoch begins with the stage.
    """

    def __init__(self, config: DataConfig, source: Source, channels: int, seed: int) -> None:
        self.config = config
        self.channels = channels
        self.count = source.count
        self.num_classes = source.num_classes
        self.class_names = source.class_names
        self.captions = source.captions
        self.fingerprint = source.fingerprint
        self.source = source
        self._seed = seed
        self._decoded: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by resolution

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Of captions that are words."""
        return None if self.captions is None else self.captions.vocabulary

    @property
    def num_words(self) -> int | None:
        """Different words of the captions; None where there are no captions, or vectors."""
        return None if self.vocabulary is None else len(self.vocabulary.words)

    def example_batch(self, batch_size: int, resolution: int) -> dict[str, np.ndarray]:
        """The first examples in the source's order (again from the start when they are few).

        images uint8 [n, r, r, c] and, when there are labels, labels int32 [n]. Examples with captions, int32 [n, words]
        or float32 [n, features], are spread evenly over the source: the captions of neighbours are often alike.
        """
        rows = np.arange(batch_size)
        rows = rows % self.count if self.captions is None else rows * self.count // batch_size
        if resolution in self._decoded:
            images, labels = self._decoded[resolution]
            return self._named(images[rows], labels[rows], visit=0)
        return self._named(*decode_rows(self.source, rows, self._form(resolution), self.config.on_error), visit=0)

    def check_batch(self, stage: ScheduledStage) -> None:
        """Raises UserError when the data set is too small for one batch of this stage."""
        if self.count < stage.batch_size:
            raise UserError(
                f"{self.config.source}: {self.count} images are fewer than a batch of {stage.batch_size} "
                f"(stage {stage.name}); lower its batch_size"
            )

    def feeds(
        self,
        stage: ScheduledStage,
        first_step: int,
        batch_sharding: jax.sharding.Sharding,
        replicated: jax.sharding.Sharding,
    ) -> Iterator[Feed]:
        """What the jitted step takes at each step of the stage from `first_step` (of the run) to its end.

        Raises UserError at once where `check_batch` does. Close the iterator to end its workers early.
        """
        self.check_batch(stage)
        if self.stays_on_device(stage.resolution):
            return self._device_feeds(stage, first_step, replicated)
        return self._host_feeds(stage, first_step, batch_sharding)

    def to_batch(self, stage: ScheduledStage, feed: Feed, step: Array, rngs: Rngs) -> Batch:
        """The batch of a step, traced inside it: images float32 [n, r, r, c] in [-1, 1] and labels or captions, if any.

        `step` counts from the start of the run, `rngs` holds one key an example. Every uint8 array of four axes is
        an image; those of one example are mirrored together.
        """
        if "order" in feed:
            feed = self._gather(stage, feed, step)
        batch = dict(feed)
        for name, value in feed.items():
            if value.dtype == jnp.uint8 and value.ndim == 4:
                batch[name] = value.astype(jnp.float32) / 127.5 - 1.0
                if self.config.flip:
                    batch[name] = _flip(batch[name], rngs)
        return batch

    def stays_on_device(self, resolution: int) -> bool:
        """Whether all images at this resolution are kept on the device."""
        captions = 0 if self.captions is None else self.captions.rows.nbytes
        return self.count * resolution**2 * self.channels + captions <= self.config.device_megabytes * 2**20

    def _form(self, resolution: int) -> Format:
        return Format(resolution, self.channels, self.config.fit, self.config.background)

    def _named(self, images: Any, labels: Any, visit: int) -> dict[str, Any]:
        if self.captions is not None:
            return {"images": images, "captions": self.captions.of(labels, visit)}
        return {"images": images} if self.num_classes is None else {"images": images, "labels": labels}

    def _device_feeds(
        self, stage: ScheduledStage, first_step: int, replicated: jax.sharding.Sharding
    ) -> Iterator[Feed]:
        """The whole set, and the order of the epoch at hand: the same arrays at every step of it."""
        resident = {name: _put_whole(value, replicated) for name, value in self._resident(stage.resolution).items()}
        steps = self.count // stage.batch_size
        order, epoch_at_hand = None, None
        for step in range(first_step, stage.start + stage.steps):
            epoch = (step - stage.start) // steps
            if epoch != epoch_at_hand:
                host_order = epoch_order(self.count, self._seed, stage.start, epoch)[: steps * stage.batch_size]
                order, epoch_at_hand = _put_whole(host_order, replicated), epoch
            assert order is not None
            yield {**resident, "order": order}

    def _resident(self, resolution: int) -> dict[str, np.ndarray]:
        """What stays on the device."""
        images, labels = self._decode(resolution)
        if self.captions is None:
            return self._named(images, labels, visit=0)
        captions = self.captions
        table = {"caption_rows": captions.rows, "caption_starts": captions.starts, "caption_counts": captions.counts}
        return {"images": images, "numbers": labels, **table}

    def _decode(self, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        if resolution not in self._decoded:
            threads = max(os.cpu_count() or 1, self.config.workers)
            form = self._form(resolution)
            self._decoded[resolution] = decode_all(self.source, form, self.config.on_error, threads)
        return self._decoded[resolution]

    def _gather(self, stage: ScheduledStage, feed: Feed, step: Array) -> Feed:
        """The step's examples out of a set that stays on the device."""
        epoch, place = divmod(step - stage.start, self.count // stage.batch_size)
        rows = jax.lax.dynamic_slice_in_dim(feed["order"], place * stage.batch_size, stage.batch_size)
        batch = {name: jnp.take(feed[name], rows, axis=0) for name in ("images", "labels", "numbers") if name in feed}
        if "numbers" in batch:
            places = caption_places(feed["caption_starts"], feed["caption_counts"], batch.pop("numbers"), epoch)
            batch["captions"] = feed["caption_rows"][places]
        return batch

    def _host_feeds(
        self, stage: ScheduledStage, first_step: int, batch_sharding: jax.sharding.Sharding
    ) -> Iterator[Feed]:
        """Batches from the workers, put on the device ahead of the step that takes them."""
        rows = _rows_here(batch_sharding, stage.batch_size)
        form = self._form(stage.resolution)
        batches = LocalBatches(
            self.source,
            form,
            self.config.on_error,
            self._seed,
            stage.start,
            stage.steps,
            stage.batch_size,
            rows,
        )
        ahead: deque[Feed] = deque()
        with host_batches(batches, first_step - stage.start, self.config.workers) as iterator:
            for step, (images, labels) in enumerate(iterator, start=first_step - stage.start):
                named = self._named(images, labels, visit=step // (self.count // stage.batch_size)).items()
                ahead.append({name: _put(value, batch_sharding, rows, stage.batch_size) for name, value in named})
                if len(ahead) > BATCHES_AHEAD:
                    yield ahead.popleft()
        yield from ahead


def _rows_here(sharding: jax.sharding.Sharding, batch_size: int) -> slice:
    """The rows of a batch from the first to the last that devices of this process hold."""
    places = sharding.addressable_devices_indices_map((batch_size,)).values()
    spans = [place[0].indices(batch_size) for place in places if place is not None]
    return slice(min(start for start, _, _ in spans), max(stop for _, stop, _ in spans))


def _put(value: np.ndarray, sharding: jax.sharding.Sharding, rows: slice, total: int) -> Array:
    """A global array [total, ...] of which this process has `rows`, in `value`.

    Every copy to a device is an explicit `device_put`: the loop forbids all others.
    """
    shape = (total, *value.shape[1:])
    parts = []
    for device, place in sharding.addressable_devices_indices_map(shape).items():
        assert place is not None, "addressable devices hold a part"
        start, stop, _ = place[0].indices(total)
        parts.append(jax.device_put(value[start - rows.start : stop - rows.start][:, *place[1:]], device))
    return jax.make_array_from_single_device_arrays(shape, sharding, parts)


def _put_whole(value: np.ndarray, sharding: jax.sharding.Sharding) -> Array:
    """A global array that every process has whole."""
    return _put(value, sharding, slice(0, len(value)), len(value))


def _flip(images: Array, rngs: Rngs) -> Array:
    """Each image mirrored left-right with probability 1/2."""
    mirrored = jax.vmap(lambda rng: jax.random.bernoulli(jax.random.fold_in(rng, RNG_FLIP)))(rngs)
    return jnp.where(mirrored[:, None, None, None], images[:, :, ::-1], images)

"""The data of a run, fed to the jitted step: a batch depends on the step alone.

The global batch of a step is a pure function of source, seed, stage and step, whatever the number of processes,
workers and devices and wherever the run was resumed. So there is no iterator state to save: a resumed run asks for
its step.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgan.data.captions import caption_places
from jgan.data.config import DataConfig
from jgan.data.decoding import decode_all, decode_rows
from jgan.data.host import LocalBatches, host_batches
from jgan.data.order import epoch_order
from jgan.data.pixels import Format
from jgan.data.source import Source, fingerprint
from jgan.data.variation import enlarged, vary
from jgan.data.vocabulary import Vocabulary
from jgan.tasks.degrade import degrade
from jgan.types import Array, Batch, Rngs, ScheduledStage, UserError

Feed = dict[str, Array]

BATCHES_AHEAD = 2  # on their way to the device while a step runs
RNG_TASK = 0x7461736B  # "task": no game folds this in


class Dataset:
    """Images [count] with labels, with captions or with neither, at any resolution and batch size.

    Of an image with several captions each epoch takes the next, see `caption_places`; an epoch begins with the stage.
    """

    def __init__(
        self,
        config: DataConfig,
        source: Source,
        channels: int,
        seed: int,
        smallest: tuple[str, int] | None = None,
    ) -> None:
        """`smallest`, for patches: what the smallest image is, and its shorter side."""
        self.config = config
        self.is_paired = source.is_paired
        self.channels = channels
        self.count = source.count
        self.num_classes = source.num_classes
        self.class_names = source.class_names
        self.captions = source.captions
        self.fingerprint = source.fingerprint
        self.source = source
        self._smallest = smallest
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
        """Examples spread evenly over the source, whose neighbours are often alike (again from the start of few).

        images uint8 [n, r, r, c] and, when there are labels, labels int32 [n], or captions, int32 [n, words] or float32
        [n, features].
        """
        rows = np.arange(batch_size)
        rows = rows % self.count if batch_size > self.count else rows * self.count // batch_size
        if resolution in self._decoded:
            images, labels = self._decoded[resolution]
            return self._named(images[rows], labels[rows], visit=0)
        return self._named(*decode_rows(self.source, rows, self.form(resolution), self.config.on_error), visit=0)

    def check_batch(self, stage: ScheduledStage) -> None:
        """Raises UserError when the data set is too small for one batch of this stage."""
        if self.count < stage.examples:
            raise UserError(
                f"{self.config.source}: {self.count} images are fewer than a batch of {stage.examples} "
                f"(stage {stage.name}); lower its batch_size"
            )
        self.config.task.check_resolution(stage.resolution, f"stages: resolution of stage {stage.name}")
        if self._smallest and self._smallest[1] < stage.resolution and self.config.on_error == "refuse":
            raise UserError(
                f"{self.config.source}: {self._smallest[0]}, less than a patch of {stage.resolution}; remove it, lower "
                "the resolution, or train with --config.data.on_error=skip"
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
        """The batch of a step, traced inside it, as of `view`; `images` are cut, mirrored and turned at random before.

        `step` counts from the start of the run, `rngs` holds one key an example.
        """
        if "order" in feed:
            feed = self._gather(stage, feed, step)
        return self.view({**feed, "images": vary(feed["images"], stage.resolution, self.config, rngs)}, rngs)

    def view(self, examples: Batch, rngs: Rngs) -> Batch:
        """Examples as networks see them, all images float32 [n, h, w, c] in [-1, 1].

        `images`, with `labels` or `captions` if any; of pairs and of tasks `inputs` and `targets` alone. What a task
        is random about an example follows from its own key.
        """
        images = examples["images"].astype(jnp.float32) / 127.5 - 1.0
        if self.config.task.is_blind:
            small, images = jnp.split(images, 2, axis=-1)
            step = self.config.task.scale
            return {"inputs": small[:, ::step, ::step], "targets": images}
        if self.config.task.name != "none":
            keys = jax.vmap(lambda rng: jax.random.fold_in(rng, RNG_TASK))(rngs)
            return {"inputs": degrade(self.config.task, images, keys), "targets": images}
        if self.is_paired:
            inputs, targets = jnp.split(images, [self.config.input_channels], axis=-1)
            return {"inputs": inputs, "targets": targets}
        return {**examples, "images": images}

    def stays_on_device(self, resolution: int) -> bool:
        """Whether all images at this resolution are kept on the device; not what differs at every visit."""
        if self.config.fit == "patch" or self.config.task.is_blind:
            return False
        captions = 0 if self.captions is None else self.captions.rows.nbytes
        pixels = math.prod(self.form(enlarged(resolution, self.config)).shape)
        return self.count * pixels + captions <= self.config.device_megabytes * 2**20

    def form(self, resolution: int) -> Format:
        """The pixels of an example at a resolution; of pairs, and of what is degraded on the host, both sides."""
        inputs = self.config.input_channels if self.is_paired else 0
        scale = self.config.task.scale if self.config.task.is_blind else 0
        return Format(resolution, self.channels, self.config.fit, self.config.background, inputs, scale)

    def _named(self, images: Any, labels: Any, visit: int) -> dict[str, Any]:
        if self.is_paired or self.config.task.name != "none":
            return {"images": images}
        if self.captions is not None:
            return {"images": images, "captions": self.captions.of(labels, visit)}
        return {"images": images} if self.num_classes is None else {"images": images, "labels": labels}

    def _device_feeds(
        self, stage: ScheduledStage, first_step: int, replicated: jax.sharding.Sharding
    ) -> Iterator[Feed]:
        """The whole set, and the order of the epoch at hand: the same arrays at every step of it."""
        resident = {name: _put_whole(value, replicated) for name, value in self._resident(stage).items()}
        steps = self.count // stage.examples
        order, epoch_at_hand = None, None
        for step in range(first_step, stage.start + stage.steps):
            epoch = (step - stage.start) // steps
            if epoch != epoch_at_hand:
                host_order = epoch_order(self.count, self._seed, stage.start, epoch)[: steps * stage.examples]
                order, epoch_at_hand = _put_whole(host_order, replicated), epoch
            assert order is not None
            yield {**resident, "order": order}

    def _resident(self, stage: ScheduledStage) -> dict[str, np.ndarray]:
        """What stays on the device."""
        images, labels = self._decode(enlarged(stage.resolution, self.config))
        if self.captions is None:
            return self._named(images, labels, visit=0)
        captions = self.captions
        table = {"caption_rows": captions.rows, "caption_starts": captions.starts, "caption_counts": captions.counts}
        return {"images": images, "numbers": labels, **table}

    def _decode(self, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        if resolution not in self._decoded:
            threads = max(os.cpu_count() or 1, self.config.workers)
            form = self.form(resolution)
            self._decoded[resolution] = decode_all(self.source, form, self.config.on_error, threads)
        return self._decoded[resolution]

    def _gather(self, stage: ScheduledStage, feed: Feed, step: Array) -> Feed:
        """The step's examples out of a set that stays on the device."""
        epoch, place = divmod(step - stage.start, self.count // stage.examples)
        rows = jax.lax.dynamic_slice_in_dim(feed["order"], place * stage.examples, stage.examples)
        batch = {name: jnp.take(feed[name], rows, axis=0) for name in ("images", "labels", "numbers") if name in feed}
        if "numbers" in batch:
            places = caption_places(feed["caption_starts"], feed["caption_counts"], batch.pop("numbers"), epoch)
            batch["captions"] = feed["caption_rows"][places]
        return batch

    def _host_feeds(
        self, stage: ScheduledStage, first_step: int, batch_sharding: jax.sharding.Sharding
    ) -> Iterator[Feed]:
        """Batches from the workers, put on the device ahead of the step that takes them."""
        rows = _rows_here(batch_sharding, stage.examples)
        form = self.form(enlarged(stage.resolution, self.config))
        batches = LocalBatches(
            self.source,
            form,
            self.config.on_error,
            self._seed,
            stage.start,
            stage.steps,
            stage.examples,
            rows,
        )
        ahead: deque[Feed] = deque()
        with host_batches(batches, first_step - stage.start, self.config.workers) as iterator:
            for step, (images, labels) in enumerate(iterator, start=first_step - stage.start):
                named = self._named(images, labels, visit=step // (self.count // stage.examples)).items()
                ahead.append({name: _put(value, batch_sharding, rows, stage.examples) for name, value in named})
                if len(ahead) > BATCHES_AHEAD:
                    yield ahead.popleft()
        yield from ahead


class UnpairedDataset:
    """Images of two domains, each in an order of its own and again from the start when it has had all."""

    num_classes = num_words = vocabulary = class_names = captions = None

    def __init__(self, domain_a: Dataset, domain_b: Dataset) -> None:
        self.domains = {"images_a": domain_a, "images_b": domain_b}
        self.count = max(domain_a.count, domain_b.count)
        self.fingerprint = fingerprint("unpaired", domain_a.fingerprint, domain_b.fingerprint)
        self.source = domain_b.source

    def example_batch(self, batch_size: int, resolution: int) -> dict[str, np.ndarray]:
        """As `Dataset.example_batch`: images_a and images_b, uint8 [n, r, r, c]."""
        return {name: part.example_batch(batch_size, resolution)["images"] for name, part in self.domains.items()}

    def check_batch(self, stage: ScheduledStage) -> None:
        """As `Dataset.check_batch`, of both."""
        for part in self.domains.values():
            part.check_batch(stage)

    def feeds(
        self,
        stage: ScheduledStage,
        first_step: int,
        batch_sharding: jax.sharding.Sharding,
        replicated: jax.sharding.Sharding,
    ) -> Iterator[dict[str, Feed]]:
        """As `Dataset.feeds`, by domain."""
        with contextlib.ExitStack() as stack:
            feeds = {
                name: _closed_by(stack, part.feeds(stage, first_step, batch_sharding, replicated))
                for name, part in self.domains.items()
            }
            for _ in range(first_step, stage.start + stage.steps):
                yield {name: next(feed) for name, feed in feeds.items()}

    def to_batch(self, stage: ScheduledStage, feed: dict[str, Feed], step: Array, rngs: Rngs) -> Batch:
        """images_a and images_b, float32 [n, r, r, c] in [-1, 1], each varied at random by itself."""
        return {
            name: part.to_batch(stage, feed[name], step, self._keys(name, rngs))["images"]
            for name, part in self.domains.items()
        }

    def view(self, examples: Batch, rngs: Rngs) -> Batch:
        """As `Dataset.view`."""
        return {
            name: part.view({"images": examples[name]}, self._keys(name, rngs))["images"]
            for name, part in self.domains.items()
        }

    def _keys(self, name: str, rngs: Rngs) -> Rngs:
        place = list(self.domains).index(name)
        return jax.vmap(lambda rng: jax.random.fold_in(rng, place))(rngs)


def _closed_by(stack: contextlib.ExitStack, feeds: Any) -> Iterator[Feed]:
    return stack.enter_context(contextlib.closing(feeds))


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

"""Image sets through feature extractors, batch by batch over all devices, to what the metrics compare."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan.config import Config
from jgan.data.decoding import decode_one, parallel_map
from jgan.data.pixels import CENTRE, BrokenImageError, Format, Pair, Pixels, natural_pixels
from jgan.data.source import NO_LABEL, Source
from jgan.engine import processes
from jgan.engine.compiling import StoppedError
from jgan.engine.memory import check_host_bytes
from jgan.engine.sharding import make_sharding
from jgan.interop.npz import read_npz
from jgan.interop.refusal import ZIP_ERRORS
from jgan.metrics.checks import check_features
from jgan.metrics.extractors import Extractor, images_at_once
from jgan.metrics.moments import Moments
from jgan.metrics.scores import PIXEL_BYTES, PIXEL_IMAGES, ImageSet
from jgan.rundir.atomic_files import replacing_shared, usable_cache
from jgan.terminal import bars
from jgan.types import PixelBatch, PyTree, UserError

RGBA = 4  # channels
FLOAT_BYTES = 4
SIDE = 64  # pixels, of a stand-in for images that any network takes
CACHE_FORMAT = 2  # of what networks make of images; count it up when a resize or a network changes
Outputs = dict[str, np.ndarray]  # of a network: "pool" [n, d], and "class_logits" [n, classes] where it has classes


def reference_cache() -> Path | None:
    """Where features of references are kept between runs; None, with a warning, where nothing can be."""
    return usable_cache("features of the reference are", "references")


@dataclasses.dataclass(frozen=True)
class SourceImages:
    """`count` images of a data source, at `form`, or, where that is None, as they are and all of one size.

    Of pairs the second image, the target. They are a fixed random choice in a fixed random order, since many sources
    are sorted by class.
    """

    source: Source
    count: int
    form: Format | None
    on_error: str = "refuse"  # "skip" takes the next image in place of a broken one, as training does
    whole: bool = False  # both images of a pair, the channels of the first one first

    @property
    def has_labels(self) -> bool:
        """Whether the images have classes."""
        return self.source.num_classes is not None

    @property
    def side(self) -> int | None:
        """Pixels of a side, where it is known before they are read."""
        return None if self.form is None else self.form.resolution

    def batches(self) -> Iterator[PixelBatch]:
        """Decoded by all cores. Raises UserError at a broken image or one of another size."""
        rows = np.random.default_rng(0).permutation(self.source.count)[: self.count].tolist()
        decoded = parallel_map(self._read, rows, os.cpu_count() or 1)
        first_shape = None
        while batch := list(itertools.islice(decoded, images_at_once())):
            for row, pixels, _ in batch:
                if first_shape is None:
                    first_shape = pixels.shape
                    _check_batch(pixels)
                if pixels.shape != first_shape:
                    raise UserError(
                        f"{self.source.name(row)}: {pixels.shape[1]} x {pixels.shape[0]} pixels, others are "
                        f"{first_shape[1]} x {first_shape[0]}; give --resolution, at which all are compared"
                    )
            labels = np.array([label for _, _, label in batch], np.int32)
            yield np.stack([pixels for _, pixels, _ in batch]), None if (labels == NO_LABEL).any() else labels

    def _read(self, row: int) -> tuple[int, np.ndarray, int]:
        if self.form is not None:
            # Where an image is degraded at random, it is so by its own row.
            pixels, label = decode_one(self.source, row, self.form, self.on_error, (*CENTRE[:2], row))
            return row, pixels if self.whole else pixels[..., -self.form.channels :], label
        try:
            image, label = self.source.read(row)
            return row, natural_pixels(_target(image)), label
        except BrokenImageError as error:
            raise UserError(f"{self.source.name(row)}: {error}; remove it") from None


def _check_batch(first: np.ndarray) -> None:
    """Raises UserError where a batch of images like the first one does not fit, as bytes and as a network's floats."""
    check_host_bytes(
        images_at_once() * first.size * (1 + FLOAT_BYTES),
        f"--resolution: {images_at_once()} images of {first.shape[1]} x {first.shape[0]} pixels",
        "give a smaller one",
    )


def _target(image: Pixels | Pair) -> Pixels:
    return image[1] if isinstance(image, tuple) else image


def training_images(config: Config, source: Source, count: int) -> SourceImages:
    """`count` images of `source`, or all, fitted as for training, in RGB at the resolution of the last stage."""
    data = config.data
    form = Format(config.stages[-1].resolution, 3, data.fit, data.background)
    return SourceImages(source, min(count, source.count), form, data.on_error)


def labels_like(reference: ImageSet, count: int) -> np.ndarray:
    """Labels int32 [count] for generated images: those of the reference's images, again from the start where it has
    fewer, so that both sides have their classes in the same shares.
    """
    assert reference.labels is not None, "checked before"
    return np.resize(reference.labels, count)


def captions_like(reference: ImageSet, source: Source, count: int) -> np.ndarray:
    """Captions [count, ...] for generated images: the first of each of the reference's images of `source`, again from
    the start where it has fewer.
    """
    assert source.captions is not None, "checked before"
    assert reference.labels is not None, "images with captions are numbered"
    return source.captions.of(np.resize(reference.labels, count), visit=0)


@dataclasses.dataclass(frozen=True)
class Collector:
    """Runs images through `extractors`, over all devices of all processes; every process gets all of the results.

    Features of every image are kept with `all_features`, else those of the first PIXEL_IMAGES: then memory does not
    grow with the number of images. Every method raises StoppedError once `stop()` is true, which every process asks at
    the same points.
    """

    extractors: Sequence[Extractor]
    all_features: bool
    stop: Callable[[], bool] = lambda: False

    def check_room(self, count: int, field: str) -> None:
        """Raises UserError, naming the field that asks for so many images, where their features do not fit."""
        if not self.all_features:
            return
        images = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), np.uint8)
        sizes = [jax.eval_shape(e.apply, e.variables, images)["pool"].shape[1] for e in self.extractors]
        needed = FLOAT_BYTES * count * sum(sizes)
        check_host_bytes(needed, f"{field}={count}: features of so many images", "ask for fewer")

    def collect(self, batches: Iterable[PixelBatch], count: int, title: str) -> ImageSet:
        """Everything the metrics need of `count` images, in one pass, with a progress bar.

        Every process gives the same batches.

        Raises:
          UserError: the images have neither one nor three channels.
        """
        kept = {e.name: _Kept(self.all_features) for e in self.extractors}
        images_kept, labels_kept, content = _FirstImages(), [], hashlib.sha256()
        with bars.bar(total=count, desc=title, unit=" images", disable=not processes.is_main(), leave=None) as bar:
            for images, labels, outputs in self._run(batches):
                _add_content(content, images, labels)
                images_kept.add(_rgb(images))
                labels_kept.append(labels)
                for extractor in self.extractors:
                    kept[extractor.name].add(outputs[extractor.name], len(images))
                bar.update(len(images))
        return ImageSet(
            sha256=content.hexdigest(),
            count=count,
            moments={name: part.moments for name, part in kept.items() if part.moments},
            features={name: np.concatenate(part.features) for name, part in kept.items()},
            class_logits={name: np.concatenate(part.logits) for name, part in kept.items() if part.logits},
            images=np.concatenate(images_kept.batches),
            labels=None if any(labels is None for labels in labels_kept) else np.concatenate(labels_kept),
        )

    def _run(self, batches: Iterable[PixelBatch]) -> Iterator[tuple[np.ndarray, np.ndarray | None, dict[str, Outputs]]]:
        """Each batch with what the networks make of it. The next one is made while one is on the devices."""
        sharding = make_sharding()
        variables = {e.name: jax.device_put(e.variables, sharding.replicated) for e in self.extractors}
        on_devices: deque[tuple[np.ndarray, np.ndarray | None, PyTree]] = deque()
        for images, labels in self._until_stopped(batches):
            size = max(images_at_once(), len(images))
            whole = sharding.put_batch(padded(_rgb(images), size, sharding.mesh.size))
            on_devices.append((images, labels, {e.name: e.apply(variables[e.name], whole) for e in self.extractors}))
            if len(on_devices) > 1:
                images, labels, outputs = on_devices.popleft()
                yield images, labels, processes.fetch(outputs)
        for images, labels, outputs in on_devices:
            yield images, labels, processes.fetch(outputs)

    def collect_cached(self, images: SourceImages, directory: Path | None) -> ImageSet:
        """As `collect`, without class logits; what the networks made of the images is kept in `directory`, under the
        hash of the content and of the network. With None nothing is kept.
        """
        if processes.any_process(directory is None) or directory is None:
            return self.collect(images.batches(), images.count, "reference")
        read = dataclasses.replace(self, extractors=()).collect(images.batches(), images.count, "reading the reference")
        rows = images.count if self.all_features else min(images.count, PIXEL_IMAGES)
        content = f"{read.sha256[:32]}-v{CACHE_FORMAT}"
        paths = {
            e.name: directory / f"{content}-{e.name}-{e.dtype}-{e.weights_sha256[:16]}-{rows}.npz"
            for e in self.extractors
        }
        # Processes with caches of their own must agree: they run the networks together.
        todo = [e for e in self.extractors if processes.any_process(not paths[e.name].is_file())]
        if todo:
            made = dataclasses.replace(self, extractors=todo).collect(images.batches(), images.count, "reference")
            for extractor in todo:
                _write_cached(paths[extractor.name], made.moments[extractor.name], made.features[extractor.name])
        for name, path in paths.items():
            read.moments[name], read.features[name] = _read_cached(path, images.count, rows)
        return read

    def _until_stopped(self, batches: Iterable[PixelBatch]) -> Iterator[PixelBatch]:
        for batch in batches:
            if self.stop():
                raise StoppedError
            yield batch


class _Kept:
    """What is kept of a network's outputs."""

    def __init__(self, all_features: bool) -> None:
        self.room = sys.maxsize if all_features else PIXEL_IMAGES
        self.moments: Moments | None = None
        self.features: list[np.ndarray] = []
        self.logits: list[np.ndarray] = []

    def add(self, outputs: Outputs, count: int) -> None:
        pool = outputs["pool"][:count]
        self.moments = self.moments or Moments(pool.shape[1])
        self.moments.add(pool)
        if self.room > 0:
            self.features.append(pool[: self.room])
            if "class_logits" in outputs:
                self.logits.append(outputs["class_logits"][:count][: self.room])
            self.room -= count


class _FirstImages:
    """The first PIXEL_IMAGES images, PIXEL_BYTES at most."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def add(self, images: np.ndarray) -> None:
        room = min(PIXEL_IMAGES, PIXEL_BYTES // images[0].nbytes) - sum(map(len, self.batches))
        if room > 0 or not self.batches:
            self.batches.append(images[: max(room, 1)])


def _write_cached(path: Path, moments: Moments, features: np.ndarray) -> None:
    with replacing_shared(path) as whole:  # runs of a sweep may meet here
        np.savez(whole, count=moments.count, mean=moments.mean, scatter=moments.scatter, features=features)


def _read_cached(path: Path, count: int, rows: int) -> tuple[Moments, np.ndarray]:
    try:
        file = read_npz(path)
        moments, features = Moments.of_state(int(file["count"]), file["mean"], file["scatter"]), file["features"]
        check_features("the cached features", features, dim=moments.dim)
        check_features("the cached moments", moments.scatter, dim=moments.dim)
    except (OSError, TypeError, KeyError, *ZIP_ERRORS, UserError):
        raise UserError(f"{path}: the cached features cannot be read; remove the file") from None
    if moments.count != count or len(features) != rows:
        raise UserError(f"{path}: holds {moments.count} images, {len(features)} of them whole; remove the file")
    return moments, features


def _add_content(content: Any, images: np.ndarray, labels: np.ndarray | None) -> None:
    """Feeds a batch to a hash."""
    content.update(repr(images.shape[1:]).encode())
    content.update(np.ascontiguousarray(images).data)
    content.update(b"" if labels is None else np.ascontiguousarray(labels).data)


def composited(batches: Iterable[PixelBatch], background: int) -> Iterator[PixelBatch]:
    """Batches with RGBA images as RGB, seen over a gray level from 0 to 255; all others as they are.

    As Pillow's alpha_composite, which makes the reference's images so (`data.background`).
    """
    for images, labels in batches:
        yield (over(images, background) if images.shape[-1] == RGBA else images), labels


def over(images: np.ndarray, background: int) -> np.ndarray:
    """RGBA uint8 [n, h, w, 4] over a gray level: RGB uint8 [n, h, w, 3], rounded."""
    alpha = images[..., 3:].astype(np.uint32)
    mixed = images[..., :3] * alpha + np.uint32(background) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def background_setting(channels: int, background: int) -> dict[str, Any]:
    """What eval.json and the settings of an evaluation say of images with so many channels: nothing but of RGBA."""
    return {"composited_on": background} if channels == RGBA else {}


def _rgb(images: np.ndarray) -> np.ndarray:
    if images.shape[-1] not in (1, 3):
        raise UserError(f"images of {images.shape[-1]} channels: metrics compare gray and RGB images")
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def padded(images: np.ndarray, size: int, devices: int) -> np.ndarray:
    """Images [n, ...] filled up to `size`, for which nothing is compiled anew, and on to a multiple of the devices."""
    size = -(-size // devices) * devices
    return np.concatenate([images, np.repeat(images[-1:], size - len(images), axis=0)])

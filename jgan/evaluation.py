"""Image sets through feature extractors, batch by batch over all devices, to what the metrics compare."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from jgan.data.decoding import parallel_map
from jgan.data.images import BrokenImageError, Format, natural_pixels, to_pixels
from jgan.data.source import NO_LABEL, Source
from jgan.files import replacing
from jgan.metrics.extractors import BATCH_SIZE, Extractor
from jgan.metrics.moments import Moments
from jgan.metrics.scores import PIXEL_BYTES, PIXEL_IMAGES, ImageSet
from jgan.sharding import make_sharding
from jgan.types import UserError

Batch = tuple[np.ndarray, np.ndarray | None]  # images uint8 [n, h, w, c], labels int32 [n]
Outputs = dict[str, np.ndarray]  # of an extractor: "pool" and, from classifiers, "class_logits"


@dataclasses.dataclass(frozen=True)
class SourceImages:
    """`count` images of a data source, at `form`, or, where that is None, as they are and all of one size.

    They are a fixed random choice in a fixed random order, since many sources are sorted by class.
    """

    source: Source
    count: int
    form: Format | None

    def batches(self) -> Iterator[Batch]:
        """Decoded by all cores. Raises UserError at a broken image or one of another size."""
        rows = np.random.default_rng(0).permutation(self.source.count)[: self.count].tolist()
        decoded = parallel_map(self._read, rows, os.cpu_count() or 1)
        first_shape = None
        while batch := list(itertools.islice(decoded, BATCH_SIZE)):
            for row, pixels, _ in batch:
                first_shape = first_shape or pixels.shape
                if pixels.shape != first_shape:
                    raise UserError(
                        f"{self.source.name(row)}: {pixels.shape[1]} x {pixels.shape[0]} pixels, others are "
                        f"{first_shape[1]} x {first_shape[0]}; give --resolution, at which all are compared"
                    )
            labels = np.array([label for _, _, label in batch], np.int32)
            yield np.stack([pixels for _, pixels, _ in batch]), None if (labels == NO_LABEL).any() else labels

    def _read(self, row: int) -> tuple[int, np.ndarray, int]:
        try:
            image, label = self.source.read(row)
            return row, natural_pixels(image) if self.form is None else to_pixels(image, self.form), label
        except BrokenImageError as error:
            raise UserError(f"{self.source.name(row)}: {error}; remove it") from None


def collect(batches: Iterable[Batch], count: int, extractors: Sequence[Extractor], title: str) -> ImageSet:
    """Everything the metrics need of `count` images, in one pass, with a progress bar.

    Raises:
      UserError: the images have neither one nor three channels.
    """
    sharding = make_sharding()
    variables = {extractor.name: jax.device_put(extractor.variables, sharding.replicated) for extractor in extractors}
    outputs: dict[str, list[Outputs]] = {extractor.name: [] for extractor in extractors}
    first_images, all_labels, content = [], [], hashlib.sha256()
    with tqdm(total=count, desc=title, unit=" images") as bar:
        for images, labels in batches:
            _add_content(content, images, labels)
            images = _rgb(images)
            room = min(PIXEL_IMAGES, PIXEL_BYTES // images[0].nbytes) - sum(map(len, first_images))
            if room > 0 or not first_images:
                first_images.append(images[: max(room, 1)])
            all_labels.append(labels)
            padded = _padded(images, sharding.mesh.size)
            on_devices = jax.device_put(padded, sharding.batch)
            for extractor in extractors:
                computed = jax.device_get(extractor.apply(variables[extractor.name], on_devices))
                outputs[extractor.name].append({key: array[: len(images)] for key, array in computed.items()})
            bar.update(len(images))
    collected = ImageSet(
        sha256=content.hexdigest(),
        features={},
        class_logits={},
        moments={},
        images=np.concatenate(first_images),
        labels=None if any(labels is None for labels in all_labels) else np.concatenate(all_labels),
    )
    for name, parts in outputs.items():
        _add_outputs(collected, name, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]})
    return collected


def collect_cached(images: SourceImages, extractors: Sequence[Extractor], directory: Path) -> ImageSet:
    """As `collect`; features are kept in `directory` under the hashes of content and weights and the compute type."""
    content = hashlib.sha256()
    with tqdm(total=images.count, desc="reading the reference", unit=" images", delay=2.0) as bar:
        for pixels, labels in images.batches():
            _add_content(content, pixels, labels)
            bar.update(len(pixels))
    prefix = content.hexdigest()[:32]
    paths = {e.name: directory / f"{prefix}-{e.name}-{e.dtype}-{e.weights_sha256[:16]}.npz" for e in extractors}
    todo = [extractor for extractor in extractors if not paths[extractor.name].is_file()]
    collected = collect(images.batches(), images.count, todo, "reference")
    directory.mkdir(parents=True, exist_ok=True)
    for extractor in todo:
        with replacing(paths[extractor.name]) as partial, partial.open("wb") as file:
            np.savez(file, **_outputs_of(collected, extractor.name))
    for extractor in extractors:
        if extractor not in todo:
            _add_outputs(collected, extractor.name, _read_cached(paths[extractor.name], images.count))
    return collected


def _add_outputs(images: ImageSet, extractor: str, outputs: Outputs) -> None:
    images.features[extractor] = outputs["pool"]
    images.moments[extractor] = Moments.of(outputs["pool"])
    if "class_logits" in outputs:
        images.class_logits[extractor] = outputs["class_logits"]


def _outputs_of(images: ImageSet, extractor: str) -> dict[str, Any]:
    by_key = {"pool": images.features, "class_logits": images.class_logits}
    return {key: arrays[extractor] for key, arrays in by_key.items() if extractor in arrays}


def _read_cached(path: Path, count: int) -> Outputs:
    try:
        with np.load(path, allow_pickle=False) as file:
            outputs = dict(file)
            pool = outputs["pool"]
    except (OSError, ValueError, KeyError, EOFError):
        raise UserError(f"{path}: the cached features cannot be read; remove the file") from None
    if any(len(array) != count for array in outputs.values()):
        raise UserError(f"{path}: holds the features of {len(pool)} images, expected {count}; remove the file")
    return outputs


def _add_content(content: Any, images: np.ndarray, labels: np.ndarray | None) -> None:
    """Feeds a batch to a hash."""
    content.update(repr(images.shape[1:]).encode())
    content.update(np.ascontiguousarray(images).data)
    content.update(b"" if labels is None else np.ascontiguousarray(labels).data)


def _rgb(images: np.ndarray) -> np.ndarray:
    if images.shape[-1] not in (1, 3):
        raise UserError(f"images of {images.shape[-1]} channels: metrics compare gray and RGB images")
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def _padded(images: np.ndarray, devices: int) -> np.ndarray:
    """To a whole batch, so that nothing is compiled anew, and to a multiple of the devices."""
    size = -(-max(BATCH_SIZE, len(images)) // devices) * devices
    return np.concatenate([images, np.repeat(images[-1:], size - len(images), axis=0)])

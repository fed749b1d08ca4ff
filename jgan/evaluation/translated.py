"""What an image-to-image run generates from the inputs of a data set, and what evaluation compares it with."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from jgan.config import Config
from jgan.data.classes import NEW, Numbering
from jgan.data.file_trees import in_archive
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.opening import open_dataset
from jgan.engine import processes
from jgan.engine.sharding import make_sharding
from jgan.evaluation.collect import RGBA, SourceImages, background_setting, composited, padded
from jgan.games.translation import image_to_image
from jgan.games.unpaired import DOMAINS
from jgan.metrics.scores import ImageSet
from jgan.rundir.paths import with_home
from jgan.rundir.pictures import to_uint8
from jgan.setup import BatchShapes, microbatches
from jgan.types import Array, Images, PixelBatch, Player, Rngs, UserError, schedule

PIXELS = 2**20  # of the images that are translated at once on a device: generators work at their inputs' full size


class Translations:
    """Images that a generator makes from inputs, each by itself as `jgan translate` does, and their `reference`.

    Of pairs and of tasks that is their targets, in the same order; of two domains, images of the other one.
    """

    def __init__(
        self, config: Config, dataset: Dataset | UnpairedDataset, count: int | None, seed: int, direction: str | None
    ) -> None:
        """`count` inputs, or as many as there are; `direction` for two domains alone.

        What befalls images at random in training (`data.flip`, `jitter`, `rotate`) does not befall these. Masks, noise
        and dropout of image i come from the key `fold_in(key(seed), i)`.
        """
        game, way = image_to_image(config.game, direction, "direction")
        inputs, targets, name = _parts(dataset, direction)
        resolution = config.stages[-1].resolution
        form = inputs.form(resolution)
        self.count = min(count or inputs.count, inputs.count)
        self.is_paired, self.has_labels = direction is None, False
        self._inputs = SourceImages(inputs.source, self.count, form, config.data.on_error, whole=True)
        of_targets = dataclasses.replace(targets.form(resolution), blind_scale=0)
        shown = background_setting(of_targets.channels, of_targets.background)
        if of_targets.channels == RGBA:
            of_targets = dataclasses.replace(of_targets, channels=3)
        self._background = of_targets.background
        targets_count = self.count if self.is_paired else min(count or targets.count, targets.count)
        self.reference = SourceImages(targets.source, targets_count, of_targets, config.data.on_error)
        # What scores depend on beside the reference and the seed.
        self.settings = {
            "inputs": {"count": self.count, "fingerprint": inputs.fingerprint},
            **({} if direction is None else {"direction": direction}),
            **shown,
        }

        def generate_one(player: Player, image: Array, rng: Array) -> Images:
            return game.translate(player, image[None], rng, way)[0]

        @jax.jit
        def generate_batch(player: Player, examples: Array, indices: Array) -> Images:
            rngs: Rngs = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(seed)))(indices)
            images = inputs.view({"images": examples}, rngs)[name]
            return jax.vmap(generate_one, in_axes=(None, 0, 0))(player, images, rngs)

        self._generate_batch = generate_batch

    def generate(self, generator: Player, step: int, reference: ImageSet) -> Iterator[PixelBatch]:
        """Batches of images uint8 [n, h, w, c], `count` in all, without labels; every process gets all of them.

        RGBA images are composited, c is 1 or 3.
        """
        del step, reference
        return composited(self._batches(generator), self._background)

    def _batches(self, generator: Player) -> Iterator[PixelBatch]:
        sharding, first = make_sharding(), 0
        devices = sharding.mesh.size
        for examples, _ in self._inputs.batches():
            at_once = min(len(examples), devices * max(1, PIXELS // examples[0, ..., 0].size))
            for part in np.split(examples, range(at_once, len(examples), at_once)):
                whole = padded(part, at_once, devices)
                indices = np.arange(first, first + len(whole), dtype=np.int32)
                images = self._generate_batch(generator, *sharding.put_batch((whole, indices)))
                yield to_uint8(processes.fetch(images))[: len(part)], None
                first += len(part)


def _parts(dataset: Dataset | UnpairedDataset, direction: str | None) -> tuple[Dataset, Dataset, str]:
    """The data of the inputs and of the references, and what the inputs are called in a batch."""
    if isinstance(dataset, UnpairedDataset):
        sides = [dataset.domains[name] for name in DOMAINS]
        return (sides[0], sides[1], "images") if direction == "a_to_b" else (sides[1], sides[0], "images")
    return dataset, dataset, "inputs"


def open_held_out(
    config: Config, source: str, shapes: BatchShapes, field: str, numbering: Numbering = NEW
) -> Dataset | UnpairedDataset:
    """The data set that `source`, the value of `field`, names, read as the run reads its own, whose kind a plain
    directory has. Images smaller than the run's patches are as broken ones: refused, or left out.

    `shapes` are those of a batch of the run, `numbering` is the run's.

    Raises:
      UserError: it cannot be read, or its images are not what the networks take.
    """
    source = like_source(source, config.data.source)
    stage = dataclasses.replace(schedule(config.stages)[-1], batch_size=1, accumulate=1)
    try:
        data = dataclasses.replace(config.data, source=source)
        dataset = open_dataset(data, config.seed, stage.resolution, numbering)
        (found,) = microbatches(dataset, (stage,))
    except UserError as error:
        raise UserError(f"{field}: {error}") from None
    for name, like in shapes.items():
        if name not in found or found[name].shape[1:] != like.shape[1:]:
            size = "no" if name not in found else " x ".join(map(str, found[name].shape[1:]))
            raise UserError(
                f"{field}={source}: has {size} {name}, and the run takes {' x '.join(map(str, like.shape[1:]))} "
                "(height x width x channels); choose data like the run's"
            )
    return dataset


def like_source(name: str, own: str) -> str:
    """The path of a folder or an archive as a source of a run's own kind: pairs, two domains, or images."""
    name, scheme = with_home(name), own.partition(":")[0]
    archive = Path(in_archive(name)[0]).suffix.lower()
    if not Path(name).is_dir() and archive != ".zip":
        return name
    if scheme in ("pairs", "unpaired"):
        return f"{scheme}:{name}"
    return f"zip:{name}" if archive else f"folder:{name}"

"""The images that are measured: those that a run samples or translates, or those of a data source."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jgan import config as configs
from jgan.config import Config
from jgan.configuration.ranges import check_count, check_seed
from jgan.data.classes import NEW, names_or_numbers
from jgan.data.pixels import MAX_RESOLUTION, Format
from jgan.data.registry import open_source
from jgan.data.renumbered import numbered, renumbered
from jgan.evaluation.collect import (
    SourceImages,
    background_setting,
    captions_like,
    composited,
    labels_like,
    training_images,
)
from jgan.evaluation.translated import Translations, like_source, open_held_out
from jgan.games.translation import image_to_image
from jgan.inference.sampling import Sampler, check_standing_batches, classes_in_turn, latent_game
from jgan.inference.weights import NEWEST, Weights, batch_shapes, read_numbering, read_vocabulary, restore_generator
from jgan.metrics.extractors import images_at_once
from jgan.metrics.scores import ImageSet
from jgan.setup import BatchShapes
from jgan.types import PixelBatch, UserError, schedule
from jgan.untrusted.normal_names import normal


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which images are measured, and against which."""

    workdir: Path | None = None  # a run
    images: str | None = None  # a source, in place of a run
    reference: str | None = None  # real images; None: those of the run
    num_samples: int | None = None  # images of each side; None: as many as are real
    num_reference: int | None = None  # where not as many as generated ones
    resolution: int | None = None  # square pixels at which `images` are compared
    seed: int = 0  # of the latents
    truncation: float | None = None
    standing_batches: int = 0
    direction: str | None = None  # of a run between two domains
    weights: Weights = NEWEST

    def check(self) -> None:
        """Raises UserError for a number out of range."""
        for name in ("num_samples", "num_reference"):
            check_count(f"--{name}", getattr(self, name))
        if self.resolution is not None and not 1 <= self.resolution <= MAX_RESOLUTION:
            raise UserError(f"--resolution={self.resolution}: expected 1 to {MAX_RESOLUTION}")
        check_seed(self.seed)
        check_standing_batches(self.standing_batches, images_at_once())


def open_images(chosen: Chosen) -> SampledImages | TranslatedImages | SourceAgainstSource:
    """The images. Raises UserError where choices contradict each other, or what they name cannot be used."""
    chosen.check()
    if chosen.workdir is None:
        if chosen.images is None or chosen.reference is None:
            raise UserError("--workdir: expected a run, or --images and --reference in its place")
        _check_one_way(chosen)
        return SourceAgainstSource(chosen, chosen.images, chosen.reference)
    config = configs.load(chosen.workdir)
    if config.game.generates_from == "images":
        return TranslatedImages(config, chosen, chosen.workdir)
    _check_one_way(chosen)
    return SampledImages(config, chosen, chosen.workdir)


def _check_one_way(chosen: Chosen) -> None:
    if chosen.direction:
        raise UserError(f"--direction={chosen.direction}: only a run between two domains has one; leave it out")


class SampledImages:
    """Images sampled from a run, against the data it was trained on or others."""

    is_paired = False

    def __init__(self, config: Config, chosen: Chosen, workdir: Path) -> None:
        self.chosen, self.config, self.workdir = chosen, config, workdir
        self.game = game = latent_game(self.config, "--workdir", chosen.truncation)
        height, width, _ = game.image_shape(schedule(config.stages)[-1])
        if height != width:
            raise UserError(
                f"--workdir={workdir}: its images are {width} x {height} pixels, and real ones are read as squares; "
                "sample from it, and compare the images by --images"
            )
        self.reference_name = chosen.reference or self.config.data.source
        _check_own_images(chosen)
        self.source = open_source(
            like_source(self.reference_name, "folder"), "--reference" if chosen.reference else "data.source"
        )
        if (chosen.num_reference or 0) > self.source.count:
            raise UserError(
                f"--num_reference={chosen.num_reference}: {self.reference_name} has {self.source.count} images"
            )
        if game.captions != "none":
            self._check_captions()
        self.has_labels = game.num_classes > 0
        self._numbering = read_numbering(workdir, chosen.weights) if self.has_labels else NEW
        if not chosen.reference:
            self.source = numbered(self.source, self._numbering, "data.source")
        self.count = chosen.num_samples or self.source.count
        self.generator, self.step = restore_generator(self.config, workdir, chosen.weights)

    def match_classes(self) -> None:
        """Numbers the classes of other data than the run's own as the run does. Raises UserError for other classes."""
        if not self.chosen.reference or not self.has_labels:
            return
        names = self._numbering.names
        if names is None and self._numbering.earlier:
            own = open_source(self.config.data.source)
            names = getattr(own, "earlier_class_names", own.class_names)
        check_same_classes(names, self.source.class_names)
        self.source = renumbered(self.source, names_or_numbers(names, self.game.num_classes), "--reference")

    def reference(self) -> SourceImages:
        """As many real images, fitted as for training."""
        return training_images(self.config, self.source, self.chosen.num_reference or self.count)

    def _check_captions(self) -> None:
        """Raises UserError where the captions of the data are not those that the run was trained on."""
        if self.chosen.reference:
            raise UserError(
                "--reference: this run generates images from captions, and is measured against its own data, whose "
                "captions it takes; leave it out"
            )
        captions = self.source.captions
        if captions is None:
            raise UserError(f"data.source={self.reference_name}: has no captions, which this run takes")
        if captions.vocabulary is None:
            return
        if captions.vocabulary != read_vocabulary(self.workdir, self.chosen.weights):
            raise UserError(
                f"data.source={self.reference_name}: its captions are not those that this run was trained on"
            )

    def batches(self, reference: ImageSet) -> Iterator[PixelBatch]:
        """Of the classes of its own data in their shares there; against other data, of all classes in turn.

        Of captions: those of the reference's images.
        """
        if self.game.captions != "none":
            return self._sample(captions_like(reference, self.source, self.count))
        own = self.has_labels and self.chosen.reference is None
        labels = labels_like(reference, self.count) if own else classes_in_turn(self.game, self.count)
        return self._sample(labels)

    def _sample(self, labels: np.ndarray | None) -> Iterator[PixelBatch]:
        chosen, generator = self.chosen, self.generator
        sampler = Sampler(self.game, self.config.stages, images_at_once(), chosen.truncation, enlarge=True)
        if chosen.standing_batches:
            generator = sampler.with_standing_statistics(
                generator, self.step, labels, chosen.standing_batches, chosen.seed
            )
        batches = sampler(generator, self.step, labels, self.count, chosen.seed)
        return composited(batches, self.config.data.background)

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        channels = batch_shapes(self.config, self.workdir, self.chosen.weights)[-1]["images"].shape[-1]
        return {
            **_run_provenance(self.workdir, self.chosen.weights, self.step),
            "truncation": self.chosen.truncation,
            "standing_batches": self.chosen.standing_batches,
            "labels": self._labels(),
            **background_setting(channels, self.config.data.background),
        }

    def _labels(self) -> str | None:
        if self.game.captions != "none":
            return "captions of the reference"
        if not self.has_labels:
            return None
        return "classes in turn" if self.chosen.reference else "as in the reference"


class TranslatedImages:
    """What an image-to-image run generates from its own inputs or from others of their kind."""

    has_labels = False

    def __init__(self, config: Config, chosen: Chosen, workdir: Path) -> None:
        self.chosen, self.workdir = chosen, workdir
        _check_own_images(chosen)
        for name in ("truncation", "standing_batches", "num_reference"):
            if getattr(chosen, name):
                raise UserError(f"--{name}: this run translates images, as many as --num_samples; leave it out")
        image_to_image(config.game, chosen.direction, "--direction")
        self.reference_name = like_source(chosen.reference or config.data.source, config.data.source)
        field = "--reference" if chosen.reference else "data.source"
        shapes: BatchShapes = batch_shapes(config, workdir, chosen.weights)[-1]
        dataset = open_held_out(config, self.reference_name, shapes, field)
        self._translations = Translations(config, dataset, chosen.num_samples, chosen.seed, chosen.direction)
        self.count, self.is_paired = self._translations.count, self._translations.is_paired
        if (chosen.num_samples or 0) > self.count:
            raise UserError(f"--num_samples={chosen.num_samples}: {self.reference_name} has {self.count} inputs")
        self._generator, self.step = restore_generator(config, workdir, chosen.weights)

    def match_classes(self) -> None:
        """They have none."""

    def reference(self) -> SourceImages:
        """The inputs' targets, or images of the other domain."""
        return self._translations.reference

    def batches(self, reference: ImageSet) -> Iterator[PixelBatch]:
        """Each generated from its input alone."""
        return self._translations.generate(self._generator, self.step, reference)

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        return {**_run_provenance(self.workdir, self.chosen.weights, self.step), **self._translations.settings}


class SourceAgainstSource:
    """Images of one source against those of another."""

    is_paired = False

    def __init__(self, chosen: Chosen, images: str, reference: str) -> None:
        of_runs = {"truncation": chosen.truncation, "standing_batches": chosen.standing_batches}
        for name, value in (of_runs | {"raw": chosen.weights.raw, "best": chosen.weights.best}).items():
            if value:
                raise UserError(f"--{name}: only a run (--workdir) generates images")
        self.chosen, self.name, self.reference_name = chosen, images, reference
        self.form = Format(chosen.resolution, 3, "crop", 255) if chosen.resolution else None
        self.images = self._open("--images", images, "num_samples", chosen.num_samples)
        self.count, self.has_labels = self.images.count, self.images.has_labels

    def match_classes(self) -> None:
        """Numbers the classes as those of the reference. Raises UserError where it has others."""
        ours, theirs = self.images.source, self._reference.source
        if theirs.num_classes is None:
            return
        check_same_classes(ours.class_names, theirs.class_names)
        names = names_or_numbers(theirs.class_names, theirs.num_classes)
        if ours.class_names is not None or theirs.class_names is not None:  # else both have numbers alone
            self.images = dataclasses.replace(self.images, source=renumbered(ours, names, "--images"))

    def _open(self, field: str, name: str, flag: str, count: int | None) -> SourceImages:
        source = open_source(like_source(name, "folder"), field)
        if count and source.count < count:
            raise UserError(f"--{flag}={count}: {name} has {source.count} images")
        form = self.form
        if form and source.is_paired:
            form = dataclasses.replace(form, input_channels=3)
        return SourceImages(source, count or source.count, form)

    def reference(self) -> SourceImages:
        """As many real images, at the same resolution."""
        return self._reference

    @functools.cached_property
    def _reference(self) -> SourceImages:
        chosen = self.chosen
        if chosen.num_reference:
            return self._open("--reference", self.reference_name, "num_reference", chosen.num_reference)
        return self._open("--reference", self.reference_name, "num_samples", chosen.num_samples)

    def batches(self, reference: ImageSet) -> Iterator[PixelBatch]:
        """The images as they are; labels are their own."""
        del reference
        return self.images.batches()

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        return {"source": self.name}


def check_same_classes(ours: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> None:
    """Raises UserError where both sides name their classes, and not alike, in whatever order."""
    if ours is not None and theirs is not None and set(map(normal, ours)) != set(map(normal, theirs)):
        pairs = itertools.zip_longest(ours, theirs, fillvalue="none")
        different = (pair for pair in enumerate(pairs) if normal(pair[1][0]) != normal(pair[1][1]))
        label, (mine, other) = next(different)
        raise UserError(
            f"class {label} is {mine!r} among the images and {other!r} in the reference; give both the same classes, "
            "or leave out the metrics that compare class by class"
        )


def _check_own_images(chosen: Chosen) -> None:
    """Raises UserError for choices about images that are there."""
    if chosen.images or chosen.resolution:
        flag = "images" if chosen.images else "resolution"
        raise UserError(f"--{flag}: a run makes its own images, at its own resolution; leave it or --workdir out")


def _run_provenance(workdir: Path, weights: Weights, step: int) -> dict[str, Any]:
    return {
        "workdir": str(workdir),
        "checkpoint": "best" if weights.best else "newest",
        "step": step,
        "weights": weights.kind,
    }

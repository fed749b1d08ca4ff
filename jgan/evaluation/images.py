"""What `jgan evaluate` measures: images that a run draws or translates, or those of a data source."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from jgan import config as configs
from jgan.config import Config
from jgan.data.pixels import Format
from jgan.data.registry import open_source
from jgan.evaluation.collect import SourceImages, captions_like, labels_like, training_images
from jgan.evaluation.translated import Translations, like_source, open_held_out
from jgan.games.text import TextGAN
from jgan.games.translation import Translation
from jgan.games.unpaired import check_direction
from jgan.inference.sampling import (
    Sampler,
    batch_shapes,
    classes_in_turn,
    latent_game,
    read_vocabulary,
    restore_generator,
)
from jgan.metrics.extractors import images_at_once
from jgan.metrics.scores import ImageSet
from jgan.setup import BatchShapes
from jgan.types import PixelBatch, UserError


def open_subject(options: argparse.Namespace) -> RunImages | TranslatedImages | FolderImages:
    """What the flags ask for. Raises UserError where they contradict each other, or what they name cannot be used."""
    if options.workdir is None and (options.images is None or options.reference is None):
        raise UserError("--workdir: expected a run, or --images and --reference in its place")
    config: Config | None = None if options.workdir is None else configs.load(options.workdir)
    if config is not None and isinstance(config.game, Translation):
        return TranslatedImages(config, options)
    if options.direction:
        raise UserError(f"--direction={options.direction}: only a run between two domains has one; leave it out")
    return FolderImages(options) if config is None else RunImages(config, options)


class RunImages:
    """Images drawn from a run, against the data it was trained on or others."""

    is_paired = False

    def __init__(self, config: Config, options: argparse.Namespace) -> None:
        self.options, self.config = options, config
        self.game = game = latent_game(self.config, "--workdir", options.truncation)
        self.default_out = options.workdir / "eval"
        self.reference_name = options.reference or self.config.data.source
        _check_own_images(options)
        self.source = open_source(
            like_source(self.reference_name, "folder"), "--reference" if options.reference else "data.source"
        )
        if (options.num_reference or 0) > self.source.count:
            raise UserError(
                f"--num_reference={options.num_reference}: {self.reference_name} has {self.source.count} images"
            )
        if isinstance(game, TextGAN):
            self._check_captions()
        self.count = options.num_samples or self.source.count
        self.generator, self.step = restore_generator(self.config, options.workdir, raw=options.raw, best=options.best)
        self.has_labels = game.num_classes > 0
        self.class_names = None if options.reference else self.source.class_names

    def reference(self) -> SourceImages:
        """As many real images, fitted as for training."""
        return training_images(self.config, self.source, self.options.num_reference or self.count)

    def _check_captions(self) -> None:
        """Raises UserError where the captions to draw are not those that the run was trained on."""
        if self.options.reference:
            raise UserError(
                "--reference: this run draws captions, and is measured against its own data, whose captions it takes; "
                "leave it out"
            )
        captions = self.source.captions
        if captions is None:
            raise UserError(f"data.source={self.reference_name}: has no captions, which this run draws")
        if captions.vocabulary is None:
            return
        if captions.vocabulary != read_vocabulary(self.options.workdir, best=self.options.best):
            raise UserError(
                f"data.source={self.reference_name}: its captions are not those that this run was trained on"
            )

    def batches(self, reference: ImageSet) -> Iterator[PixelBatch]:
        """Of the classes of its own data in their shares there; against other data, of all classes in turn.

        Of captions: those of the reference's images.
        """
        if isinstance(self.game, TextGAN):
            return self._draw(captions_like(reference, self.source, self.count))
        own = self.has_labels and self.options.reference is None
        labels = labels_like(reference, self.count) if own else classes_in_turn(self.game, self.count)
        return self._draw(labels)

    def _draw(self, labels: np.ndarray | None) -> Iterator[PixelBatch]:
        stages, options = self.config.stages, self.options
        draw = Sampler(self.game, stages, options.seed, images_at_once(), options.truncation, enlarge=True)
        generator = self.generator
        if options.standing_batches:
            generator = draw.with_standing_statistics(generator, self.step, labels, options.standing_batches)
        return draw(generator, self.step, labels, self.count)

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        return {
            **_run_provenance(self.options, self.step),
            "truncation": self.options.truncation,
            "standing_batches": self.options.standing_batches,
            "labels": self._labels(),
        }

    def _labels(self) -> str | None:
        if isinstance(self.game, TextGAN):
            return "captions of the reference"
        if not self.has_labels:
            return None
        return "classes in turn" if self.options.reference else "as in the reference"


class TranslatedImages:
    """What a run of images to images makes of its own inputs or of others of their kind."""

    has_labels, class_names = False, None

    def __init__(self, config: Config, options: argparse.Namespace) -> None:
        assert isinstance(config.game, Translation), "checked before"
        _check_own_images(options)
        for name in ("truncation", "standing_batches", "num_reference"):
            if getattr(options, name):
                raise UserError(f"--{name}: this run translates images, as many as --num_samples; leave it out")
        check_direction(config.game, options.direction, "--direction")
        self.options, self.default_out = options, options.workdir / "eval"
        given = options.reference is not None
        self.reference_name = like_source(options.reference if given else config.data.source, config.data.source)
        field = "--reference" if given else "data.source"
        shapes: BatchShapes = batch_shapes(options.workdir, best=options.best)[-1]
        dataset = open_held_out(config, self.reference_name, shapes, field)
        self._translations = Translations(config, dataset, options.num_samples, options.seed, options.direction)
        self.count, self.is_paired = self._translations.count, self._translations.is_paired
        if (options.num_samples or 0) > self.count:
            raise UserError(f"--num_samples={options.num_samples}: {self.reference_name} has {self.count} inputs")
        self._generator, self.step = restore_generator(config, options.workdir, raw=options.raw, best=options.best)

    def reference(self) -> SourceImages:
        """The inputs' targets, or images of the other domain."""
        return self._translations.reference

    def batches(self, reference: ImageSet) -> Iterator[PixelBatch]:
        """Each made of its input alone."""
        return self._translations.draw(self._generator, self.step, reference)

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        return {**_run_provenance(self.options, self.step), **self._translations.settings}


class FolderImages:
    """Images of one source against those of another."""

    is_paired = False

    def __init__(self, options: argparse.Namespace) -> None:
        for name in ("truncation", "standing_batches", "raw", "best"):
            if getattr(options, name):
                raise UserError(f"--{name}: only a run (--workdir) draws images")
        if options.out is None:
            raise UserError("--out: expected a directory for the results of --images")
        self.options, self.default_out, self.reference_name = options, options.out, options.reference
        self.form = Format(options.resolution, 3, "crop", 255) if options.resolution else None
        self.images = self._open("--images", options.images, "num_samples", options.num_samples)
        self.count, self.has_labels = self.images.count, self.images.has_labels
        self.class_names = self.images.source.class_names

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
        options = self.options
        if options.num_reference:
            return self._open("--reference", self.reference_name, "num_reference", options.num_reference)
        return self._open("--reference", self.reference_name, "num_samples", options.num_samples)

    def batches(self, reference: ImageSet) -> Iterator[PixelBatch]:
        """The images as they are; labels are their own."""
        del reference
        return self.images.batches()

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        return {"source": self.options.images}


def _check_own_images(options: argparse.Namespace) -> None:
    """Raises UserError for flags of images that are there."""
    if options.images or options.resolution:
        flag = "images" if options.images else "resolution"
        raise UserError(f"--{flag}: a run makes its own images, at its own resolution; leave it or --workdir out")


def _run_provenance(options: argparse.Namespace, step: int) -> dict[str, Any]:
    return {
        "workdir": str(options.workdir),
        "checkpoint": "best" if options.best else "newest",
        "step": step,
        "weights": "trained" if options.raw else "averaged",
    }

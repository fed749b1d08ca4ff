"""What `python -m jgan.evaluate` measures: the images that a run draws, or those of a data source."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jgan import config as configs
from jgan.config import Config
from jgan.data.images import Format
from jgan.data.sources import open_source
from jgan.drawing import Draw, classes_in_turn, latent_game, read_vocabulary, restore_generator
from jgan.evaluation import SourceImages, captions_like, labels_like, training_images
from jgan.games.text import TextGAN
from jgan.metrics.extractors import images_at_once
from jgan.metrics.scores import ImageSet
from jgan.types import PixelBatch, UserError


class RunImages:
    """Images drawn from a run, against the data it was trained on or others."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.config: Config = configs.load(options.workdir)
        self.game = game = latent_game(self.config, "--workdir", options.truncation)
        self.default_out = options.workdir / "eval"
        self.reference_name = options.reference or self.config.data.source
        if options.images or options.resolution:
            flag = "images" if options.images else "resolution"
            raise UserError(f"--{flag}: a run draws its own images, at its own resolution; leave it or --workdir out")
        self.source = open_source(
            _as_source(self.reference_name), "--reference" if options.reference else "data.source"
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
        draw = Draw(self.game, stages, options.seed, images_at_once(), options.truncation, enlarge=True)
        generator = self.generator
        if options.standing_batches:
            generator = draw.with_standing_statistics(generator, self.step, labels, options.standing_batches)
        return draw(generator, self.step, labels, self.count)

    def provenance(self) -> dict[str, Any]:
        """Where they come from, for eval.json."""
        return {
            "workdir": str(self.options.workdir),
            "checkpoint": "best" if self.options.best else "newest",
            "step": self.step,
            "weights": "trained" if self.options.raw else "averaged",
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


class FolderImages:
    """Images of one source against those of another."""

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
        source = open_source(_as_source(name), field)
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


def _as_source(name: str) -> str:
    return f"folder:{name}" if Path(name).is_dir() else name

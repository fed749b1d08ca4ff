"""Evaluation while a run trains: scores of the averaged and of the trained generator, and the best checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jgan.config import Config, data_differences
from jgan.data.classes import NEW, Numbering
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.source import Source
from jgan.engine import processes
from jgan.evaluation.collect import (
    Collector,
    background_setting,
    captions_like,
    composited,
    labels_like,
    reference_cache,
    training_images,
)
from jgan.evaluation.translated import Translations, open_held_out
from jgan.games.translation import image_to_image
from jgan.inference.sampling import Sampler, latent_game
from jgan.metrics.comparison import Comparison, check_metrics, open_comparison, rankings
from jgan.metrics.extractors import images_at_once
from jgan.metrics.scores import Better, ImageSet
from jgan.rundir.checkpoints import BEST, Checkpoints
from jgan.rundir.paths import given_path
from jgan.setup import BatchShapes
from jgan.types import PixelBatch, Player, TrainState, UserError

AVERAGED, TRAINED = "averaged", "trained"


def check_game(config: Config) -> None:
    """Raises UserError where a run is to be evaluated while it trains, and its game does not allow it.

    That includes metrics that the game's images cannot have, whatever the data are.
    """
    if not config.evaluate_every:
        return
    settings, game = config.evaluation, config.game
    metrics = check_metrics(settings.metrics, "evaluation.metrics")
    comparison = Comparison(metrics, settings.features, extractors={}, classifier=None)
    if game.generates_from == "images":
        image_to_image(game, settings.translates, "evaluation.translates")
        comparison.check_pairs(paired=not game.directions)
        comparison.check_labels(generated=False, reference=True)
        return
    for name in ("held_out", "translates"):
        if value := getattr(settings, name):
            raise UserError(f"evaluation.{name}={value!r}: this game generates images from latents; set it to ''")
    comparison.check_pairs(paired=False)
    comparison.check_labels(generated=game.num_classes > 0, reference=True)
    count, side = settings.num_samples, config.stages[-1].resolution
    comparison.check_images(generated=count, reference=count, side=side)


class GeneratedImages:
    """What a run is measured by: images that its generator makes from latents, beside those it was trained on."""

    is_paired = False

    def __init__(self, config: Config, source: Source, channels: int) -> None:
        """`channels` are those of the run's images."""
        self._background = config.data.background
        self.settings: dict[str, Any] = background_setting(channels, self._background)
        settings = config.evaluation
        game = latent_game(config, "evaluate_every")
        self.has_labels = game.num_classes > 0
        self.reference = training_images(config, source, settings.num_samples)
        self.count = settings.num_samples
        self._captioned = source if game.captions != "none" else None
        self._sampler, self._seed = Sampler(game, config.stages, images_at_once(), enlarge=True), settings.seed

    def generate(self, generator: Player, step: int, reference: ImageSet) -> Iterator[PixelBatch]:
        """With the labels, or the captions, of the reference; the generator has been trained for so many steps."""
        labels = labels_like(reference, self.count) if self.has_labels else None
        if self._captioned is not None:
            labels = captions_like(reference, self._captioned, self.count)
        return composited(self._sampler(generator, step, labels, self.count, self._seed), self._background)


def _generated(
    config: Config, dataset: Dataset | UnpairedDataset, shapes: BatchShapes, numbering: Numbering
) -> GeneratedImages | Translations:
    settings = config.evaluation
    if config.game.generates_from == "latents":
        assert isinstance(dataset, Dataset), "checked before"
        return GeneratedImages(config, dataset.source, dataset.channels)
    if settings.held_out:
        dataset = open_held_out(config, settings.held_out, shapes, "evaluation.held_out", numbering)
    elif config.data.on_error == "skip":  # training takes others in place of what it cannot, and would count them twice
        dataset = open_held_out(config, config.data.source, shapes, "data.source", numbering)
    return Translations(config, dataset, settings.num_samples, settings.seed, settings.translates or None)


class Evaluator:
    """Measures a run's generator, each time with the same latents or inputs and against the same real images."""

    def __init__(
        self,
        config: Config,
        dataset: Dataset | UnpairedDataset,
        shapes: BatchShapes,
        workdir: Path,
        numbering: Numbering = NEW,
    ) -> None:
        """Opens the networks, and held-out data if there are some. `shapes` are those of a batch of the run.

        Raises:
          UserError: weights are missing, held-out data cannot be used, or a metric needs labels or pairs that are not
            there.
        """
        settings = config.evaluation
        metrics = check_metrics(settings.metrics, "evaluation.metrics")
        self._seed = settings.seed
        self._comparison = open_comparison(
            metrics,
            settings.features,
            settings.dtype,
            given_path(settings.weights) if settings.weights else None,
            weights_field="evaluation.weights",
        )
        self._generated = _generated(config, dataset, shapes, numbering)
        self._reference_images = self._generated.reference
        self._comparison.check_labels(generated=self._generated.has_labels, reference=self._reference_images.has_labels)
        self._comparison.check_pairs(paired=self._generated.is_paired)
        counts = {"generated": self._generated.count, "reference": self._reference_images.count}
        self._comparison.check_images(**counts, side=self._reference_images.side)
        self._reference: ImageSet | None = None
        self.warnings: list[str] = []
        ways = rankings(metrics, settings.features)
        best = settings.best or next(iter(ways))
        self.settings = {
            "num_samples": settings.num_samples,
            "seed": settings.seed,
            **self._generated.settings,
            "reference": {
                "count": self._reference_images.count,
                "fingerprint": self._reference_images.source.fingerprint,
            },
            "extractors": {
                name: {"dtype": network.dtype, "weights_sha256": network.weights_sha256}
                for name, network in self._comparison.extractors.items()
            },
        }
        self.best = BestCheckpoint(workdir, best, ways[best], self._settings_of(best))

    def scores(self, generator: Player, step: int, stop: Callable[[], bool]) -> dict[str, float]:
        """Scores by name, as in "averaged/fd_efficientnet_lite0", of both kinds of weights.

        The generator has been trained for so many steps. `warnings` tells what to mind of the scores.

        Raises:
          StoppedError: `stop()` was true; every process asks it at the same points.
        """
        extractors = list(self._comparison.extractors.values())
        collector = Collector(extractors, self._comparison.needs_features, stop)
        if self._reference is None:
            collector.check_room(self._generated.count, "evaluation.num_samples")
            self._reference = collector.collect_cached(self._reference_images, reference_cache())
        count = self._generated.count
        scores = {}
        for name, weights in ((AVERAGED, generator.averaged()), (TRAINED, generator)):
            batches = self._generated.generate(weights, step, self._reference)
            generated = collector.collect(batches, count, f"evaluating {'EMA' if name == AVERAGED else name} weights")
            found = self._comparison.scores(generated, self._reference, self._seed)
            scores |= {f"{name}/{score}": value for score, value in found.items()}
            self.warnings = self._comparison.warnings(generated, self._reference)
        return scores

    def _settings_of(self, score: str) -> dict[str, Any]:
        """What a score depends on: `settings` without the networks of other metrics."""
        network = self._comparison.network_of(score)
        return self.settings | {"extractors": {network: self.settings["extractors"][network]} if network else {}}


class BestCheckpoint:
    """The checkpoint, in best/ of the run directory, whose EMA weights have the best score so far."""

    def __init__(self, workdir: Path, score: str, way: Better, settings: dict[str, Any]) -> None:
        """Goes on from what an earlier start of the run kept.

        Raises:
          UserError: that was chosen by another score, or one measured differently; or the directory cannot be written.
        """
        self.score = f"{AVERAGED}/{score}"
        self._chosen_by = {"score": self.score, "settings": settings}
        self._sign = 1 if way == "lower" else -1
        self._checkpoints = Checkpoints(workdir, BEST, keep=None)
        kept = {step: record["evaluation"] for step, record in self._checkpoints.records().items()}
        for evaluation in kept.values():
            now = {**self._chosen_by, "value": evaluation["value"]}
            for path, change in data_differences(evaluation, now).items():
                raise UserError(
                    f"{self._checkpoints.directory}: holds the best checkpoint by other settings of the evaluation "
                    f"({path}: {change}); set them back, or move it away"
                )
        best = min(kept, key=lambda step: self._cost(kept[step]["value"]), default=None)
        self.value = math.nan if best is None else kept[best]["value"]
        if best is not None and len(kept) > 1:  # a kill came between a save and the deletion of the one before
            self._checkpoints.delete_all_but(best)

    def offer(self, state: TrainState, step: int, record: dict[str, Any], scores: dict[str, float]) -> bool:
        """Keeps the state if it is the best so far, in place of the one before; says whether it is.

        Raises:
          UserError: the directory cannot be written; the one before is intact.
        """
        value = scores[self.score]
        better = math.isfinite(value) and not self._cost(self.value) <= self._cost(value)
        if not processes.any_process(better and processes.is_main()):  # hosts may differ in the last digit
            return False
        self._checkpoints.replace_all(state, step, record | {"evaluation": {**self._chosen_by, "value": value}})
        self.value = value
        return True

    def close(self) -> None:
        """Waits for the last save."""
        self._checkpoints.close()

    def _cost(self, value: float) -> float:
        return self._sign * value

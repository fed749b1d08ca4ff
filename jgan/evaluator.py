"""Evaluation while a run trains: scores of the averaged and of the trained generator, and the best checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jgan import processes
from jgan.checkpoint import BEST, Checkpoints
from jgan.config import Config
from jgan.data.source import Source
from jgan.drawing import Draw, classes_in_turn, latent_game
from jgan.evaluation import Batch, Collector, training_images
from jgan.files import cache_directory
from jgan.metrics.comparison import check_metrics, open_comparison, rankings, singular_moments
from jgan.metrics.extractors import images_at_once
from jgan.metrics.scores import ImageSet
from jgan.types import Player, TrainState

AVERAGED, TRAINED = "averaged", "trained"


class EvaluationStoppedError(Exception):
    """An evaluation was told to stop before its end; it left nothing behind."""


class Evaluator:
    """Measures a run's generator, each time with the same latents and against the same real images."""

    def __init__(self, config: Config, source: Source, workdir: Path) -> None:
        """Opens the networks.

        Raises:
          UserError: weights are missing, the game does not draw from latents, or a metric needs labels that are not
            there.
        """
        settings = config.evaluation
        metrics = check_metrics(settings.metrics, "evaluation.metrics")
        game = latent_game(config, f"evaluate_every={config.evaluate_every}")
        self._settings = settings
        self._comparison = open_comparison(
            metrics, settings.features, settings.dtype, Path(settings.weights) if settings.weights else None
        )
        self._collector = Collector(list(self._comparison.extractors.values()), self._comparison.needs_features)
        self._labels = classes_in_turn(game, settings.num_samples)
        self._reference_images = training_images(config, source, settings.num_samples)
        self._comparison.check_labels(generated=self._labels is not None, reference=self._reference_images.has_labels)
        self._draw = Draw(game, settings.seed, images_at_once())
        self._reference: ImageSet | None = None
        self.warnings: list[str] = []
        ways = rankings(metrics, settings.features)
        self.best = BestCheckpoint(workdir, settings.best or next(iter(ways)), ways)

    def scores(self, generator: Player, stop: Callable[[], bool]) -> dict[str, float]:
        """Scores by name, as in "averaged/fd_efficientnet_lite0", of both kinds of weights. `warnings` tells what to
        mind of them.

        Raises:
          EvaluationStoppedError: `stop()` was true; every process asks it at the same points.
        """
        if self._reference is None:
            self._reference = self._collector.collect_cached(self._reference_images, cache_directory("references"))
        scores = {}
        for name, weights in ((AVERAGED, generator.averaged()), (TRAINED, generator)):
            batches = _until(stop, self._draw(weights, self._labels, self._settings.num_samples))
            generated = self._collector.collect(batches, self._settings.num_samples, f"evaluating {name} weights")
            found = self._comparison.scores(generated, self._reference, self._settings.seed)
            scores |= {f"{name}/{score}": value for score, value in found.items()}
            self.warnings = singular_moments(generated, self._reference)
        return scores


def _until(stop: Callable[[], bool], batches: Iterator[Batch]) -> Iterator[Batch]:
    for batch in batches:
        if stop():
            raise EvaluationStoppedError
        yield batch


class BestCheckpoint:
    """The checkpoint, in best/ of the run directory, whose averaged weights have the best score so far."""

    def __init__(self, workdir: Path, score: str, ways: Mapping[str, str]) -> None:
        """Goes on from what an earlier start of the run kept by the same score.

        Raises:
          UserError: the directory cannot be written.
        """
        self.score = f"{AVERAGED}/{score}"
        self._sign = 1 if ways[score] == "lower" else -1
        self._checkpoints = Checkpoints(workdir, BEST, keep=None)
        kept = [record["evaluation"] for record in self._checkpoints.records().values()]
        values = [record["value"] for record in kept if record["score"] == self.score]
        self.value = min(values, key=self._cost, default=math.nan)

    def offer(self, state: TrainState, step: int, record: dict[str, Any], scores: dict[str, float]) -> bool:
        """Keeps the state if it is the best so far, in place of the one before; says whether it is.

        Raises:
          UserError: the directory cannot be written; the one before is intact.
        """
        value = scores[self.score]
        better = math.isfinite(value) and not self._cost(self.value) <= self._cost(value)
        if not processes.any_process(better and processes.is_main()):  # hosts may differ in the last digit
            return False
        self._checkpoints.replace_all(state, step, record | {"evaluation": {"score": self.score, "value": value}})
        self.value = value
        return True

    def close(self) -> None:
        """Waits for the last save."""
        self._checkpoints.close()

    def _cost(self, value: float) -> float:
        return self._sign * value

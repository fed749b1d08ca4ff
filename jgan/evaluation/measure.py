"""Images measured against real ones: the scores, with all that they depend on."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from jgan import __version__
from jgan.engine import processes
from jgan.evaluation.collect import Collector, reference_cache
from jgan.evaluation.images import Chosen, open_images
from jgan.metrics.class_scores import RealClassifier
from jgan.metrics.classifier import describe
from jgan.metrics.comparison import Comparison, check_metrics, open_comparison
from jgan.metrics.config import EvaluationConfig
from jgan.metrics.extractors import EXTRACTORS, Extractor
from jgan.metrics.manifold import nearest
from jgan.metrics.scores import ImageSet, Metric
from jgan.rundir.atomic_files import as_json, sha256, without_infinities, write_json, writing
from jgan.rundir.lock import writing_alone
from jgan.rundir.new_directories import making_directory
from jgan.rundir.pictures import make_grid, save_png
from jgan.rundir.written import EVALUATED, NEAREST
from jgan.types import DTYPES, UserError

NEAREST_ROWS, NEAREST_COLUMNS = 10, 6


@dataclasses.dataclass(frozen=True)
class Metrics:
    """The scores that are wanted, and the networks that they take."""

    names: tuple[str, ...] = ("fd", "kd", "pr")
    features: str | None = None  # a name in EXTRACTORS, for fd, kd, pr, ...
    weights: Path | None = None  # of the network, in place of the published ones
    classifier: Path | None = None  # of `classifier`; None: one is trained
    dtype: str | None = None  # that the networks compute in


def measure(chosen: Chosen, wanted: Metrics, out: Path | None) -> dict[str, Any]:
    """The result, as eval.json holds it: "scores", "definitions", "images", "reference", "warnings", ...

    With `out` it is written there, beside nearest.png. All processes measure together, and the first one writes.

    Raises:
      UserError: choices contradict each other, or what they name cannot be used.
    """
    with making_directory(out, "--out") if out and processes.is_main() else contextlib.nullcontext():
        return _measure(chosen, wanted, out)


def _measure(chosen: Chosen, wanted: Metrics, out: Path | None) -> dict[str, Any]:
    metrics = check_metrics(wanted.names, f"--metrics={','.join(wanted.names)}")
    for name, value, known in (("features", wanted.features, EXTRACTORS), ("dtype", wanted.dtype, DTYPES)):
        if value is not None and value not in known:
            raise UserError(f"--{name}={value}: expected one of {', '.join(known)}")
    images = open_images(chosen)
    comparison = _open_comparison(metrics, wanted)
    if comparison.compares_classes:
        images.match_classes()
    reference_images = images.reference()
    comparison.check_labels(generated=images.has_labels, reference=reference_images.has_labels)
    comparison.check_pairs(paired=images.is_paired)
    comparison.check_images(generated=images.count, reference=reference_images.count, side=reference_images.side)
    comparison = comparison.of_classes(reference_images.source.class_names, reference_images.source.num_classes)
    collector = Collector(list(comparison.extractors.values()), comparison.needs_features)
    collector.check_room(images.count, "--num_samples")
    reference = collector.collect_cached(reference_images, reference_cache())
    generated = collector.collect(images.batches(reference), images.count, "images")
    result = {
        "scores": without_infinities(comparison.scores(generated, reference, chosen.seed)),
        "definitions": {name: metric.definition for name, metric in metrics.items()},
        "extractors": {name: _describe(network) for name, network in comparison.extractors.items()},
        "classifier": reference.classifier and _describe_classifier(reference.classifier, wanted.classifier),
        "images": {**images.provenance(), "count": images.count, "sha256": generated.sha256},
        "reference": {
            "source": images.reference_name,
            "count": reference_images.count,
            "of": reference_images.source.count,
            "sha256": reference.sha256,
            "resolution": reference_images.form and dataclasses.asdict(reference_images.form),
        },
        "seed": chosen.seed,
        "jgan": __version__,
        "warnings": comparison.warnings(generated, reference),
    }
    if out and processes.is_main():
        with writing_alone(out, waits=True):  # what took an hour to measure is not refused
            _write_result(out / EVALUATED, result)
            if generated.images.shape[1:] == reference.images.shape[1:]:
                features = comparison.features if comparison.features in generated.features else None
                features = features or next(iter(generated.features), None)
                _save_nearest(generated, reference, features, out / NEAREST)
    return result


def _open_comparison(metrics: dict[str, Metric], wanted: Metrics) -> Comparison:
    """Refuses what these metrics would not look at."""
    if wanted.features and not any(metric.extractor == "" for metric in metrics.values()):
        raise UserError(f"--features={wanted.features}: these metrics do not take any network; leave it out")
    if wanted.dtype and all(metric.extractor is None for metric in metrics.values()):
        raise UserError(f"--dtype={wanted.dtype}: these metrics need no network; leave it out")
    features, dtype = wanted.features or EvaluationConfig.features, wanted.dtype or EvaluationConfig.dtype
    return open_comparison(metrics, features, dtype, wanted.weights, wanted.classifier)


def _describe(extractor: Extractor) -> dict[str, str]:
    names = ("title", "resize", "dtype", "weights_sha256")
    return {name: getattr(extractor, name) for name in names}


def _describe_classifier(real: RealClassifier, path: Path | None) -> dict[str, Any]:
    stored = {} if path is None else {"file": str(path), "sha256": sha256(path)}
    return {**describe(real.classifier), **stored}


def _write_result(path: Path, result: dict[str, Any]) -> None:
    """Writes eval.json; another result that is there stays beside it as eval-....json, named after its content."""
    with writing(path):
        new = hashlib.sha256(f"{as_json(result)}\n".encode()).hexdigest()
        if path.exists() and sha256(path) != new:
            path.rename(path.with_name(f"eval-{sha256(path)[:8]}.json"))
    write_json(path, result)


def _save_nearest(generated: ImageSet, reference: ImageSet, extractor: str | None, path: Path) -> None:
    """Samples (left) and the real images nearest to them, in feature space or by pixels: copies would show."""
    rows = min(NEAREST_ROWS, len(generated.images))
    sides = [side.images.reshape(len(side.images), -1).astype(np.float32) for side in (generated, reference)]
    if extractor is not None:
        sides = [side.features[extractor][: len(side.images)] for side in (generated, reference)]
    indices, _ = nearest(sides[0][:rows], sides[1], min(NEAREST_COLUMNS, len(sides[1])))
    cells = np.concatenate([generated.images[:rows, None], reference.images[indices]], axis=1)
    save_png(path, make_grid(cells))

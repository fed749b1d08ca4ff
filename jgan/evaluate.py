"""Measure a run or a folder of images: `jgan evaluate --workdir runs/dcgan --metrics fd,pr`."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jgan import __version__, command
from jgan.data.pixels import MAX_RESOLUTION
from jgan.engine import processes
from jgan.evaluation.collect import Collector
from jgan.evaluation.images import open_subject
from jgan.metrics.class_scores import RealClassifier
from jgan.metrics.classifier import describe
from jgan.metrics.comparison import Comparison, check_metrics, open_comparison
from jgan.metrics.config import EvaluationConfig
from jgan.metrics.extractors import EXTRACTORS, Extractor
from jgan.metrics.manifold import nearest
from jgan.metrics.scores import METRICS, ImageSet, Metric
from jgan.rundir.files import as_json, cache_directory, finite, make_directory, sha256, write_json, writing
from jgan.rundir.pictures import make_grid, save_png
from jgan.types import DTYPES, UserError

DESCRIPTION = """Compares the images of a run, or of any data source, with real ones.

  jgan evaluate --workdir runs/dcgan --metrics fid,kid,is,pr --num_samples 50000
  jgan evaluate --workdir runs/dcgan --metrics fd,pr --features efficientnet_lite0
  jgan evaluate --workdir runs/maps --metrics psnr,ssim,fd --reference maps/val
  jgan evaluate --workdir runs/flowers --direction a_to_b --metrics kd --reference unpaired:flowers:test
  jgan evaluate --images A --reference B --metrics fd,kd,pr --features efficientnet_lite0 --out DIR

`fid`, `clean_fid`, `kid` and `is` are made with Inception and nothing else; `fd`, `kd`, `pr`, ... with --features.
The results, with all that they depend on, go to eval.json; a grid of samples beside their nearest real images to
nearest.png. Sources are named as in data.source; a plain directory is a folder of images."""

NEAREST_ROWS, NEAREST_COLUMNS = 10, 6


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    processes.initialize()
    _check_numbers(options)
    metrics = check_metrics(options.metrics.split(","), f"--metrics={options.metrics}")
    subject = open_subject(options)
    comparison = _open_comparison(metrics, options)
    out: Path = options.out or subject.default_out
    reference_images = subject.reference()
    comparison.check_labels(generated=subject.has_labels, reference=reference_images.has_labels)
    comparison.check_pairs(paired=subject.is_paired)
    comparison.check_images(generated=subject.count, reference=reference_images.count, side=reference_images.side)
    if comparison.compares_classes:
        _check_classes(subject.class_names, reference_images.source.class_names)
    if processes.is_main():
        make_directory(out, "--out")
    collector = Collector(list(comparison.extractors.values()), comparison.needs_features)
    reference = collector.collect_cached(reference_images, cache_directory("references"))
    generated = collector.collect(subject.batches(reference), subject.count, "images")
    scores = comparison.scores(generated, reference, options.seed)
    if not processes.is_main():
        return 0
    result = {
        "scores": finite(scores),
        "definitions": {name: metric.definition for name, metric in metrics.items()},
        "extractors": {name: _describe(network) for name, network in comparison.extractors.items()},
        "classifier": reference.classifier and _describe_classifier(reference.classifier, options.classifier),
        "images": {**subject.provenance(), "count": subject.count, "sha256": generated.sha256},
        "reference": {
            "source": subject.reference_name,
            "count": reference_images.count,
            "of": reference_images.source.count,
            "sha256": reference.sha256,
            "resolution": reference_images.form and dataclasses.asdict(reference_images.form),
        },
        "seed": options.seed,
        "jgan": __version__,
        "warnings": comparison.warnings(generated, reference),
    }
    _write_result(out / "eval.json", result)
    if generated.images.shape[1:] == reference.images.shape[1:]:
        features = comparison.features if comparison.features in generated.features else None
        _save_nearest(generated, reference, features or next(iter(generated.features), None), out / "nearest.png")
    _print_table(result, out)
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("evaluate", DESCRIPTION)
    parser.add_argument("--workdir", metavar="DIR", type=Path, help="a run, whose newest checkpoint is measured")
    parser.add_argument("--images", metavar="SOURCE", help="images to measure in place of a run's")
    parser.add_argument("--reference", metavar="SOURCE", help="real images (default: those of the run)")
    parser.add_argument("--metrics", default="fd,kd,pr", help=f"of {', '.join(METRICS)} (default fd,kd,pr)")
    parser.add_argument(
        "--features", choices=EXTRACTORS, help=f"for fd, kd, pr, ... (default {EvaluationConfig.features})"
    )
    parser.add_argument("--weights", metavar="FILE", type=Path, help="of the network, in place of the published ones")
    parser.add_argument("--classifier", metavar="FILE", type=Path, help="of jgan classifier (else: trained)")
    parser.add_argument("--dtype", choices=DTYPES, help="the networks compute in (default float32)")
    parser.add_argument("--num_samples", type=int, help="images of each side (default: as many as are real)")
    parser.add_argument("--num_reference", type=int, help="real images, where not as many as generated ones")
    parser.add_argument("--resolution", type=int, help="square pixels at which --images are compared")
    parser.add_argument("--seed", type=int, default=0, help="of the latents and of random subsets (default 0)")
    parser.add_argument("--truncation", type=float, help="draw normal latents from [-t, t] only")
    command.add_standing_batches(parser)
    parser.add_argument("--direction", choices=("a_to_b", "b_to_a"), help="of a run between two domains (CycleGAN)")
    parser.add_argument("--raw", action="store_true", help="the trained weights, not their average")
    parser.add_argument("--best", action="store_true", help="the best checkpoint (evaluate_every), not the newest")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where results go (default: eval/ of the run)")
    return parser


def _check_numbers(options: argparse.Namespace) -> None:
    for name in ("num_samples", "num_reference", "resolution"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise UserError(f"--{name}={value}: expected at least 1")
    if (options.resolution or 0) > MAX_RESOLUTION:
        raise UserError(f"--resolution={options.resolution}: expected at most {MAX_RESOLUTION}")
    command.check_seed(options.seed)
    command.check_standing_batches(options.standing_batches)


def _open_comparison(metrics: dict[str, Metric], options: argparse.Namespace) -> Comparison:
    """Refuses flags that these metrics would not look at."""
    if options.features and not any(metric.extractor == "" for metric in metrics.values()):
        raise UserError(f"--features={options.features}: these metrics do not take any network; leave it out")
    if options.dtype and all(metric.extractor is None for metric in metrics.values()):
        raise UserError(f"--dtype={options.dtype}: these metrics need no network; leave it out")
    features, dtype = options.features or EvaluationConfig.features, options.dtype or EvaluationConfig.dtype
    return open_comparison(metrics, features, dtype, options.weights, options.classifier)


def _check_classes(ours: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> None:
    """Raises UserError where both sides name their classes, and not alike: labels are places in those lists."""
    if ours is not None and theirs is not None and ours != theirs:
        pairs = itertools.zip_longest(ours, theirs, fillvalue="none")
        label, (mine, other) = next((place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1])
        raise UserError(
            f"class {label} is {mine!r} among the images and {other!r} in the reference; give both the same classes, "
            "or leave out the metrics that compare class by class"
        )


def _describe(extractor: Extractor) -> dict[str, str]:
    names = ("title", "resize", "dtype", "weights_sha256")
    return {name: getattr(extractor, name) for name in names}


def _describe_classifier(real: RealClassifier, path: Path | None) -> dict[str, Any]:
    stored = {} if path is None else {"file": str(path), "sha256": sha256(path)}
    return {**describe(real.classifier), **stored}


def _write_result(path: Path, result: dict[str, Any]) -> None:
    """Writes eval.json; another result that is there stays beside it as eval-....json, named after its content."""
    with writing(path):
        if path.exists() and path.read_text() != as_json(result):
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


def _print_table(result: dict[str, Any], out: Path) -> None:
    width = max(map(len, result["scores"]))
    for name, value in result["scores"].items():
        print(f"{name:<{width}}  {value if isinstance(value, str) else format(value, '.4f')}")
    for line in result["warnings"]:
        print(f"note: {line}")
    print(f"{result['images']['count']} images against {result['reference']['count']} real ones: {out}/eval.json")


if __name__ == "__main__":
    command.run(main)

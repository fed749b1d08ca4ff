"""Measure a run or a folder of images: `python -m jgan.evaluate --workdir runs/dcgan --metrics fd,pr`."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jgan import __version__, command, processes
from jgan import config as configs
from jgan.config import Config
from jgan.data.images import Format
from jgan.data.sources import open_source
from jgan.drawing import Draw, classes_in_turn, latent_game, restore_generator
from jgan.evaluation import Batch, Collector, SourceImages, training_images
from jgan.files import cache_directory, make_directory, sha256, write_json
from jgan.metrics.classification import RealClassifier
from jgan.metrics.classifier import describe
from jgan.metrics.comparison import check_metrics, open_comparison, singular_moments
from jgan.metrics.extractors import DTYPES, EXTRACTORS, Extractor, images_at_once
from jgan.metrics.manifold import nearest
from jgan.metrics.scores import METRICS, ImageSet
from jgan.pictures import make_grid, save_png
from jgan.types import UserError

DESCRIPTION = """Compares the images of a run, or of any data source, with real ones.

  python -m jgan.evaluate --workdir runs/dcgan --metrics fid,kid,is,pr --num_samples 50000
  python -m jgan.evaluate --workdir runs/dcgan --metrics fd,pr --features efficientnet_lite0
  python -m jgan.evaluate --images A --reference B --metrics fd,kd,pr --features efficientnet_lite0 --out DIR

`fid`, `clean_fid`, `kid` and `is` are made with Inception and nothing else; `fd`, `kd`, `pr`, ... with --features.
The results, with all that they depend on, go to eval.json; a grid of samples beside their nearest real images to
nearest.png. Sources are named as in data.source; a plain directory is a folder of images."""

CLASSIFYING = [name for name, metric in METRICS.items() if metric.classifies]
NEAREST_ROWS, NEAREST_COLUMNS = 10, 6


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    processes.initialize()
    for name in ("num_samples", "num_reference", "resolution"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise UserError(f"--{name}={value}: expected at least 1")
    if not 0 <= options.seed < 2**63:
        raise UserError(f"--seed={options.seed}: expected a number from 0 to 2**63 - 1")
    metrics = check_metrics(options.metrics.split(","), f"--metrics={options.metrics}")
    if options.workdir is not None:
        subject = _Run(options)
    elif options.images is not None and options.reference is not None:
        subject = _Folder(options)
    else:
        raise UserError("--workdir: expected a run, or --images and --reference in its place")
    comparison = open_comparison(metrics, options.features, options.dtype, options.weights, options.classifier)
    out: Path = options.out or subject.default_out
    reference_images = subject.reference()
    comparison.check_labels(generated=subject.has_labels, reference=reference_images.has_labels)
    if processes.is_main():
        make_directory(out, "--out")
    collector = Collector(list(comparison.extractors.values()), comparison.needs_features)
    reference = collector.collect_cached(reference_images, cache_directory("references"))
    generated = collector.collect(subject.batches(), subject.count, "images")
    scores = comparison.scores(generated, reference, options.seed)
    if not processes.is_main():
        return 0
    result = {
        "scores": scores,
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
        "warnings": _warnings(generated, reference),
    }
    write_json(out / "eval.json", result)
    extractor = options.features if options.features in comparison.extractors else next(iter(generated.features), "")
    if extractor and generated.images.shape[1:] == reference.images.shape[1:]:
        _save_nearest(generated, reference, extractor, out / "nearest.png")
    _print_table(result, out)
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("evaluate", DESCRIPTION)
    parser.add_argument("--workdir", metavar="DIR", type=Path, help="a run, whose newest checkpoint is measured")
    parser.add_argument("--images", metavar="SOURCE", help="images to measure in place of a run's")
    parser.add_argument("--reference", metavar="SOURCE", help="real images (default: those of the run)")
    parser.add_argument("--metrics", default="fd,kd,pr", help=f"of {', '.join(METRICS)} (default fd,kd,pr)")
    parser.add_argument("--features", default="efficientnet_lite0", choices=EXTRACTORS, help="for fd, kd, pr, ...")
    parser.add_argument("--weights", metavar="FILE", type=Path, help="of the network, in place of the published ones")
    parser.add_argument("--classifier", metavar="FILE", type=Path, help="of python -m jgan.classifier (else: trained)")
    parser.add_argument("--dtype", default="float32", choices=DTYPES, help="the networks compute in (default float32)")
    parser.add_argument("--num_samples", type=int, help="images of each side (default: as many as are real)")
    parser.add_argument("--num_reference", type=int, help="real images, where not as many as generated ones")
    parser.add_argument("--resolution", type=int, help="square pixels at which --images are compared")
    parser.add_argument("--seed", type=int, default=0, help="of the latents and of random subsets (default 0)")
    parser.add_argument("--truncation", type=float, help="draw normal latents from [-t, t] only")
    parser.add_argument("--raw", action="store_true", help="the trained weights, not their average")
    parser.add_argument("--best", action="store_true", help="the best checkpoint (evaluate_every), not the newest")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where results go (default: eval/ of the run)")
    return parser


class _Run:
    """Images drawn from a run, against the data it was trained on or others."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.config: Config = configs.load(options.workdir)
        self.game = game = latent_game(self.config, "--workdir", options.truncation)
        self.default_out = options.workdir / "eval"
        self.reference_name = options.reference or self.config.data.source
        self.source = open_source(_as_source(self.reference_name))
        if (options.num_reference or 0) > self.source.count:
            raise UserError(
                f"--num_reference={options.num_reference}: {self.reference_name} has {self.source.count} images"
            )
        self.count = options.num_samples or self.source.count
        self.generator, self.step = restore_generator(self.config, options.workdir, raw=options.raw, best=options.best)
        self.labels = classes_in_turn(game, self.count)
        self.has_labels = self.labels is not None

    def reference(self) -> SourceImages:
        return training_images(self.config, self.source, self.options.num_reference or self.count)

    def batches(self) -> Iterator[Batch]:
        draw = Draw(self.game, self.options.seed, images_at_once(), self.options.truncation)
        return draw(self.generator, self.labels, self.count)

    def provenance(self) -> dict[str, Any]:
        return {
            "workdir": str(self.options.workdir),
            "checkpoint": "best" if self.options.best else "newest",
            "step": self.step,
            "weights": "trained" if self.options.raw else "averaged",
            "truncation": self.options.truncation,
            "labels": None if self.labels is None else "classes in turn",
        }


class _Folder:
    """Images of one source against those of another."""

    def __init__(self, options: argparse.Namespace) -> None:
        for name in ("truncation", "raw", "best"):
            if getattr(options, name):
                raise UserError(f"--{name}: only a run (--workdir) draws images")
        if options.out is None:
            raise UserError("--out: expected a directory for the results of --images")
        self.options, self.default_out, self.reference_name = options, options.out, options.reference
        self.form = Format(options.resolution, 3, "crop", 255) if options.resolution else None
        self.images = self._open(options.images, "num_samples", options.num_samples)
        self.count, self.has_labels = self.images.count, self.images.has_labels

    def _open(self, name: str, flag: str, count: int | None) -> SourceImages:
        source = open_source(_as_source(name))
        if count and source.count < count:
            raise UserError(f"--{flag}={count}: {name} has {source.count} images")
        return SourceImages(source, count or source.count, self.form)

    def reference(self) -> SourceImages:
        options = self.options
        if options.num_reference:
            return self._open(self.reference_name, "num_reference", options.num_reference)
        return self._open(self.reference_name, "num_samples", options.num_samples)

    def batches(self) -> Iterator[Batch]:
        return self.images.batches()

    def provenance(self) -> dict[str, Any]:
        return {"source": self.options.images}


def _as_source(name: str) -> str:
    return f"folder:{name}" if Path(name).is_dir() else name


def _describe(extractor: Extractor) -> dict[str, str]:
    names = ("title", "resize", "dtype", "weights_sha256")
    return {name: getattr(extractor, name) for name in names}


def _describe_classifier(real: RealClassifier, path: Path | None) -> dict[str, Any]:
    stored = {} if path is None else {"file": str(path), "sha256": sha256(path)}
    return {**describe(real.classifier), **stored}


def _warnings(generated: ImageSet, reference: ImageSet) -> list[str]:
    lines = []
    if (sizes := generated.images.shape[1:3]) != reference.images.shape[1:3]:
        lines.append(f"images of {sizes}, reference of {reference.images.shape[1:3]} pixels: no nearest.png")
    if generated.count != reference.count:
        lines.append(f"{generated.count} images against {reference.count} real ones: compare only equal numbers")
    return [*lines, *singular_moments(generated, reference)]


def _save_nearest(generated: ImageSet, reference: ImageSet, extractor: str, path: Path) -> None:
    """Samples (left) and the real images nearest to them in feature space: copies would show."""
    rows = min(NEAREST_ROWS, len(generated.images))
    real = reference.features[extractor][: len(reference.images)]
    indices, _ = nearest(generated.features[extractor][:rows], real, min(NEAREST_COLUMNS, len(real)))
    cells = np.concatenate([generated.images[:rows, None], reference.images[indices]], axis=1)
    save_png(path, make_grid(cells))


def _print_table(result: dict[str, Any], out: Path) -> None:
    width = max(map(len, result["scores"]))
    for name, value in result["scores"].items():
        print(f"{name:<{width}}  {value:.4f}" if math.isfinite(value) else f"{name:<{width}}  {value}")
    for line in result["warnings"]:
        print(f"note: {line}")
    print(f"{result['images']['count']} images against {result['reference']['count']} real ones: {out}/eval.json")


if __name__ == "__main__":
    command.run(main)

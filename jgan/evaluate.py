"""Measure a run or a folder of images: `jgan evaluate --workdir runs/dcgan --metrics fd,pr`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jgan import command
from jgan.engine import processes
from jgan.evaluation.images import Chosen
from jgan.evaluation.measure import Metrics, measure
from jgan.inference.weights import Weights
from jgan.metrics.config import EvaluationConfig
from jgan.metrics.extractors import EXTRACTORS
from jgan.metrics.scores import METRICS
from jgan.rundir.fetched import in_run
from jgan.types import DTYPES, UserError

DESCRIPTION = """Compares the images of a run, or of any data source, with real ones.

  jgan evaluate --workdir runs/dcgan --metrics fid,kid,is,pr --num_samples 50000
  jgan evaluate --workdir runs/dcgan --metrics fd,pr --features efficientnet_lite0
  jgan evaluate --workdir runs/maps --metrics psnr,ssim,fd --reference maps/val
  jgan evaluate --workdir runs/flowers --direction a_to_b --metrics kd --reference unpaired:flowers:test
  jgan evaluate --images A --reference B --metrics fd,kd,pr --features efficientnet_lite0 --out DIR

`fid`, `clean_fid`, `kid` and `is` always use Inception; `fd`, `kd`, `pr`, ... use --features. The results, with all
that they depend on, go to eval.json; a grid of samples beside their nearest real images goes to nearest.png. Sources
are named as in data.source; a plain directory is a folder of images."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    processes.initialize()
    out: Path | None = options.out or (options.workdir and in_run(options.workdir, "eval"))
    if out is None and options.images and options.reference:
        raise UserError("--out: expected a directory for the results of --images")
    names = tuple(options.metrics.split(","))
    wanted = Metrics(names, options.features, options.weights, options.classifier, options.dtype)
    result = measure(_chosen(options), wanted, out)
    if processes.is_main():
        _print_table(result, out)
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("evaluate", DESCRIPTION)
    command.add_run(parser, required=False, help="the run to measure, or hf://owner/name, at its newest checkpoint")
    parser.add_argument("--images", metavar="SOURCE", help="images to measure, in place of a run")
    parser.add_argument(
        "--reference", metavar="SOURCE", help="real images to compare with (default: the run's training set)"
    )
    parser.add_argument(
        "--metrics", default="fd,kd,pr", help=f"separated by commas: {', '.join(METRICS)} (default fd,kd,pr)"
    )
    parser.add_argument(
        "--features",
        choices=EXTRACTORS,
        help=f"feature network of fd, kd, pr, ... (default {EvaluationConfig.features})",
    )
    parser.add_argument(
        "--weights", metavar="FILE", type=Path, help="weights of the feature network (default: the published ones)"
    )
    parser.add_argument(
        "--classifier", metavar="FILE", type=Path, help="a classifier stored by jgan classifier (default: train one)"
    )
    parser.add_argument("--dtype", choices=DTYPES, help="precision of the networks (default float32)")
    parser.add_argument(
        "--num_samples", type=int, help="number of generated and of real images (default: all real ones)"
    )
    parser.add_argument("--num_reference", type=int, help="number of real images, if it is another")
    parser.add_argument("--resolution", type=int, help="side in pixels at which --images are compared")
    parser.add_argument("--seed", type=int, default=0, help="seed of the latents and of random subsets (default 0)")
    parser.add_argument("--truncation", type=float, help="keep normal latents within [-t, t]")
    command.add_standing_batches(parser)
    parser.add_argument("--direction", choices=("a_to_b", "b_to_a"), help="which way a CycleGAN run translates")
    parser.add_argument("--raw", action="store_true", help="use the trained weights, not the EMA weights")
    parser.add_argument("--best", action="store_true", help="use the best checkpoint of a run with evaluate_every")
    parser.add_argument("--out", metavar="DIR", type=Path, help="directory of the results (default: eval/ of the run)")
    return parser


def _chosen(options: argparse.Namespace) -> Chosen:
    return Chosen(
        workdir=options.workdir,
        images=options.images,
        reference=options.reference,
        num_samples=options.num_samples,
        num_reference=options.num_reference,
        resolution=options.resolution,
        seed=options.seed,
        truncation=options.truncation,
        standing_batches=options.standing_batches,
        direction=options.direction,
        weights=Weights(options.raw, options.best),
    )


def _print_table(result: dict[str, Any], out: Path | None) -> None:
    width = max(map(len, result["scores"]))
    for name, value in result["scores"].items():
        print(f"{name:<{width}}  {value if isinstance(value, str) else format(value, '.4f')}")
    for line in result["warnings"]:
        print(f"note: {line}")
    print(f"{result['images']['count']} images against {result['reference']['count']} real ones: {out}/eval.json")


if __name__ == "__main__":
    command.run(main)

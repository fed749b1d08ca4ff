"""Write a run's generator for other runtimes: `jgan export --workdir ... --format onnx --out generator.onnx`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan import config as configs
from jgan.export.exporting import FORMATS, Wanted, export_run
from jgan.inference.weights import Weights

DESCRIPTION = """Writes the generator of a run (its EMA weights) as one file, and compares it with the run.

  jgan export --workdir runs/digits --format onnx --out digits.onnx
  jgan export --workdir runs/maps --format stablehlo --out maps.stablehlo --license cc-by-4.0

  onnx         for onnxruntime, in browsers too (needs the extra jgan[onnx])
  stablehlo    for XLA: jax.export.deserialize reads it, without jgan; its metadata stand in FILE.json
  safetensors  the weights alone, by their names in Flax

Inputs are latents with what the run has of labels, captions and truncation (psi, of StyleGANs), or images. Batches of
any size go through, and images of any size that the network takes. Inputs, classes, licence and what it was made of
stand in the file's metadata. `jgan export-weights` writes weights by the names of other code bases."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    wanted = Wanted(
        format=options.format,
        weights=Weights(options.raw, options.best, options.step),
        batch_size=options.batch_size,
        size=options.size,
        direction=options.direction,
        truncation=options.truncation,
        licence=options.license,
        overwrite=options.overwrite,
    )
    print(export_run(configs.load(options.workdir), options.workdir, options.out, wanted))
    return 0


def _batch_size(text: str) -> int | None:
    return None if text == "dynamic" else int(text)


_batch_size.__name__ = "number of images"  # as argparse calls what does not fit


def _size(text: str) -> tuple[int, int]:
    """(height, width) of WIDTHxHEIGHT, or of one number for both."""
    found = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: expected WIDTHxHEIGHT, such as 256x256")
    return int(found[2] or found[1]), int(found[1])


def _parser() -> command.Parser:
    parser = command.Parser("export", DESCRIPTION)
    command.add_run(parser)
    parser.add_argument("--format", choices=FORMATS, required=True, help="the kind of file")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="the file, which is new")
    parser.add_argument(
        "--batch_size", metavar="N", type=_batch_size, help="images at once, fixed; default: dynamic, any number"
    )
    parser.add_argument(
        "--size", metavar="WIDTHxHEIGHT", type=_size, help="of input images, fixed; default: any that the network takes"
    )
    parser.add_argument("--direction", metavar="WAY", help="a_to_b or b_to_a, of a run between two domains")
    parser.add_argument(
        "--truncation", metavar="T", type=float, help="fixed: psi of a StyleGAN, or statistics of an imported BigGAN"
    )
    parser.add_argument("--license", metavar="NAME", help="of the weights; stands in the metadata as it is given")
    parser.add_argument("--raw", action="store_true", help="the trained weights, not their average")
    parser.add_argument("--best", action="store_true", help="the best checkpoint of a run with evaluate_every")
    parser.add_argument("--step", type=int, metavar="N", help="the checkpoint of step N")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    return parser


if __name__ == "__main__":
    command.run(main)

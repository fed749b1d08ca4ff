"""The flags that `translate` and `upscale` share."""

from __future__ import annotations

import argparse
from pathlib import Path

from jgan.command import Parser, add_run
from jgan.inference.image_files import Files
from jgan.inference.one_image import Tiles
from jgan.inference.weights import Weights


def add_image_flags(parser: Parser, tile: int) -> None:
    """Flags of both commands; `tile` is the usual side."""
    add_run(parser)
    parser.add_argument("--input", metavar="PATH", type=Path, required=True, help="an image, or a folder of images")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where PNGs of the same names go")
    parser.add_argument(
        "--tile",
        type=int,
        help=f"larger images go through the network in squares of this side (default {tile}, or the multiple above "
        "it that the network takes; 0: whole)",
    )
    parser.set_defaults(usual_tile=tile)
    parser.add_argument(
        "--overlap",
        type=int,
        help="pixels that tiles share (default: a quarter of a tile; of super-resolution, on top of it, an eighth of a "
        "tile, and at least 20)",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace images that are there already")
    existing.add_argument(
        "--skip_existing", action="store_true", help="skip images that are there already, to go on where it was stopped"
    )
    parser.add_argument("--skip_broken", action="store_true", help="skip files that cannot be read, and name them")
    parser.add_argument(
        "--bicubic", action="store_true", help="enlarge with the bicubic filter in place of the network, to compare"
    )
    parser.add_argument(
        "--degrade", action="store_true", help="the inputs are clean images: first degrade them as the run's task does"
    )
    parser.add_argument(
        "--mask", metavar="PATH", type=Path, help="for inpainting: a mask, white where the image is to be filled"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of --degrade, and of dropout in networks that keep it on (default 0)"
    )
    parser.add_argument("--raw", action="store_true", help="use the trained weights, not the EMA weights")
    parser.add_argument("--best", action="store_true", help="use the best checkpoint of a run with evaluate_every")
    parser.add_argument("--step", type=int, metavar="N", help="use the checkpoint of step N")


def files_of(options: argparse.Namespace) -> Files:
    """What the flags say of files. Raises UserError for numbers out of range, and flags that exclude each other."""
    files = Files(
        options.input,
        options.out,
        options.mask,
        Tiles(options.tile, options.overlap, options.usual_tile),
        options.degrade,
        options.overwrite,
        options.skip_existing,
        options.skip_broken,
    )
    files.check()
    return files


def weights_of(options: argparse.Namespace) -> Weights:
    """What the flags say of weights."""
    return Weights(options.raw, options.best, options.step)


def skipped_text(skipped: int, files: Files) -> str:
    """The end of a command's last line."""
    return f"; {skipped} skipped, whose images were there already" if files.skip_existing else ""

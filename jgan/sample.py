"""Sample images from a run: `jgan sample --workdir runs/dcgan --num 64 --out samples/`."""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jgan import command
from jgan import config as configs
from jgan.configuration.ranges import check_count
from jgan.data.classes import split_labels
from jgan.games.latent import LatentGAN
from jgan.inference.given_captions import encode_captions, given_on_a_command_line
from jgan.inference.sample_files import SampleFiles, made_by
from jgan.inference.samples import (
    NUM,
    RunSampler,
    Sampling,
    captions_in_rows,
    images_bar,
    labels_in_turn,
)
from jgan.inference.sampling import latent_game
from jgan.inference.weights import Weights, read_numbering, read_vocabulary
from jgan.rundir.fetched import in_run
from jgan.rundir.lock import writing_alone
from jgan.rundir.pictures import make_grid, save_png
from jgan.rundir.written import GRID, SAMPLED
from jgan.types import UserError

DESCRIPTION = """Generates images with a run's EMA weights: numbered PNGs and grid.png.

  jgan sample --workdir runs/dcgan --num 64 --out samples/
  jgan sample --workdir runs/digits --num 40 --labels 3,5 --truncation 0.7 --out samples/
  jgan sample --workdir runs/text --caption "a thin seven" --caption "a bold upright three" --out samples/

Image number i depends on --seed, on i and on its label or caption, not on --num. --batch_size changes images by
rounding at most; with --standing_batches it sets the size of the batches whose statistics are taken.

Images are written as they come. The same command again goes on where it was stopped; images that were
sampled otherwise are not replaced without --overwrite.

Classes have the names of their data's folders, or the labels of its table; `jgan data inspect` lists them. A name with
a comma stands in quotes: --labels 'cat,"sea, calm"'.

Each caption becomes a row of the grid. Give --caption once for each, or --captions FILE with one caption a line. A run
that was trained on vectors of captions takes --embeddings FILE.npz with `embeddings` [captions, features]."""

GRID_IMAGES = 400  # at most, in grid.png


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    out: Path = options.out or in_run(options.workdir, "generated")
    sampling = Sampling(
        options.seed,
        options.truncation,
        options.truncation_cutoff,
        standing_batches=options.standing_batches,
        batch_size=options.batch_size,
    )
    sampling.check()
    check_count("--num", options.num)
    weights = Weights(options.raw, options.best, options.step)
    config = configs.load(options.workdir)
    game = latent_game(config, "--workdir", options.truncation)
    condition, num, columns = _condition_and_columns(game, options, weights)
    sampler = RunSampler(config, options.workdir)
    generator, step = sampler.restore(weights)
    files = SampleFiles(out, num, made_by(generator, step, condition, num, sampling))
    with writing_alone(out, first_files={SAMPLED}):
        first = files.begin(overwrite=options.overwrite)
        batches = sampler.batches(condition, num, sampling, weights, first)
        done = first
        try:
            with images_bar(num, first, sampling) as bar:
                for done in files.write(batches, first):
                    bar.update(done - bar.n)
        except (KeyboardInterrupt, SystemExit):
            print(f"{done} of {num} images are in {out}; the same command goes on", file=sys.stderr)
            raise
        _write_grid(files.read(min(num, GRID_IMAGES)), out, columns)
    print(f"{num} images from the {weights.title} at step {step}: {out}/{GRID}")
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("sample", DESCRIPTION)
    command.add_run(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, help="where the PNGs go (default: generated/ of the run)")
    parser.add_argument("--num", type=int, help="number of images (default 64; with captions, 8 of each)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the latents (default 0)")
    parser.add_argument(
        "--labels", metavar="cat,5", help="classes to generate, in turn: names or numbers (default: all)"
    )
    captions = parser.add_mutually_exclusive_group()
    captions.add_argument(
        "--caption", action="append", metavar="TEXT", help="a caption to generate from; repeat it for more"
    )
    captions.add_argument("--captions", metavar="FILE", type=Path, help="a file with one caption a line")
    captions.add_argument("--embeddings", metavar="FILE", type=Path, help="an .npz with vectors of captions")
    parser.add_argument(
        "--truncation",
        type=float,
        help="keep normal latents within [-t, t]; of StyleGANs psi, by which styles are scaled about their average; "
        "for imported BigGAN weights, the scale of the latents, at most 1",
    )
    parser.add_argument(
        "--truncation_cutoff",
        type=int,
        metavar="N",
        help="of StyleGANs: truncate the styles of the first N layers alone",
    )
    parser.add_argument("--raw", action="store_true", help="use the trained weights, not the EMA weights")
    parser.add_argument(
        "--step", type=int, metavar="N", help="use the checkpoint of step N (the run keeps the last keep_checkpoints)"
    )
    parser.add_argument("--best", action="store_true", help="use the best checkpoint of a run with evaluate_every")
    parser.add_argument("--overwrite", action="store_true", help="replace images in --out that were sampled otherwise")
    command.add_standing_batches(parser)
    parser.add_argument("--batch_size", type=int, default=64, help="images generated at once (default 64)")
    return parser


def _condition_and_columns(
    game: LatentGAN, options: argparse.Namespace, weights: Weights
) -> tuple[np.ndarray | None, int, int]:
    """The label or the caption of every image, how many images there are, and the columns of their grid."""
    if game.captions != "none" and options.labels is not None:
        raise UserError("--labels: this run generates images from captions, it has no classes to choose")
    vocabulary = functools.partial(read_vocabulary, options.workdir, weights)
    given = given_on_a_command_line(options.caption, options.captions, options.embeddings)
    captions = encode_captions(game, given, vocabulary)
    if captions is None:
        num, labels = options.num or NUM, None if options.labels is None else split_labels(options.labels)
        numbering = functools.partial(read_numbering, options.workdir, weights)
        return labels_in_turn(game, labels, num, numbering), num, _columns(labels, game, num)
    condition = captions_in_rows(captions, options.num)
    return condition, len(condition), len(condition) // len(captions)


def _columns(labels: list[str] | None, game: LatentGAN, num: int) -> int:
    """As square as can be, every class in columns of its own where there are classes."""
    side = math.sqrt(min(num, GRID_IMAGES))
    classes = len(labels) if labels is not None else game.num_classes
    return classes * max(1, round(side / classes)) if 1 < classes <= 32 else math.ceil(side)


def _write_grid(shown: np.ndarray, directory: Path, columns: int) -> None:
    rows = math.ceil(len(shown) / columns)
    blank = np.full((rows * columns - len(shown), *shown.shape[1:]), 255, np.uint8)
    cells = np.concatenate([shown, blank])
    save_png(directory / GRID, make_grid(cells.reshape(rows, columns, *cells.shape[1:])))


if __name__ == "__main__":
    command.run(main)

"""What a verb of `jgan latents` is, and the flags that several of them share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from jgan import config as configs
from jgan.command import Parser, add_run
from jgan.configuration.ranges import check_count
from jgan.data.classes import split_labels
from jgan.inference.given_captions import GivenCaptions, given_on_a_command_line
from jgan.inference.sampling import latent_game
from jgan.inference.weights import Weights
from jgan.latents.space import BATCH_SIZE, LatentSpace, check_seeds
from jgan.types import UserError

MOST_SEEDS = 10_000  # of one command
RANGE = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?")


class Verb(NamedTuple):
    """A tool: its name, its line in the help, its own help, its flags, and what it does with their values."""

    name: str
    summary: str
    description: str
    add_flags: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], None]


def add_weights(parser: Parser) -> None:
    """The run and which of its weights."""
    add_run(parser)
    parser.add_argument("--raw", action="store_true", help="use the trained weights, not the EMA weights")
    parser.add_argument("--best", action="store_true", help="use the best checkpoint of a run with evaluate_every")
    parser.add_argument("--step", type=int, metavar="N", help="use the checkpoint of step N")
    parser.add_argument(
        "--batch_size", type=int, default=BATCH_SIZE, help=f"images generated at once (default {BATCH_SIZE})"
    )


def add_seeds(parser: Parser, flag: str = "--seeds", default: str = "0-7") -> None:
    """Numbers of images of `jgan sample`."""
    parser.add_argument(
        flag,
        metavar="3,17,20-25",
        default=default,
        help=f"images, by their numbers in `jgan sample` (default {default})",
    )


def add_condition(parser: Parser) -> None:
    """Classes or captions."""
    parser.add_argument(
        "--labels", metavar="cat,5", help="classes, in turn: names or numbers (default: those of `jgan sample`)"
    )
    captions = parser.add_mutually_exclusive_group()
    captions.add_argument("--caption", action="append", metavar="TEXT", help="a caption; repeat it for more, in turn")
    captions.add_argument("--captions", metavar="FILE", type=Path, help="a file with one caption a line")
    captions.add_argument("--embeddings", metavar="FILE", type=Path, help="an .npz with vectors of captions")


def add_truncation(parser: Parser) -> None:
    """How far latents, or styles, may be from their average."""
    parser.add_argument("--truncation", type=float, help="as that of `jgan sample`; of StyleGANs psi")


def add_out(parser: Parser, metavar: str = "FILE.png", what: str = "the picture to write") -> None:
    """Where the picture goes."""
    parser.add_argument("--out", metavar=metavar, type=Path, required=True, help=what)
    parser.add_argument("--overwrite", action="store_true", help="replace a picture that was made by other settings")


def open_space(options: argparse.Namespace) -> LatentSpace:
    """The run of `add_weights`.

    Raises:
      UserError: it has no latents, no such checkpoint, or does not take the truncation of `add_truncation`.
    """
    check_count("--batch_size", options.batch_size)
    config = configs.load(options.workdir)
    latent_game(config, "--workdir", getattr(options, "truncation", None))
    weights = Weights(options.raw, options.best, options.step)
    return LatentSpace(config, options.workdir, weights, options.batch_size)


def parse_seeds(text: str, flag: str = "--seeds") -> list[int]:
    """The numbers of a list such as 3,17,20-25; a range has both its ends.

    Raises:
      UserError: it is no such list, or one of them is no number of an image.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, last = parse_range(part, f"{flag}={text}", "numbers and ranges, such as 3,17,20-25")
        if last - first >= MOST_SEEDS - len(seeds):
            raise UserError(f"{flag}={text}: more than {MOST_SEEDS:,} images; expected fewer")
        seeds += range(first, last + 1)
    check_seeds(seeds, flag)
    return seeds


def parse_range(part: str, place: str, expected: str) -> tuple[int, int]:
    """The first and the last of 20-25, or of 20 alone. Raises UserError, beginning with `place`, for another text."""
    match = RANGE.fullmatch(part.strip())
    if match is None:
        raise UserError(f"{place}: expected {expected}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise UserError(f"{place}: {part.strip()} ends before it begins")
    return first, last


def parse_numbers(text: str, flag: str) -> list[float]:
    """The numbers of a list such as 0.5,1. Raises UserError where it is none."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"{flag}={text}: expected numbers separated by commas, such as 0.5,1") from None


def labels_of(options: argparse.Namespace) -> Sequence[str] | None:
    """The classes of `add_condition`."""
    return None if options.labels is None else split_labels(options.labels)


def captions_of(options: argparse.Namespace) -> GivenCaptions | None:
    """The captions of `add_condition`."""
    return given_on_a_command_line(options.caption, options.captions, options.embeddings)

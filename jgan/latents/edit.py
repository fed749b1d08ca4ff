"""Move images along directions, and measure what that moves: `jgan latents edit`."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jgan.command import Parser
from jgan.inference.given_captions import GivenCaptions
from jgan.inference.sampling import check_truncation
from jgan.latents.along import Moves, combinations, edit, holding
from jgan.latents.directions import parse_layers
from jgan.latents.found import joined, parse_direction
from jgan.latents.moved import measure_moves, table
from jgan.latents.outputs import Output
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace
from jgan.latents.verbs import (
    Verb,
    add_condition,
    add_out,
    add_seeds,
    add_truncation,
    add_weights,
    captions_of,
    labels_of,
    open_space,
    parse_seeds,
)
from jgan.metrics.classifier import Classifier, load_classifier
from jgan.rundir.atomic_files import check_replaceable, write_json
from jgan.types import UserError

DESCRIPTION = """Moves images along directions of `jgan latents directions`: a row a seed, a column a strength.

  jgan latents edit --workdir runs/digits --direction thick.npz --strengths -3..3 --seeds 0-7 --out thick.png
  jgan latents edit --workdir runs/style --direction pca.npz:2 --layers 0-3 --seeds 3,17 --out coarse.png
  jgan latents edit --workdir runs/digits --direction thick.npz --hold slant.npz --classifier digits.npz --out held.png
  jgan latents edit --workdir runs/digits --direction thick.npz --direction slant.npz --combine grid --out grid.png

Strength 1 is one standard deviation of the run's latents, or styles, along the direction. Several directions move
together; with --combine grid, of two, the first changes from left to right and the second from top to bottom. --hold
takes out of each direction what it has along others. A table, and the JSON beside the picture, says how much changed
in the mean over seeds, in pixels and in attributes measured from them; with --classifier, how many keep their class."""

COMBINATIONS = ("sum", "grid")
MADE_BY = "jgan latents edit"
MOST_STRENGTHS = 1000
RANGE = re.compile(r"(-?[\d.]+)\.\.(-?[\d.]+)")
NEGATIVE = re.compile(r"-[\d.]")  # what argparse takes for a value, not for an option


class Edited(NamedTuple):
    """Images of seeds moved along directions, and what moved.

    Attributes:
      images: uint8 [seeds, n, h, w, c].
      originals: uint8 [seeds, h, w, c], at strength 0.
      strengths: of every direction, for each of the n.
      moved: a row for each of the n, see `measure_moves`.
    """

    images: np.ndarray
    originals: np.ndarray
    strengths: list[tuple[float, ...]]
    moved: list[dict[str, Any]]


def edit_and_measure(
    space: LatentSpace,
    seeds: Sequence[int],
    moves: Moves,
    strengths: Sequence[float],
    *,
    combine: str = "sum",
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
    truncation: float | None = None,
    classifier: Classifier | None = None,
) -> Edited:
    """Images of seeds moved along directions, and what that changed.

    Raises:
      UserError: what the run does not take, or too many images.
    """
    check_strengths(strengths)
    check_combine(combine, len(moves.directions))
    combined = combinations(strengths, len(moves.directions), combine)
    check_sheet(len(seeds), len(combined), space.image_shape, "give fewer seeds or strengths")
    still = (0.0,) * len(moves.directions)
    # The originals are among the same batches, so that an image of strength 0 is its original to the last bit.
    both = edit(space, seeds, moves, [still, *combined], labels, captions, truncation)
    originals, images = both[:, 0], both[:, 1:]
    return Edited(images, originals, combined, measure_moves(images, originals, combined, classifier))


def check_strengths(strengths: Sequence[float]) -> None:
    """Raises UserError where there are none, too many, or one is not finite."""
    if not 0 < len(strengths) <= MOST_STRENGTHS:
        raise UserError(f"--strengths: {len(strengths)} of them; expected 1 to {MOST_STRENGTHS}")
    for strength in strengths:
        if not abs(strength) <= 1e6:
            raise UserError(f"--strengths: {strength:g}; expected numbers from -1e6 to 1e6")


def check_combine(combine: str, directions: int) -> None:
    """Raises UserError for no way to combine so many directions."""
    if combine not in COMBINATIONS:
        raise UserError(f"--combine={combine}: expected one of {', '.join(COMBINATIONS)}")
    if combine == "grid" and directions != 2:
        raise UserError(f"--combine=grid: {directions} directions; expected two")


def parse_strengths(text: str) -> list[float]:
    """The numbers of -3..3, in steps of 1, or of a list such as -2,0,2. Raises UserError where it is neither."""
    try:
        match = RANGE.fullmatch(text.strip())
        if match is None:
            strengths = [float(part) for part in text.split(",")]
        else:
            first, last = float(match[1]), float(match[2])
            if not 0 <= last - first < MOST_STRENGTHS:
                raise UserError(f"--strengths={text}: expected a range upwards, of at most {MOST_STRENGTHS} steps of 1")
            strengths = [first + step for step in range(math.floor(last - first) + 1)]
    except ValueError:
        raise UserError(f"--strengths={text}: expected a range such as -3..3, or numbers such as -2,0,2") from None
    check_strengths(strengths)
    return strengths


def draw(edited: Edited, seeds: Sequence[int], titles: Sequence[str], combine: str) -> np.ndarray:
    """The picture uint8 [height, width, c], with what columns and rows are."""
    if combine == "sum":
        columns = [f"{strength[0]:g}" for strength in edited.strengths]
        return draw_sheet(edited.images, columns, [f"seed {seed}" for seed in seeds], joined(titles))
    side = math.isqrt(len(edited.strengths))
    columns = [f"{first:g}" for first, _ in edited.strengths[:side]]
    rows = [f"seed {seed}, {titles[1]} {second:g}" for seed in seeds for _, second in edited.strengths[::side]]
    shape = edited.images.shape[2:]
    return draw_sheet(edited.images.reshape(len(seeds) * side, side, *shape), columns, rows, titles[0])


def _add_flags(parser: Parser) -> None:
    parser._negative_number_matcher = NEGATIVE  # so that --strengths -3..3 needs no "="
    add_weights(parser)
    parser.add_argument(
        "--direction",
        action="append",
        required=True,
        metavar="FILE.npz:3",
        help="a file of directions, and the number of one (default 0); repeat it to move along several",
    )
    parser.add_argument("--strengths", default="-3..3", metavar="-3..3", help="how far, in deviations (default -3..3)")
    parser.add_argument("--combine", choices=COMBINATIONS, default="sum", help="several directions (default: sum)")
    parser.add_argument(
        "--hold", action="append", metavar="FILE.npz:3", help="a direction that is to stay as it is; repeat it for more"
    )
    parser.add_argument("--layers", metavar="0-3", help="of StyleGANs: the styles that move (default: as found)")
    parser.add_argument("--classifier", metavar="FILE", type=Path, help="one of jgan classifier, to read the images")
    add_seeds(parser)
    add_condition(parser)
    add_truncation(parser)
    add_out(parser)


def _run(options: argparse.Namespace) -> None:
    output, seeds = Output(options), parse_seeds(options.seeds)
    beside = output.path.with_suffix(".json")
    check_replaceable(beside, MADE_BY.encode(), f"a table of {MADE_BY}")
    strengths = parse_strengths(options.strengths)
    check_combine(options.combine, len(options.direction))
    layers = None if options.layers is None else parse_layers(options.layers)
    found = [parse_direction(given) for given in options.direction]
    held = [parse_direction(given, "--hold") for given in options.hold or []]
    classifier = None if options.classifier is None else load_classifier(options.classifier)
    labels, captions = labels_of(options), captions_of(options)
    space = open_space(options)
    if options.truncation is not None:
        check_truncation(space.game, options.truncation)
    output.check(space)
    moves = Moves([holding(direction, held) for direction in found], layers)
    edited = edit_and_measure(
        space,
        seeds,
        moves,
        strengths,
        combine=options.combine,
        labels=labels,
        captions=captions,
        truncation=options.truncation,
        classifier=classifier,
    )
    titles = [direction.names[0] for direction in found]
    output.write(draw(edited, seeds, titles, options.combine), space)
    write_json(beside, {"made_by": MADE_BY, "directions": titles, "seeds": seeds, "moved": edited.moved})
    print("\n".join(table(edited.moved)))
    print(f"{len(seeds)} images moved along {joined(titles)}: {output.path}, {beside.name}")


VERB = Verb("edit", "move images along directions, and measure what moves", DESCRIPTION, _add_flags, _run)

"""The same images at several truncations: `jgan latents truncate`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

from jgan.command import Parser, add_standing_batches
from jgan.inference.given_captions import GivenCaptions
from jgan.inference.sampling import check_standing_batches, check_truncation
from jgan.latents.outputs import Output
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace
from jgan.latents.verbs import (
    Verb,
    add_condition,
    add_out,
    add_seeds,
    add_weights,
    captions_of,
    labels_of,
    open_space,
    parse_seeds,
)
from jgan.types import UserError

DESCRIPTION = """The same images at several truncations, a row for each: fewer kinds of images, and better ones.

  jgan latents truncate --workdir runs/dcgan --seeds 0-7 --out truncation.png
  jgan latents truncate --workdir runs/style --truncations 0.3,0.7,1 --seeds 3,17 --out truncation.png

Of normal latents a truncation t keeps each number within [-t, t]; of StyleGANs it is psi, which scales styles about
their average; of imported BigGANs, the scale of the latents. "none" truncates nothing.

Batch norm's statistics were taken without truncation. With --standing_batches they are taken anew for each row."""

NONE = "none"
STANDING_BATCH = 64  # images


def truncate(
    space: LatentSpace,
    seeds: Sequence[int],
    truncations: Sequence[float | None],
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
    standing_batches: int = 0,
) -> np.ndarray:
    """Images uint8 [truncations, seeds, h, w, c] of the same seeds; a truncation of None is none.

    With `standing_batches`, batch statistics are those of so many fresh batches of each truncation.

    Raises:
      UserError: seeds, labels, truncations or statistics that the run does not take.
    """
    check_positive(truncations)
    for truncation in truncations:
        if truncation is not None:
            check_truncation(space.game, truncation)
    condition = space.labels(seeds, labels, captions)
    check_sheet(len(truncations), len(seeds), space.image_shape, "give fewer seeds or truncations")
    check_standing_batches(standing_batches, STANDING_BATCH)
    rows = []
    for truncation in truncations:
        player = None
        if standing_batches:
            player = space.with_standing_statistics(standing_batches, STANDING_BATCH, truncation)
        rows.append(space.images(space.latents(seeds, truncation), condition, truncation, player=player))
    return np.stack(rows)


def usual_truncations(space: LatentSpace) -> list[float | None]:
    """A few that show what a truncation does to this run, from strong to none.

    Raises:
      UserError: it has none.
    """
    check_truncation(space.game, 1.0)
    one_is_none = space.has_styles or space.game.latent_distribution == "truncated_normal"
    return [0.25, 0.5, 0.75, 1.0] if one_is_none else [0.25, 0.5, 1.0, 2.0, None]


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    add_seeds(parser)
    parser.add_argument("--truncations", metavar="0.5,1,none", help="one row each (default: a few that suit the run)")
    add_condition(parser)
    add_standing_batches(parser)
    add_out(parser)


def _run(options: argparse.Namespace) -> None:
    output, seeds = Output(options), parse_seeds(options.seeds)
    given = None if options.truncations is None else _parse(options.truncations)
    check_standing_batches(options.standing_batches, STANDING_BATCH)
    labels, captions = labels_of(options), captions_of(options)
    space = open_space(options)
    truncations = usual_truncations(space) if given is None else given
    output.check(space)
    images = truncate(space, seeds, truncations, labels, captions, options.standing_batches)
    titles = [NONE if value is None else f"{value:g}" for value in truncations]
    output.write(draw_sheet(images, [str(seed) for seed in seeds], titles, "truncation"), space)
    print(f"{len(titles)} truncations of {len(seeds)} images: {output.path}")


def _parse(text: str) -> list[float | None]:
    try:
        truncations = [None if part.strip() == NONE else float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--truncations={text}: expected numbers or none, such as 0.5,1,none") from None
    check_positive(truncations)
    return truncations


def check_positive(truncations: Sequence[float | None]) -> None:
    """Raises UserError where there are none, or one is no positive number."""
    if not truncations:
        raise UserError("--truncations: expected at least one")
    for truncation in truncations:
        if truncation is not None and not 0 < truncation < math.inf:
            raise UserError(f"--truncations: {truncation} is no positive number; none truncates nothing")


VERB = Verb("truncate", "show the same images at several truncations", DESCRIPTION, _add_flags, _run)

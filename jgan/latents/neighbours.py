"""What lies around an image in latent space: `jgan latents neighbours`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

from jgan.command import Parser
from jgan.configuration.ranges import check_count
from jgan.inference.given_captions import GivenCaptions
from jgan.latents.outputs import Output
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace, check_seeds
from jgan.latents.verbs import (
    Verb,
    add_condition,
    add_out,
    add_truncation,
    add_weights,
    captions_of,
    labels_of,
    open_space,
    parse_numbers,
)
from jgan.types import UserError

DESCRIPTION = """What lies around an image: a row for each distance, a column for each of the images it moves to.

  jgan latents neighbours --workdir runs/dcgan --seed 17 --out around.png
  jgan latents neighbours --workdir runs/dcgan --seed 17 --distances 0.05,0.1,0.2 --num 12 --out around.png

The columns move towards the images that follow in `jgan sample`, and keep the class or caption. At distance 0 stands
the image itself, at 1 the other one; in between, latents are as far from their average as latents are."""

NUM = 8  # columns
DISTANCES = "0.1,0.2,0.4,0.7"


def neighbours(
    space: LatentSpace,
    seed: int,
    distances: Sequence[float] = (0.1, 0.2, 0.4, 0.7),
    num: int = NUM,
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """Images uint8 [distances, num, h, w, c] around that of a seed, column k on the way to that of seed + 1 + k.

    Raises:
      UserError: a number out of range, or a class or caption that the run does not take.
    """
    _check(distances, num)
    check_sheet(len(distances), num, space.image_shape, "ask for fewer neighbours")
    seeds = [seed, *range(seed + 1, seed + 1 + num)]
    first, *others = space.latents(seeds, truncation)
    latents = np.concatenate([beside(space, first[None], np.stack(others), share, truncation) for share in distances])
    condition = space.labels([seed], labels, captions)
    condition = None if condition is None else np.repeat(condition[:1], len(latents), axis=0)
    images = space.images(latents, condition, truncation)
    return images.reshape(len(distances), num, *images.shape[1:])


def beside(
    space: LatentSpace, latents: np.ndarray, others: np.ndarray, distance: float, truncation: float | None = None
) -> np.ndarray:
    """Latents float32 [n, z] at a distance d of 0 to 1 on the way to others, with which they are truncated.

    Normal ones are sqrt(1 - d^2) of the first and d of the others, whose sum is normal too; of latents with bounds they
    are 1 - d and d, which stays within them.
    """
    is_normal = space.game.latent_distribution == "normal" and (truncation is None or space.has_styles)
    own = math.sqrt(1.0 - distance**2) if is_normal else 1.0 - distance
    return (own * latents + distance * others).astype(np.float32)


def _check(distances: Sequence[float], num: int) -> None:
    check_count("--num", num)
    if not distances:
        raise UserError("--distances: expected at least one")
    for distance in distances:
        if not 0.0 <= distance <= 1.0:
            raise UserError(f"--distances: {distance:g}: expected numbers from 0, the image itself, to 1, another one")


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    parser.add_argument("--seed", type=int, default=0, help="the image, by its number in `jgan sample` (default 0)")
    parser.add_argument(
        "--distances", metavar="0.1,0.5", default=DISTANCES, help=f"from 0 to 1, a row each (default {DISTANCES})"
    )
    parser.add_argument("--num", type=int, default=NUM, help=f"neighbours at each distance (default {NUM})")
    add_condition(parser)
    add_truncation(parser)
    add_out(parser)


def _run(options: argparse.Namespace) -> None:
    output, distances = Output(options), parse_numbers(options.distances, "--distances")
    _check(distances, options.num)
    check_seeds([options.seed, options.seed + options.num], "--seed")
    labels, captions = labels_of(options), captions_of(options)
    space = open_space(options)
    output.check(space)
    images = neighbours(space, options.seed, distances, options.num, labels, captions, options.truncation)
    columns = [f"to {options.seed + 1 + column}" for column in range(options.num)]
    output.write(draw_sheet(images, columns, [f"{d:g}" for d in distances], f"seed {options.seed}"), space)
    print(f"{options.num} neighbours of image {options.seed} at {len(distances)} distances: {output.path}")


VERB = Verb("neighbours", "show what lies around an image", DESCRIPTION, _add_flags, _run)

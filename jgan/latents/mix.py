"""Styles of two images in one, of StyleGANs: `jgan latents mix`.

Karras et al. 2019 (https://arxiv.org/abs/1812.04948), 3.1 and Figure 3.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from jgan.command import Parser
from jgan.latents.outputs import Output
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace
from jgan.latents.verbs import (
    Verb,
    add_out,
    add_seeds,
    add_truncation,
    add_weights,
    labels_of,
    open_space,
    parse_range,
    parse_seeds,
)
from jgan.types import UserError

DESCRIPTION = """Styles of two images in one, of StyleGANs: each row's image with some layers of each column's.

  jgan latents mix --workdir runs/style --rows 0-3 --columns 8-13 --out mixed.png
  jgan latents mix --workdir runs/style --rows 0-3 --columns 8-13 --layers 0-1 --out mixed.png

The layers of --layers take the columns' styles, the others the rows'; by default the finer half. The first ones make
pose and shape, the last ones colours. The images that are mixed stand at the edge."""


def mix(
    space: LatentSpace,
    rows: Sequence[int],
    columns: Sequence[int],
    layers: tuple[int, int] | None = None,
    labels: Sequence[str | int] | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """Images uint8 [1 + rows, 1 + columns, h, w, c]: the mixed ones, behind a row and a column of those they are of.

    `layers`, from the first to the last one, have the styles of `columns`. The corner is white.

    Raises:
      UserError: the run has no styles, or seeds, layers, labels or a truncation are not the run's.
    """
    space.check_styles("--workdir")
    first, last = chosen_layers(space, layers)
    check_sheet(1 + len(rows), 1 + len(columns), space.image_shape, "give fewer rows or columns")
    own, others = (
        space.styles(space.latents(seeds, truncation), space.labels(seeds, labels), truncation)
        for seeds in (rows, columns)
    )
    mixed = np.repeat(own[:, None], len(columns), axis=1)
    mixed[:, :, first : last + 1] = others[None, :, first : last + 1]
    images = space.images_of_styles(np.concatenate([own, others, mixed.reshape(-1, *own.shape[1:])]))
    sheet = np.full((1 + len(rows), 1 + len(columns), *images.shape[1:]), 255, np.uint8)
    sheet[1:, 0], sheet[0, 1:] = images[: len(rows)], images[len(rows) : len(rows) + len(columns)]
    sheet[1:, 1:] = images[len(rows) + len(columns) :].reshape(len(rows), len(columns), *images.shape[1:])
    return sheet


def chosen_layers(space: LatentSpace, layers: tuple[int, int] | None) -> tuple[int, int]:
    """The first and the last of the layers, the finer half where none are given.

    Raises:
      UserError: the run does not have them.
    """
    count, _ = space.style_shape
    first, last = layers or (count // 2, count - 1)
    if not 0 <= first <= last < count:
        raise UserError(f"--layers={first}-{last}: this run has layers 0 to {count - 1}")
    return first, last


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    add_seeds(parser, "--rows", "0-3")
    add_seeds(parser, "--columns", "4-9")
    parser.add_argument(
        "--layers", metavar="0-3", help="which take the columns' styles, from 0 on (default: the finer half)"
    )
    parser.add_argument(
        "--labels", metavar="cat,5", help="classes, in turn: names or numbers (default: those of `jgan sample`)"
    )
    add_truncation(parser)
    add_out(parser)


def _run(options: argparse.Namespace) -> None:
    output = Output(options)
    rows, columns = parse_seeds(options.rows, "--rows"), parse_seeds(options.columns, "--columns")
    given = options.layers
    layers = None if given is None else parse_range(given, f"--layers={given}", "a range of layers, such as 0-3")
    labels = labels_of(options)
    space = open_space(options)
    space.check_styles(f"--workdir={options.workdir}")
    first, last = chosen_layers(space, layers)
    output.check(space)
    images = mix(space, rows, columns, layers, labels, options.truncation)
    titles = ["", *map(str, columns)], ["", *map(str, rows)]
    output.write(draw_sheet(images, *titles, f"{first} to {last}"), space)
    print(f"layers {first} to {last} of {len(columns)} images in {len(rows)} others: {output.path}")


VERB = Verb("mix", "mix the styles of images, of StyleGANs", DESCRIPTION, _add_flags, _run)

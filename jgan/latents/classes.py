"""The same latents through all classes, or captions: `jgan latents classes`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from jgan.command import Parser
from jgan.inference.given_captions import GivenCaptions
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
from jgan.types import UserError

DESCRIPTION = """The same latents through all classes: a row for each of the latents, a column for each class.

  jgan latents classes --workdir runs/digits --seeds 0-7 --out classes.png
  jgan latents classes --workdir runs/imagenet --labels 207,281,340 --truncation 0.4 --out classes.png
  jgan latents classes --workdir runs/text --caption "a thin seven" --caption "a bold seven" --out captions.png"""


def classes(
    space: LatentSpace,
    seeds: Sequence[int],
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """Images uint8 [seeds, classes, h, w, c]; of a run with captions, a column is one of these.

    Raises:
      UserError: the run has no classes, or a seed, a class, a caption or a truncation is not the run's.
    """
    columns = conditions(space, labels, captions)
    advice = "choose some of the classes by --labels" if space.game.captions == "none" else "give fewer captions"
    check_sheet(len(seeds), len(columns), space.image_shape, advice)
    latents = space.latents(seeds, truncation)
    condition = np.concatenate([columns] * len(latents))
    images = space.images(np.repeat(latents, len(columns), axis=0), condition, truncation)
    return images.reshape(len(seeds), len(columns), *images.shape[1:])


def conditions(
    space: LatentSpace, labels: Sequence[str | int] | None = None, captions: GivenCaptions | None = None
) -> np.ndarray:
    """The classes int32 [columns], or the captions, each once; all classes where none are given.

    Raises:
      UserError: the run is unconditional, or does not have them.
    """
    if space.game.captions == "none" and not space.game.num_classes:
        raise UserError("--workdir: this run is unconditional (num_classes=0), it has no classes to show")
    given = space.given_labels(labels, captions)
    return np.arange(space.game.num_classes, dtype=np.int32) if given is None else given


def titles(space: LatentSpace, options: argparse.Namespace, columns: np.ndarray) -> list[str]:
    """What each column is called."""
    if space.game.captions == "none":
        return [space.class_titles[label] for label in columns]
    return options.caption or [f"caption {number}" for number in range(1, len(columns) + 1)]


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    add_seeds(parser)
    add_condition(parser)
    add_truncation(parser)
    add_out(parser)


def _run(options: argparse.Namespace) -> None:
    output, seeds = Output(options), parse_seeds(options.seeds)
    labels, captions = labels_of(options), captions_of(options)
    space = open_space(options)
    output.check(space)
    images = classes(space, seeds, labels, captions, options.truncation)
    columns = titles(space, options, conditions(space, labels, captions))
    output.write(draw_sheet(images, columns, [str(seed) for seed in seeds], "seed"), space)
    print(
        f"{len(seeds)} latents through {len(columns)} {'classes' if space.class_titles else 'captions'}: {output.path}"
    )


VERB = Verb("classes", "show the same latents through all classes", DESCRIPTION, _add_flags, _run)

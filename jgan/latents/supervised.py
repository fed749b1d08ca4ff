"""Directions by labels of images: the normal of the plane that tells latents of either kind apart.

InterFaceGAN (Shen, Gu, Tang and Zhou 2020, https://arxiv.org/abs/1907.10786), section 2.2, which takes a linear SVM;
logistic regression here. Labels are those of a table, of a classifier, or measured from pixels and split at the median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jgan.inference.given_captions import GivenCaptions
from jgan.latents.found import Directions, deviations, new_directions
from jgan.latents.labelled import Labelling
from jgan.latents.logistic import fit_logistic
from jgan.latents.points import PART, check_space, points
from jgan.latents.space import LatentSpace
from jgan.types import UserError

HELD_OUT = 5  # one of so many samples
FEWEST = 10  # samples of either label to fit on
# Of the regression, for each sample. Styles vary little along many directions, which tell labels apart as well as
# others do, but hardly move an image; weights that cost something, in one unit for all, stay out of these. Of 16 x 16
# digits thickness moves twice as far, at the same accuracy.
PENALTY = 0.05
SURE = 2.0  # deviations above chance, from which an accuracy is more than luck


class Fit(NamedTuple):
    """A plane between two kinds of points."""

    normal: np.ndarray  # float64 [d]
    accuracy: float  # on points held out
    chance: float  # the accuracy of always saying what is more frequent
    held_out: int  # points

    @property
    def is_near_chance(self) -> bool:
        """Whether luck would reach this accuracy."""
        return self.accuracy - self.chance < SURE * math.sqrt(0.25 / self.held_out)


def supervised(
    space: LatentSpace,
    run: str,
    labelling: Labelling,
    num: int = 2000,
    within: str | None = None,
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
) -> tuple[Directions, Fit]:
    """One direction, towards the positive label, in the space `within`: "z" or "w", by default w where there is one.

    `num` samples are seeds 0 to num - 1, of `labels` or captions in turn; a table names its seeds itself.

    Raises:
      UserError: labels or captions that the run does not take, or too few images of a kind.
    """
    within = check_space(space, within)
    seeds, positive = labelling(space, num, labels, captions)
    samples = np.concatenate(
        [points(space, within, seeds[start : start + PART], labels, captions) for start in range(0, len(seeds), PART)]
    )
    fit = fit_plane(samples, positive, labelling.title)
    directions = new_directions(
        space,
        run,
        fit.normal[None],
        deviations(samples, fit.normal[None]),
        method="supervised",
        space=within,
        names=(labelling.title,),
        measure="accuracy on images held out",
        values=(fit.accuracy,),
        layers=None,
        settings={
            **labelling.settings,
            "samples": len(seeds),
            "held_out": fit.held_out,
            "chance": fit.chance,
            "labels": None if labels is None else list(labels),
        },
    )
    return directions, fit


def fit_plane(samples: np.ndarray, positive: np.ndarray, title: str) -> Fit:
    """The plane between samples [n, d] that are positive (bool [n]) and those that are not, from four fifths of them.

    Raises:
      UserError: too few samples of a kind, whose label is called `title`.
    """
    order = np.random.default_rng(0).permutation(len(samples))
    test, train = np.split(order, [len(order) // HELD_OUT])
    counts = int(positive[train].sum()), int((~positive[train]).sum())
    if min(counts) < FEWEST or not len(test):
        raise UserError(
            f"{title}: {counts[0]} samples to fit on are of it and {counts[1]} are not; expected at least {FEWEST} of "
            "each; give more samples, or another label"
        )
    mean, deviation = samples[train].mean(axis=0), float(samples[train].std(axis=0).mean()) or 1.0
    weights, bias = fit_logistic((samples[train] - mean) / deviation, positive[train], PENALTY * len(train))
    normal = weights / deviation
    if not np.isfinite(normal).all() or not normal.any():
        raise UserError(f"{title}: no plane tells its samples from others; give another label")
    said = (samples[test] - mean) @ normal + bias > 0.0
    share = positive[test].mean()
    return Fit(normal, float((said == positive[test]).mean()), float(max(share, 1.0 - share)), len(test))

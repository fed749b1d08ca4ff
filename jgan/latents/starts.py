"""Where projections start: the average style of a class, or latents of `jgan sample`; and of which class."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jgan.inference.given_captions import GivenCaptions
from jgan.latents.space import LatentSpace
from jgan.types import PyTree

SAMPLES = 10_000  # styles whose mean and deviation StyleGAN2's projector takes
AT_ONCE = 1000  # of these
LATENTS = 16  # starts in z


class Starts(NamedTuple):
    """From where one photo may be looked for: k starts."""

    start: np.ndarray  # float32 [k, z] or [k, 1 or layers, w]
    condition: PyTree  # labels int32 [k], captions [k, ...], or None
    deviation: np.ndarray  # float32 [k]


def given_conditions(
    space: LatentSpace, count: int, labels: Sequence[str | int] | None, captions: GivenCaptions | None
) -> list[np.ndarray | None]:
    """For each of `count` photos the labels [k] or captions [k, ...] that are tried; None where there are none.

    Given ones are taken in turn, one a photo. Without `labels` a photo may be of any class.

    Raises:
      UserError: labels or captions that the run does not take, or no caption where it needs one.
    """
    game = space.game
    if labels is None and captions is None and game.num_classes and game.captions == "none":
        return [np.arange(game.num_classes, dtype=np.int32)] * count
    given = space.labels(range(count), labels, captions)
    return [None if given is None else given[photo : photo + 1] for photo in range(count)]


class StartFinder:
    """Starts of photos; what is known of a class is kept for the next photo."""

    def __init__(self, space: LatentSpace, kind: str) -> None:
        """`kind` is "z", "w" or "w+"."""
        self._space, self._kind = space, kind
        self._known: dict[bytes, tuple[np.ndarray, float]] = {}

    def __call__(self, conditions: np.ndarray | None) -> Starts:
        """The starts of a photo that may be of these labels [k] or captions [k, ...]."""
        return self._latents(conditions) if self._kind == "z" else self._styles(conditions)

    def _latents(self, conditions: np.ndarray | None) -> Starts:
        """The same latents for each condition."""
        latents = self._space.latents(range(LATENTS))
        times = 1 if conditions is None else len(conditions)
        condition = None if conditions is None else np.repeat(conditions, LATENTS, axis=0)
        deviation = np.full(LATENTS * times, self._deviation_of_latents, np.float32)
        return Starts(np.tile(latents, (times, 1)), condition, deviation)

    @functools.cached_property
    def _deviation_of_latents(self) -> float:
        return _deviation(self._space.latents(range(SAMPLES)))

    def _styles(self, conditions: np.ndarray | None) -> Starts:
        """The average style for each condition."""
        rows = [None] if conditions is None else [conditions[index : index + 1] for index in range(len(conditions))]
        means, deviations = zip(*map(self._style, rows), strict=True)
        layers = self._space.style_shape[0] if self._kind == "w+" else 1
        start = np.repeat(np.stack(means)[:, None], layers, axis=1)
        return Starts(start, conditions, np.asarray(deviations, np.float32))

    def _style(self, condition: np.ndarray | None) -> tuple[np.ndarray, float]:
        """The mean [w] of styles, and their deviation."""
        key = b"" if condition is None else condition.tobytes()
        if key not in self._known:
            latents = self._space.latents(range(SAMPLES))
            repeated = None if condition is None else np.repeat(condition, AT_ONCE, axis=0)
            parts = [latents[first : first + AT_ONCE] for first in range(0, SAMPLES, AT_ONCE)]
            styles = np.concatenate([self._space.styles(part, repeated)[:, 0] for part in parts])
            self._known[key] = styles.mean(axis=0), _deviation(styles)
        return self._known[key]


def _deviation(vectors: np.ndarray) -> float:
    """The root of the mean squared distance of vectors [n, d] from their mean."""
    return float(np.sqrt(np.square(vectors - vectors.mean(axis=0)).sum(axis=1).mean()))

"""Latents and styles moved along directions, and what that moves in their images."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from jgan.inference.given_captions import GivenCaptions
from jgan.latents.found import Directions
from jgan.latents.sefa import check_layers
from jgan.latents.space import LatentSpace
from jgan.types import PyTree, UserError

ALIGNED = 1e-3  # what is left of a unit vector that lies along those that are held


@dataclasses.dataclass(frozen=True)
class Moves:
    """Along which directions, each a `Directions` of one, and where.

    With `layers`, the styles of these layers alone move; without, those that a direction was found for.
    """

    directions: Sequence[Directions]
    layers: Sequence[int] | None = None

    def check(self, space: LatentSpace) -> None:
        """Raises UserError where they are not for this run."""
        if not self.directions:
            raise UserError("--direction: expected at least one")
        for direction in self.directions:
            direction.check(space, "--direction")
        if self.layers is not None:
            check_layers(space, self.layers)


def holding(direction: Directions, held: Sequence[Directions]) -> Directions:
    """The direction without what it has along others (InterFaceGAN, 2.3, equation 5), which then stay as they are.

    Raises:
      UserError: others of another space, or the direction lies along them.
    """
    if not held:
        return direction
    for other in held:
        if other.space != direction.space or other.vectors.shape[1] != direction.vectors.shape[1]:
            raise UserError(
                f"--hold: directions of {other.vectors.shape[1]} numbers in {other.space}, and --direction has "
                f"{direction.vectors.shape[1]} in {direction.space}; hold some that were found in the same space"
            )
    basis, _ = np.linalg.qr(np.concatenate([other.vectors for other in held]).T.astype(np.float64))
    vector = direction.vectors[0].astype(np.float64)
    rest = vector - basis @ (basis.T @ vector)
    length = np.linalg.norm(rest)
    if length < ALIGNED:
        raise UserError("--hold: the direction lies along those that are held; nothing of it is left")
    return dataclasses.replace(direction, vectors=(rest / length)[None].astype(np.float32))


def edit(
    space: LatentSpace,
    seeds: Sequence[int],
    moves: Moves,
    strengths: Sequence[Sequence[float]],
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """Images uint8 [seeds, n, h, w, c] of seeds moved n times, by `strengths` [n, directions] in their deviations.

    Raises:
      UserError: directions, labels, captions or a truncation that the run does not take.
    """
    moves.check(space)
    latents, condition = space.latents(seeds, truncation), space.labels(seeds, labels, captions)
    count = len(strengths)
    amounts = np.asarray(strengths, np.float32)  # [n, directions]
    moved = (latents[:, None] + _sum(moves.directions, amounts, "z", latents.shape[1])[None]).reshape(
        -1, latents.shape[1]
    )
    repeated = _repeated(condition, count)
    if space.has_styles:
        styles = space.styles(moved, repeated, truncation).reshape(len(seeds), count, *space.style_shape)
        if moves.layers is not None:
            still = space.styles(latents, condition, truncation)[:, None]
            styles = np.where(_chosen(space, moves.layers), styles, still)
        for number, direction in enumerate(moves.directions):
            if direction.space == "w":
                step = _sum([direction], amounts[:, number : number + 1], "w", space.style_shape[1])
                layers = direction.layers if moves.layers is None else moves.layers
                styles = styles + step[None, :, None] * _chosen(space, layers)
        images = space.images_of_styles(styles.reshape(-1, *space.style_shape))
    else:
        images = space.images(moved, repeated, truncation)
    return images.reshape(len(seeds), count, *images.shape[1:])


def combinations(strengths: Sequence[float], directions: int, combine: str) -> list[tuple[float, ...]]:
    """The strengths of every direction for each image of a seed: the same for all, or, of "grid", each with each."""
    if combine == "grid":
        return [(first, second) for second, first in itertools.product(strengths, strengths)]
    return [(strength,) * directions for strength in strengths]


def _sum(directions: Sequence[Directions], amounts: np.ndarray, space: str, size: int) -> np.ndarray:
    """[n, size]: the steps in this space for amounts [n, directions]."""
    total = np.zeros((len(amounts), size), np.float32)
    for direction, amount in zip(directions, amounts.T, strict=True):
        if direction.space == space:
            total += amount[:, None] * direction.scales[0] * direction.vectors[0][None]
    return total


def _chosen(space: LatentSpace, layers: Sequence[int] | None) -> np.ndarray:
    """[layers, 1]: whether each moves."""
    return np.isin(np.arange(space.style_shape[0]), check_layers(space, layers))[:, None]


def _repeated(condition: PyTree, times: int) -> Any:
    return None if condition is None else np.repeat(condition, times, axis=0)

"""The tools of `jgan latents` as methods of a run: the same names, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jgan.api.arguments import checked
from jgan.inference.given_captions import given_in_python
from jgan.inference.weights import Weights
from jgan.latents.classes import classes
from jgan.latents.interpolate import FRAMES, Walk, interpolate
from jgan.latents.mix import mix
from jgan.latents.neighbours import NUM, neighbours
from jgan.latents.space import LatentSpace, check_seeds
from jgan.latents.truncate import truncate, usual_truncations
from jgan.types import UserError


class LatentTools:
    """Methods of a run that starts from latents. A seed is the number of an image of `sample`; images are uint8.

    `labels` and `captions` are taken in turn; without `labels` a seed has the class that `sample` gives it.
    """

    _space: Callable[[Weights], LatentSpace]  # with these weights; kept

    @checked
    def interpolate(
        self,
        seeds: Sequence[int],
        *,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        frames: int = FRAMES,
        loop: bool = False,
        path: str | None = None,
        space: str | None = None,
        truncation: float | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """Frames [n, h, w, c] from image to image, `frames` of them from each to the next.

        Seeds and classes, or captions, are taken in turn, as many as the longer list has. `path` is "slerp" or "lerp",
        `space` "z" or, of a StyleGAN, "w".

        Raises:
          UserError: arguments that the run does not take, or no such checkpoint.
        """
        walk = Walk(seeds, labels, given_in_python(captions), frames, loop, path, space, truncation)
        return interpolate(self._space(Weights(raw, best, step)), walk)

    @checked
    def truncate(
        self,
        seeds: Sequence[int],
        truncations: Sequence[float | None] | None = None,
        *,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        standing_batches: int = 0,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """The same seeds at several truncations, [truncations, seeds, h, w, c]; one of None truncates nothing.

        Raises:
          UserError: arguments that the run does not take, or no such checkpoint.
        """
        space = self._space(Weights(raw, best, step))
        check_seeds(seeds)
        values = usual_truncations(space) if truncations is None else truncations
        return truncate(space, seeds, values, labels, given_in_python(captions), standing_batches)

    @checked
    def neighbours(
        self,
        seed: int,
        distances: Sequence[float] = (0.1, 0.2, 0.4, 0.7),
        *,
        num: int = NUM,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        truncation: float | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """What lies around a seed, [distances, num, h, w, c]; at distance 0 it stands itself, at 1 another one.

        Raises:
          UserError: arguments that the run does not take, or no such checkpoint.
        """
        space = self._space(Weights(raw, best, step))
        return neighbours(space, seed, distances, num, labels, given_in_python(captions), truncation)

    @checked
    def classes(
        self,
        seeds: Sequence[int],
        *,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        truncation: float | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """The same seeds through all classes, or those of `labels`, or through captions, [seeds, classes, h, w, c].

        Raises:
          UserError: the run is unconditional, arguments that it does not take, or no such checkpoint.
        """
        space = self._space(Weights(raw, best, step))
        return classes(space, seeds, labels, given_in_python(captions), truncation)

    @checked
    def mix(
        self,
        rows: Sequence[int],
        columns: Sequence[int],
        *,
        layers: Sequence[int] | None = None,
        labels: Sequence[int | str] | None = None,
        truncation: float | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """Styles of seeds mixed, of a StyleGAN, [1 + rows, 1 + columns, h, w, c]; the first row and column are they.

        `layers`, (first, last) from 0 on, take the styles of `columns`; without it the finer half.

        Raises:
          UserError: the run has no styles, arguments that it does not take, or no such checkpoint.
        """
        if layers is not None and len(layers) != 2:
            raise UserError(f"layers={list(layers)}: expected the first and the last one, such as (0, 3)")
        chosen = None if layers is None else (layers[0], layers[1])
        return mix(self._space(Weights(raw, best, step)), rows, columns, chosen, labels, truncation)

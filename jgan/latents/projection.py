"""Photos to latents or styles: each photo's class and start are chosen, then photos descend side by side."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgan.configuration.ranges import check_count
from jgan.latents.descent import SPACES, Descent, Goal
from jgan.latents.distance import Distance
from jgan.latents.space import LatentSpace
from jgan.latents.starts import StartFinder, Starts
from jgan.latents.working_file import WorkingFile
from jgan.metrics.psnr import psnr
from jgan.terminal import bars
from jgan.types import PyTree, Rngs, UserError, did_you_mean

STEPS = 1000
BATCH_SIZE = 8
TRIED = 8  # starts of a photo, the nearest at sight, that descend for a while
TRIAL = 10  # of so many steps, one: how long
SHOWN = 10  # steps between two distances on the bar


@dataclasses.dataclass(frozen=True)
class How:
    """How photos are projected."""

    kind: str  # of SPACES
    steps: int = STEPS
    batch_size: int = BATCH_SIZE
    seed: int = 0

    def check(self, space: LatentSpace) -> None:
        """Raises UserError for a number out of range, or a space that the run does not have."""
        check_count("--steps", self.steps)
        check_count("--batch_size", self.batch_size)
        if self.kind not in SPACES:
            raise UserError(f"--space={self.kind}: expected z, w or w+{did_you_mean(self.kind, SPACES)}")
        if self.kind != "z":
            space.check_styles(f"--space={self.kind}")


@dataclasses.dataclass(frozen=True)
class Projected:
    """What photos have become.

    Attributes:
      latents: float32 [n, z] in space z, else None.
      styles: float32 [n, layers, w] in w and w+, else None.
      condition: the labels int32 [n] or captions that the images take; None without any.
      images: uint8 [n, h, w, c], of these latents or styles, with the noise that the run has.
      lpips: float32 [n], of VGG; None where images are too small for it.
      psnr: float64 [n], dB.
    """

    latents: np.ndarray | None
    styles: np.ndarray | None
    condition: np.ndarray | None
    images: np.ndarray
    lpips: np.ndarray | None
    psnr: np.ndarray


class Projector:
    """Projects photos with one run."""

    def __init__(self, space: LatentSpace, how: How, background: int = 255) -> None:
        """`background` is the gray level behind transparency.

        Raises:
          UserError: settings that the run does not allow, or the weights of LPIPS are missing.
        """
        how.check(space)
        self._space, self._how = space, how
        self.distance = Distance(space.image_shape, background)
        self._player = space.truncated(None)
        self._find = StartFinder(space, how.kind)
        self._long = Descent(space, self.distance, how.kind, how.steps)
        self._short = Descent(space, self.distance, how.kind, max(1, how.steps // TRIAL))
        self._measure = jax.jit(self._distances)

    def __call__(self, photos: np.ndarray, conditions: Sequence[np.ndarray | None], working: WorkingFile) -> Projected:
        """Projects photos uint8 [n, h, w, c]; of each are given the labels [k] or captions that are tried.

        What is done is kept in `working`, from which an interrupted call goes on.
        """
        targets, size = photos.astype(np.float32) / np.float32(127.5) - 1, self._how.batch_size
        keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(self._how.seed)))(np.arange(len(photos)))
        with bars.bar(total=self._steps(conditions), desc="projecting", unit=" steps") as bar:
            chosen = [
                self._choose(index, targets[index], condition, keys[index], working, bar)
                for index, condition in enumerate(conditions)
            ]
            rows = []
            for first in range(0, len(photos), size):
                batch = slice(first, first + size)
                goal = _goal(targets[batch], _together(chosen[batch]), keys[batch])
                start = np.concatenate([one.start for one in chosen[batch]])
                rows.append(self._descend(f"photos_{first}", self._long, start, goal, working, bar))
        return self._projected(np.concatenate(rows), _together(chosen).condition, photos)

    def measured(self, condition: PyTree, images: np.ndarray, photos: np.ndarray, **found: Any) -> Projected:
        """Images uint8 [n, h, w, c] beside the photos that they stand for."""
        lpips = None
        if self.distance.params is not None:
            measure = jax.jit(self.distance.lpips)
            pairs = [(_floats(images[i : i + 1]), _floats(photos[i : i + 1])) for i in range(len(photos))]
            lpips = np.concatenate([np.asarray(measure(self.distance.params, *pair)) for pair in pairs])
        arrays = {"latents": None, "styles": None, **found}
        return Projected(**arrays, condition=condition, images=images, lpips=lpips, psnr=psnr(images, photos))

    def _steps(self, conditions: Sequence[np.ndarray | None]) -> int:
        """Of all descents, those of each batch of photos counted once."""
        starts = [self._count(condition) for condition in conditions]
        trials = sum(self._short.steps for count in starts if count > 1)
        return trials + self._how.steps * -(-len(conditions) // self._how.batch_size)

    def _count(self, condition: np.ndarray | None) -> int:
        """Starts of a photo."""
        return len(self._find(condition).start)

    def _choose(
        self,
        index: int,
        target: np.ndarray,
        condition: np.ndarray | None,
        key: Any,
        working: WorkingFile,
        bar: bars.Bar,
    ) -> Starts:
        """The start of a photo whose short descent comes nearest to it."""
        starts = self._find(condition)
        if len(starts.start) == 1:
            return starts
        name = f"start_{index}"
        if (best := working.done(name)) is None:
            places = self._places(starts, target)
            near = _rows(starts, places)
            rngs = jnp.broadcast_to(key, (len(near.start),))
            goal = _goal(np.repeat(target[None], len(near.start), axis=0), near, rngs)
            found = self._descend(f"trial_{index}", self._short, near.start, goal, working, bar)
            best = places[[np.argmin(self._seen(found, near.condition, np.asarray(goal.targets)))]]
            working.finish(name, best)
        else:
            bar.update(self._short.steps)
        return _rows(starts, best)

    def _places(self, starts: Starts, target: np.ndarray) -> np.ndarray:
        """Which starts are nearest to a photo, TRIED of them at most."""
        targets = np.broadcast_to(target, (len(starts.start), *target.shape))
        distances = self._seen(starts.start, starts.condition, targets)
        return np.argsort(distances, kind="stable")[:TRIED]

    def _seen(self, start: np.ndarray, condition: PyTree, targets: np.ndarray) -> np.ndarray:
        """The distance [n] of the images of latents or styles from targets, TRIED at a time."""
        found = []
        for first in range(0, len(start), TRIED):
            places = np.minimum(np.arange(first, first + TRIED), len(start) - 1)
            rows = jax.tree.map(lambda array, places=places: np.asarray(array)[places], (start, condition, targets))
            found.append(np.asarray(self._measure(self._player, self.distance.params, *rows)))
        return np.concatenate(found)[: len(start)]

    def _distances(self, player: Any, params: PyTree, start: Any, condition: PyTree, targets: Any) -> Any:
        return self.distance(params, self._long.images(player, start, condition), targets)

    def _descend(
        self, name: str, descent: Descent, start: np.ndarray, goal: Goal, working: WorkingFile, bar: bars.Bar
    ) -> np.ndarray:
        """What a descent finds, of the shape of its start."""
        if (done := working.done(name)) is not None:
            bar.update(descent.steps)
            return done
        state, first = working.resume(name, descent.begin(start, goal.rngs))
        bar.update(first)
        progress = state, first
        try:
            for step in range(first, descent.steps):
                state, distances = descent.advance(state, goal, step)
                progress = state, step + 1
                working.keep(name, *progress)
                if step % SHOWN == 0:
                    bar.set_postfix_str(f"distance {float(distances.mean()):.4f}", refresh=False)
                bar.update(1)
        except (KeyboardInterrupt, SystemExit):
            working.keep(name, *progress, at_once=True)
            raise
        found = np.asarray(descent.found(state))
        working.finish(name, found)
        return found

    def _projected(self, found: np.ndarray, condition: PyTree, photos: np.ndarray) -> Projected:
        space = self._space
        if self._how.kind == "z":
            images = space.images(found, condition)
            return self.measured(condition, images, photos, latents=found)
        styles = np.broadcast_to(found, (len(found), *space.style_shape)).copy()
        return self.measured(condition, space.images_of_styles(styles), photos, styles=styles)


def _goal(targets: np.ndarray, starts: Starts, rngs: Rngs) -> Goal:
    return Goal(jnp.asarray(targets), starts.condition, jnp.asarray(starts.deviation), rngs)


def _rows(starts: Starts, places: np.ndarray) -> Starts:
    return Starts(*jax.tree.map(lambda array: array[places], tuple(starts)))


def _together(starts: Sequence[Starts]) -> Starts:
    """The rows of all, which have conditions or have none."""
    return Starts(*jax.tree.map(lambda *arrays: np.concatenate(arrays), *map(tuple, starts)))


def _floats(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / np.float32(127.5) - 1

"""Samples of what directions lie in: latents, or the styles that they become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jgan.inference.given_captions import GivenCaptions
from jgan.latents.space import LatentSpace
from jgan.terminal import bars
from jgan.types import UserError

PART = 512  # samples at once
SAMPLES = 2048  # that tell how far latents or styles reach along a direction


def check_space(space: LatentSpace, name: str | None) -> str:
    """The space "z" or "w" that was asked for, by default w where there are styles.

    Raises:
      UserError: another, or w of a run without styles.
    """
    if name is None:
        return "w" if space.has_styles else "z"
    if name not in ("z", "w"):
        raise UserError(f"--space={name}: expected z or w")
    if name == "w":
        space.check_styles("--space=w")
    return name


def points(
    space: LatentSpace,
    name: str,
    seeds: Sequence[int],
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
) -> np.ndarray:
    """Latents float32 [n, z], or styles [n, w] as they leave the mapping, of seeds.

    Raises:
      UserError: labels or captions that the run does not take.
    """
    latents = space.latents(seeds)
    return latents if name == "z" else space.styles(latents, space.labels(seeds, labels, captions))[:, 0]


def in_parts(num: int, what: str) -> Iterator[range]:
    """The seeds 0 to num - 1 in parts, with a bar."""
    with bars.bar(total=num, desc=what, unit=" samples", delay=bars.DELAY) as bar:
        for start in range(0, num, PART):
            part = range(start, min(start + PART, num))
            yield part
            bar.update(len(part))

"""From image to image: latents, classes, captions or styles in between: `jgan latents interpolate`.

Spherical interpolation: Shoemake 1985 (https://doi.org/10.1145/325334.325242), as White 2016
(https://arxiv.org/abs/1609.04468), 2.1, takes it for normal latents, whose length hardly varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jgan.configuration.ranges import check_count
from jgan.engine.memory import check_host_bytes
from jgan.inference.given_captions import GivenCaptions
from jgan.latents.space import LatentSpace, check_seeds
from jgan.layers.blend import Blend
from jgan.terminal import bars
from jgan.types import PyTree, UserError

FRAMES = 30  # from one image to the next
PATHS, SPACES = ("slerp", "lerp"), ("z", "w")
AT_ONCE = 64  # frames between two moves of the bar


class Walk(NamedTuple):
    """The images that a walk passes, and how it goes from each to the next."""

    seeds: Sequence[int]
    labels: Sequence[str | int] | None = None
    captions: GivenCaptions | None = None
    frames: int = FRAMES  # from one to the next
    loop: bool = False  # and back to the first
    path: str | None = None  # one of PATHS; None: slerp of normal latents, lerp of all else
    space: str | None = None  # one of SPACES; None: w where there are styles
    truncation: float | None = None


class Keys(NamedTuple):
    """The images that are passed: [keys, z], their classes or captions, and the frames between them."""

    seeds: np.ndarray  # int [keys]
    latents: np.ndarray
    condition: np.ndarray | None
    first: np.ndarray  # int [frames]: the key that a frame comes from,
    second: np.ndarray  # that it goes to,
    share: np.ndarray  # and how far it is, float64 in [0, 1)


def interpolate(space: LatentSpace, walk: Walk) -> np.ndarray:
    """The frames uint8 [frames, h, w, c] of a walk from its first image on; without a loop it ends with the last.

    Seeds and classes, or captions, are taken in turn, as many as the longer list has. Classes and captions are mixed
    where the network has made vectors of them (see `Blend`).

    Raises:
      UserError: a setting that this run does not take, fewer than two images, or more frames than the memory holds.
    """
    keys, (kind, path) = keys_of(space, walk), _way(space, walk)
    styles = space.styles(keys.latents, keys.condition, walk.truncation) if kind == "w" else None
    count, images = len(keys.share), []
    with bars.bar(total=count, unit="frame", disable=count < 4 * AT_ONCE) as bar:
        for start in range(0, count, AT_ONCE):
            part = keys._replace(**{name: getattr(keys, name)[start : start + AT_ONCE] for name in Keys._fields[3:]})
            if styles is not None:
                between = lerp(styles[part.first], styles[part.second], part.share[:, None, None])
                images.append(space.images_of_styles(between.astype(np.float32)))
            else:
                mixed = slerp if path == "slerp" else lerp
                latents = mixed(keys.latents[part.first], keys.latents[part.second], part.share[:, None])
                images.append(space.images(latents.astype(np.float32), _condition(part), walk.truncation))
            bar.update(len(images[-1]))
    return np.concatenate(images)


def keys_of(space: LatentSpace, walk: Walk) -> Keys:
    """The images that a walk passes. Raises UserError as `interpolate`."""
    _way(space, walk)
    check_seeds(walk.seeds)
    check_count("--frames", walk.frames)
    given = space.given_labels(walk.labels, walk.captions)
    count = max(len(walk.seeds), 0 if given is None else len(given))
    if count < 2:
        raise UserError("--seeds: one image; give at least two seeds, classes or captions to walk between")
    seeds = np.resize(np.asarray(walk.seeds, np.int32), count)
    steps = count if walk.loop else count - 1
    total = steps * walk.frames + (not walk.loop)
    check_count(f"--frames={walk.frames} between each two of {count}: frames", total)
    check_host_bytes(total * int(np.prod(space.image_shape)), f"{total:,} frames", "take fewer")
    places = np.arange(total)
    first = places // walk.frames
    return Keys(
        seeds,
        space.latents([int(seed) for seed in seeds], walk.truncation),
        space.labels([int(seed) for seed in seeds], walk.labels, walk.captions),
        first,
        (first + 1) % count if walk.loop else np.minimum(first + 1, count - 1),
        (places % walk.frames) / walk.frames,
    )


def slerp(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rows [n, z] on the arcs from the first to the second, at shares [n, 1]; lengths change along with the angle.

    Raises:
      UserError: two rows are opposite, so that there is no shortest arc.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosine = (first * second).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None]
    if (angle > np.pi - 1e-6).any():
        raise UserError("--path=slerp: two of the latents are opposite, with no shortest arc between them; take lerp")
    near = angle < 1e-6  # where the arc is the line
    sine = np.sin(np.where(near, 1.0, angle))
    weights = np.where(near, 1.0 - share, np.sin((1.0 - share) * angle) / sine)
    return weights * first + np.where(near, share, np.sin(share * angle) / sine) * second


def lerp(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The straight line from the first to the second; shares are in [0, 1]."""
    return (1.0 - share) * first + share * second


def _way(space: LatentSpace, walk: Walk) -> tuple[str, str]:
    """(space, path). Raises UserError for what this run does not have."""
    for flag, value, choices in (("--path", walk.path, PATHS), ("--space", walk.space, SPACES)):
        if value is not None and value not in choices:
            raise UserError(f"{flag}={value}: expected {' or '.join(choices)}")
    kind = walk.space or ("w" if space.has_styles else "z")
    if kind == "w":
        space.check_styles("--space=w")
        if walk.path == "slerp":
            raise UserError(
                "--path=slerp: styles are not normal, their lengths mean something; take lerp, or --space z"
            )
        return kind, "lerp"
    return kind, walk.path or ("slerp" if space.game.latent_distribution != "uniform" else "lerp")


def _condition(keys: Keys) -> PyTree:
    """Classes or captions of frames."""
    if keys.condition is None:
        return None
    own, others = keys.condition[keys.first], keys.condition[keys.second]
    if np.array_equal(own, others):
        return own
    return Blend(others, own, keys.share[:, None].astype(np.float32))  # pyright: ignore[reportArgumentType]

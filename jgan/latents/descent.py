"""Gradient descent from latents or styles to those whose images are nearest to photos.

StyleGAN2's procedure (Karras et al. 2020, https://arxiv.org/abs/1912.04958, appendix D), with the numbers of
projector.py in https://github.com/NVlabs/stylegan2-ada-pytorch: Adam; a learning rate that rises over the first
twentieth and falls over the last quarter; noise on what is looked for, which fades over three quarters; the noise maps
are looked for as well, and kept noise-like. W+ gives each layer a style of its own; z takes the same schedule and a
prior.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgan.engine.memory import within_memory
from jgan.engine.optim import AdamConfig, make_optimizer
from jgan.latents.distance import Distance
from jgan.latents.noise_maps import correlation, drawn, noise_maps, normalised, with_noise_maps
from jgan.latents.space import LatentSpace
from jgan.types import Array, Images, Player, PyTree, Rngs

SPACES = ("z", "w", "w+")
LEARNING_RATE, RAMP_UP, RAMP_DOWN = 0.1, 0.05, 0.25
NOISE_FACTOR, NOISE_UNTIL = 0.05, 0.75  # of the deviation of styles; share of the steps
MAP_WEIGHT = 1e5  # of the regularisation of noise maps
PRIOR_WEIGHT = 0.1  # of (|z|^2 / d - 1)^2, which is near 0 for normal latents
SUPPORT = {"normal": None, "uniform": 1.0, "truncated_normal": 2.0}  # latents stay within +- so much


class Goal(NamedTuple):
    """What each of n descents goes for; a pytree of arrays of n rows."""

    targets: Images  # float32 [n, h, w, c] in [-1, 1]
    condition: PyTree  # labels [n], captions, or None
    deviation: Array  # float32 [n]: root of the mean squared distance of latents or styles from their mean
    rngs: Rngs


class Descent:
    """The step of a descent, compiled once for each number of rows and of steps."""

    def __init__(self, space: LatentSpace, distance: Distance, kind: str, steps: int) -> None:
        """`kind` is one of SPACES."""
        self._space, self._distance, self._kind = space, distance, kind
        self._player = space.truncated(None)
        self._maps = noise_maps(space.player) if space.has_styles else {}
        self._optimizer = make_optimizer(AdamConfig(learning_rate=LEARNING_RATE, b1=0.9, b2=0.999))
        what, advice = "--batch_size: so many photos at once", "make it smaller; projections do not depend on it"
        self.steps = steps
        self._advance = within_memory(jax.jit(self._step), what, advice)

    def begin(self, start: Array | np.ndarray, rngs: Rngs) -> PyTree:
        """The state of descents from latents [n, z], or styles [n, 1 or layers, w]."""
        maps = jax.vmap(functools.partial(drawn, self._maps))(rngs)
        rows = {"start": jnp.asarray(start, jnp.float32), "maps": maps}
        return rows, self._optimizer.init(rows)

    def advance(self, state: PyTree, goal: Goal, step: int) -> tuple[PyTree, Array]:
        """The state after a step, and each row's distance [n] before it."""
        share = jnp.float32(step / self.steps)
        return self._advance(self._player, self._distance.params, state, goal, share, jnp.int32(step))

    def found(self, state: PyTree) -> Array:
        """What the descents have got to, of the shape of their start."""
        return state[0]["start"]

    def _step(
        self, player: Player, params: PyTree, state: PyTree, goal: Goal, share: Array, step: Array
    ) -> tuple[PyTree, Array]:
        rows, moments = state

        def objective(rows: PyTree) -> tuple[Array, Array]:
            moved = self._with_noise(rows["start"], goal, share, step)
            images = self.images(player, moved, goal.condition, rows["maps"])
            distances = self._distance(params, images, goal.targets)
            return (distances + self._regularisation(rows)).sum(), distances

        slopes, distances = jax.grad(objective, has_aux=True)(rows)
        scale = learning_rate_scale(share)
        updates, moments = self._optimizer.update(slopes, moments, rows, images_seen=0, learning_rate_scale=scale)
        rows: Any = jax.tree.map(jnp.add, rows, updates)
        maps = {path: jax.vmap(normalised)(noise) for path, noise in rows["maps"].items()}
        return ({"start": self._supported(rows["start"]), "maps": maps}, moments), distances

    def images(self, player: Player, start: Array, condition: PyTree, maps: PyTree = None) -> Images:
        """Images float32 [n, h, w, c] of latents [n, z], or of styles [n, 1 or layers, w]; `maps` [n, ...] of noise.

        Without maps those of the run.
        """
        space = self._space
        if not space.has_styles:
            return space.generate(player, start, condition)
        if self._kind == "z":
            start = space.map(player, start, condition)
        styles = jnp.broadcast_to(start, (len(start), *space.style_shape))
        if not maps:
            return space.synthesize(player, styles)

        def with_own_maps(style: Array, maps: PyTree) -> Array:
            return space.synthesize(with_noise_maps(player, maps), style[None])[0]

        return jax.vmap(with_own_maps)(styles, maps)

    def _with_noise(self, start: Array, goal: Goal, share: Array, step: Array) -> Array:
        """What is looked for, with noise that fades."""
        scale = NOISE_FACTOR * goal.deviation * jnp.square(jnp.maximum(0.0, 1.0 - share / NOISE_UNTIL))
        keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(goal.rngs, step)
        noise = jax.vmap(lambda key: jax.random.normal(key, start.shape[1:]))(keys)
        return start + scale.reshape(-1, *(1,) * (start.ndim - 1)) * noise

    def _regularisation(self, rows: PyTree) -> Array:
        """Of each row, [n]: of its noise maps, and of normal latents."""
        start = rows["start"]
        total = jnp.zeros(len(start))
        for noise in rows["maps"].values():
            total += MAP_WEIGHT * jax.vmap(correlation)(noise)
        if self._kind == "z" and self._space.game.latent_distribution == "normal":
            total += PRIOR_WEIGHT * jnp.square(jnp.square(start).mean(axis=1) - 1.0)
        return total

    def _supported(self, start: Array) -> Array:
        """Latents no farther out than the generator was trained on (Lipton and Tripathi 2017, arXiv 1702.04782)."""
        most = SUPPORT[self._space.game.latent_distribution] if self._kind == "z" else None
        return start if most is None else jnp.clip(start, -most, most)


def learning_rate_scale(share: Array | float) -> Array:
    """What the learning rate is multiplied by at a share of the steps, a scalar in [0, 1]."""
    falling = jnp.minimum(1.0, (1.0 - share) / RAMP_DOWN)
    return (0.5 - 0.5 * jnp.cos(jnp.pi * falling)) * jnp.minimum(1.0, share / RAMP_UP)

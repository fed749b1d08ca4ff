"""The constant noise of StyleGAN 1 and 2, a map for each layer: taken out, kept noise-like, and put back.

Karras et al. 2020 (https://arxiv.org/abs/1912.04958), appendix D, as in projector.py of
https://github.com/NVlabs/stylegan2-ada-pytorch.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.types import CONSTANTS, Array, Player

Path = tuple[str, ...]
NOISE = "noise"  # the name of a map among the constants
SMALLEST = 8  # pixels of a side, at which the pyramid of a map ends


def noise_maps(player: Player) -> dict[Path, Array]:
    """The maps [h, w] of a generator, by their places; none of networks without them."""
    constants: dict[Any, Any] = flatten_dict(player.variables.get(CONSTANTS, {}))
    return {path: leaf for path, leaf in constants.items() if path[-1] == NOISE}


def with_noise_maps(player: Player, maps: dict[Path, Array]) -> Player:
    """The generator with these maps in place of its own."""
    constants = {**flatten_dict(player.variables.get(CONSTANTS, {})), **maps}
    return player.replace(variables={**player.variables, CONSTANTS: unflatten_dict(constants)})


def drawn(maps: dict[Path, Array], rng: Array) -> dict[Path, Array]:
    """Fresh maps of N(0, 1) of the same shapes."""
    keys = jax.random.split(rng, len(maps)) if maps else []
    return {path: jax.random.normal(key, maps[path].shape) for path, key in zip(sorted(maps), keys, strict=True)}


def normalised(noise: Array) -> Array:
    """A map [h, w] of mean 0 and mean square 1."""
    centred = noise - noise.mean()
    return centred * jax.lax.rsqrt(jnp.square(centred).mean())


def correlation(noise: Array) -> Array:
    """The regularisation of a map [h, w]: squared products of neighbours, at every scale down to 8 pixels, a scalar."""
    total = jnp.zeros(())
    while True:
        total += jnp.square((noise * jnp.roll(noise, 1, axis=1)).mean())
        total += jnp.square((noise * jnp.roll(noise, 1, axis=0)).mean())
        rows, columns = noise.shape
        if min(rows, columns) <= SMALLEST:
            return total
        noise = noise[: rows // 2 * 2, : columns // 2 * 2]
        noise = noise.reshape(rows // 2, 2, columns // 2, 2).mean((1, 3))

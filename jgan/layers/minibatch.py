"""Layers by which a discriminator compares the examples of a batch, so that copies of one image give themselves away.

They see one call's batch: real and fake images are looked at apart, a microbatch by itself, and all devices together.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp

from jgan.types import Array, UserError

MINIBATCH = ("none", "std", "discrimination")
GROUP = 4  # examples that share one standard deviation


def check_minibatch(minibatch: str) -> None:
    """Raises UserError unless it is one of MINIBATCH."""
    if minibatch not in MINIBATCH:
        raise UserError(f"game.discriminator.minibatch={minibatch!r}: expected one of {', '.join(MINIBATCH)}")


class MinibatchStd(nn.Module):
    """One channel more: the standard deviation within groups of examples (Karras et al. 2018,
    https://arxiv.org/abs/1710.10196, section 3), averaged over pixels and channels.

    As in the authors' code, of n examples in groups of g the i-th shares its group with the (i + n / g)-th, and so on.
    """

    group: int = GROUP

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, ..., c] to [n, ..., c + 1], of the dtype of x.

        Raises:
          UserError: n is neither a multiple of the group nor smaller.
        """
        size = min(self.group, x.shape[0])
        if x.shape[0] % size:
            raise UserError(
                f"game.discriminator.minibatch='std': a batch of {x.shape[0]} has no groups of {self.group}; "
                f"set batch_size / accumulate to a multiple of {self.group}"
            )
        groups = x.reshape(size, -1, *x.shape[1:]).astype(jnp.float32)
        deviation = jnp.sqrt(groups.var(axis=0) + 1e-8)
        mean = deviation.mean(axis=tuple(range(1, deviation.ndim)))
        column = jnp.tile(mean, size).reshape(-1, *[1] * (x.ndim - 1))
        plane = jnp.broadcast_to(column, (*x.shape[:-1], 1))
        return jnp.concatenate([x, plane.astype(x.dtype)], axis=-1)


class MinibatchDiscrimination(nn.Module):
    """Similarity to the rest of the batch by learned measures (Salimans et al. 2016, https://arxiv.org/abs/1606.03498,
    section 3.2).

    Every example is compared with every other, so a batch spread over devices is gathered.
    """

    measures: int = 100  # B of the paper, as in its code
    dimensions: int = 5  # C, likewise

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, f] to [n, measures]: the sum over the others j of exp(-|M_i - M_j|), as float32."""
        x = x.astype(jnp.float32)
        shape = (x.shape[-1], self.measures * self.dimensions)
        # Where features vary by 1, the nearest examples are then at a distance of about 2, as the authors' code has it.
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        matrices = (x @ kernel).reshape(-1, self.measures, self.dimensions)
        # One dimension at a time: an array of all differences takes five times as long on CPU.
        differences = [jnp.abs(part[:, None] - part[None, :]) for part in jnp.moveaxis(matrices, -1, 0)]
        distances = functools.reduce(jnp.add, differences)
        others = 1.0 - jnp.eye(x.shape[0])[:, :, None]  # the distance to oneself is no news
        return (others * jnp.exp(-distances)).sum(1)


def minibatch_features(x: Array, minibatch: str) -> Array:
    """The last activations [n, ...] flattened to [n, f] float32, with what `minibatch` adds; made in the module that
    calls.
    """
    check_minibatch(minibatch)
    if minibatch == "std":
        x = MinibatchStd(name="minibatch_std")(x)
    x = x.reshape(x.shape[0], -1).astype(jnp.float32)
    if minibatch == "discrimination":
        x = jnp.concatenate([x, MinibatchDiscrimination(name="minibatch_discrimination")(x)], axis=-1)
    return x

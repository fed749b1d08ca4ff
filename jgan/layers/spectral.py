"""Spectral normalisation (Miyato et al. 2018, https://arxiv.org/abs/1802.05957), Algorithm 1."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from jgan.types import SPECTRAL, Array

# Accelerators round the factors of a product by default, and sigma with them.
_contract = functools.partial(jnp.tensordot, precision=lax.Precision.HIGHEST)


def spectral_normalize(module: nn.Module, kernel: Array, output_axis: int = -1, name: str = "u") -> Array:
    """The kernel divided by its largest singular value, as estimated by power iteration; called in compact methods.

    The kernel is taken as a matrix with a row for each index of `output_axis`. Every call goes one iteration on from
    the vector `name` [rows] of the module's collection SPECTRAL and uses what it finds; where the collection is mutable
    it also stores it. So calls on the same variables divide by the same number, whether they store or not.

    The gradient is that of u^T W v with u and v held (section 2.1), exact once they have converged. Second derivatives
    in the kernel leave out that u and v move with it; a penalty on the gradient in the images needs none of them.
    """
    axis = output_axis % kernel.ndim
    columns = tuple(other for other in range(kernel.ndim) if other != axis)

    def first_vector() -> Array:
        return _unit(jax.random.normal(module.make_rng("params"), (kernel.shape[axis],), kernel.dtype))

    stored = module.variable(SPECTRAL, name, first_vector)
    fixed = lax.stop_gradient(kernel)
    # The stored vector is a unit vector, or an average of some.
    v = _unit(_contract(fixed, _unit(stored.value), axes=((axis,), (0,))))
    u = _unit(_contract(fixed, v, axes=(columns, tuple(range(v.ndim)))))
    # The product that u was made of, once more for its gradient; XLA computes it once.
    sigma = jnp.sum(u * _contract(kernel, v, axes=(columns, tuple(range(v.ndim)))))
    if module.is_mutable_collection(SPECTRAL) and not module.is_initializing():
        stored.value = u
    return kernel / sigma


def _unit(x: Array) -> Array:
    return x / jnp.maximum(jnp.sqrt(jnp.sum(jnp.square(x))), 1e-12)

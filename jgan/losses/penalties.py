"""Penalties on the discriminator and on weights. A `critic` is a function of images [n, h, w, c] to logits [n, ...].

Those on gradients and on logits are per example, [n]; the caller takes the mean and applies the paper's weight.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jgan.types import Array, Images, Logits, PyTree, Rngs

Critic = Callable[[Images], Logits]


def gradient_penalty(critic: Critic, images_real: Images, images_fake: Images, rngs: Rngs) -> Array:
    """(|gradient| - 1)^2 between real and fake images, [n] (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028,
    Algorithm 1, without lambda).

    `rngs` [n] choose the place on each line, uniformly.
    """
    share = _uniform(rngs, images_real[:, :1, :1, :1])
    return _unit_gradient_penalty(critic, images_real + share * (images_fake - images_real))


def dragan_penalty(critic: Critic, images_real: Images, rngs: Rngs) -> Array:
    """(|gradient| - 1)^2 near real images, [n] (DRAGAN, Kodali et al. 2017, https://arxiv.org/abs/1705.07215).

    As in the author's code: towards x + 0.5 std(x) U(0, 1), std over the whole batch, at a uniform place on the line.
    """
    rngs_noise, rngs_share = _split(rngs)
    noise = 0.5 * images_real.std() * _uniform(rngs_noise, images_real)
    return _unit_gradient_penalty(critic, images_real + _uniform(rngs_share, images_real[:, :1, :1, :1]) * noise)


def zero_gradient_penalty(critic: Critic, images: Images) -> Array:
    """Squared gradient norm of the critic, [n]: R1 at real images, R2 at fake ones (Mescheder et al. 2018,
    https://arxiv.org/abs/1801.04406, equations 9 and 10, without gamma / 2).
    """
    return _squared_norm(_gradients(critic, images))


def drift_penalty(logits_real: Logits) -> Array:
    """Squared logits of real images (Karras et al. 2018, https://arxiv.org/abs/1710.10196, appendix A.1)."""
    return jnp.square(logits_real)


def lecam_penalty(logits_real: Logits, logits_fake: Logits, average_real: Array, average_fake: Array) -> Logits:
    """How far logits are beyond the moving average of the other side's (Tseng et al. 2021,
    https://arxiv.org/abs/2104.03310, with the relu of the authors' code), of the shape of the logits.
    """
    return jnp.square(jax.nn.relu(logits_real - average_fake)) + jnp.square(jax.nn.relu(average_real - logits_fake))


def consistency_penalty(logits: Logits, logits_changed: Logits) -> Logits:
    """Squared difference of logits that should be equal (Zhao et al. 2021, https://arxiv.org/abs/2002.04724)."""
    return jnp.square(logits - logits_changed)


def orthogonal_penalty(params: PyTree) -> Array:
    """Sum over kernels of squared inner products between different filters, a scalar (Brock et al. 2019,
    https://arxiv.org/abs/1809.11096, equation 3, without beta). Kernels are [..., filters]; those of a transposed
    convolution are the filters of the convolution that it transposes.
    """
    kernels = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params) if path[-1].key == "kernel"]
    return jnp.stack([_inner_products(kernel.reshape(-1, kernel.shape[-1])) for kernel in kernels]).sum()


def _inner_products(filters: Array) -> Array:
    products = filters.T @ filters
    return jnp.square(products).sum() - jnp.square(jnp.diagonal(products)).sum()


def _unit_gradient_penalty(critic: Critic, images: Images) -> Array:
    # The root's own gradient is infinite at 0, where the penalty's is 0 / 0; the floor is far below float32 noise.
    norm = jnp.sqrt(jnp.maximum(_squared_norm(_gradients(critic, images)), 1e-20))
    return jnp.square(norm - 1.0)


def _gradients(critic: Critic, images: Images) -> Array:
    return jax.grad(lambda images: critic(images).sum())(images)


def _squared_norm(gradients: Array) -> Array:
    return jnp.sum(jnp.square(gradients), axis=tuple(range(1, gradients.ndim)))


def _uniform(rngs: Rngs, like: Array) -> Array:
    """U(0, 1) of the shape of `like`, each example by its own key."""
    return jax.vmap(lambda rng: jax.random.uniform(rng, like.shape[1:]))(rngs)


def _split(rngs: Rngs) -> tuple[Rngs, Rngs]:
    pairs = jax.vmap(jax.random.split)(rngs)
    return pairs[:, 0], pairs[:, 1]

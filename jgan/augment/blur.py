"""A blur of what the discriminator sees, which goes as training goes on: StyleGAN3-R's.

Karras et al. 2021 (https://arxiv.org/abs/2106.12423), appendix F: with rotations the discriminator would otherwise look
at high frequencies first. Checked against https://github.com/NVlabs/stylegan3.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jgan.types import Array, Images


def blur(images: Images, sigma: Array) -> Images:
    """Images [n, h, w, c] through the filter 2^-(x / sigma)^2 along both axes, zeros beyond the edges.

    The filter reaches floor(3 sigma) pixels, `sigma` being a float32 scalar; below a third of a pixel nothing happens.
    """
    for axis, sizes in ((1, "nhwc,hk->nkwc"), (2, "nhwc,wk->nhkc")):
        images = jnp.einsum(sizes, images, _matrix(images.shape[axis], sigma), precision=lax.Precision.HIGHEST)
    return images


def _matrix(size: int, sigma: Array) -> Array:
    """What each pixel [size, size] gives to each other one."""
    pixels = jnp.arange(size)
    return _weights(jnp.abs(pixels[:, None] - pixels[None]), sigma) / _weights(jnp.arange(-size, size + 1), sigma).sum()


def _weights(distances: Array, sigma: Array) -> Array:
    narrow = jnp.maximum(sigma, 1e-6)  # of no width the filter would be 0 / 0
    return jnp.where(jnp.abs(distances) <= jnp.floor(3 * sigma), jnp.exp2(-jnp.square(distances / narrow)), 0.0)

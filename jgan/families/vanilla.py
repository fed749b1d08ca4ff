"""Vanilla GAN: fully connected networks (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661).

The widths 256-512-1024 and the discriminator's dropout of 0.3 are those of the Keras and PyTorch MNIST tutorials, whose
parameter counts at 28 x 28 x 1 are 1,486,352 and 1,460,225.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax.numpy as jnp

from jgan.games.latent import LatentGAN
from jgan.layers.dense import Dense
from jgan.layers.logits import last_features, to_logit
from jgan.types import Images, Labels, Latents, Logits

SLOPE = 0.2  # of the leaky ReLUs


class Generator(nn.Module):
    """Latents [n, z] to images [n, r, r, c] in [-1, 1]; labels are ignored."""

    resolution: int = 28
    image_channels: int = 1
    widths: tuple[int, ...] = (256, 512, 1024)
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        x = latents
        for index, width in enumerate(self.widths):
            x = nn.leaky_relu(nn.Dense(width, dtype=self.dtype, name=f"dense_{index}")(x), SLOPE)
        shape = (self.resolution, self.resolution, self.image_channels)
        x = nn.Dense(math.prod(shape), dtype=self.dtype, name="to_image")(x)
        return jnp.tanh(x.astype(jnp.float32)).reshape(-1, *shape)


class Discriminator(nn.Module):
    """Images [n, r, r, c] to logits [n]; labels are ignored."""

    widths: tuple[int, ...] = (1024, 512, 256)
    dropout: float = 0.3
    dtype: str = "float32"
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        x = images.reshape(images.shape[0], -1)
        for index, width in enumerate(self.widths):
            dense = Dense(width, dtype=self.dtype, spectral_norm=self.spectral_norm, name=f"dense_{index}")
            x = nn.leaky_relu(dense(x), SLOPE)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return to_logit(last_features(self, x), spectral_norm=self.spectral_norm)


def vanilla(resolution: int = 28, image_channels: int = 1) -> LatentGAN:
    """The GAN of the first tutorials."""
    return LatentGAN(Generator(resolution, image_channels), Discriminator(), latent_dim=100)

"""LSGAN (Mao et al. 2017, https://arxiv.org/abs/1611.04076): the least-squares loss, and the networks for scenes.

Kernels, strides, biases and norms of the networks are those of the authors' code
(https://github.com/xudonmao/LSGAN, vgg.py), which generates LSUN scenes at 112 x 112. `lsgan_dcgan` is the loss with
the networks of DCGAN.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jgan.families import dcgan
from jgan.games.latent import LatentGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.logits import last_features, to_logit
from jgan.layers.norm import DISCRIMINATOR_NORMS, BatchNorm, discriminator_norm
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

SLOPE = 0.2  # of the leaky ReLUs
KERNEL_INIT = nn.initializers.normal(0.02)
DOUBLINGS = 4  # from the generator's first grid to its images


class GeneratorBlock(nn.Module):
    """Transposed 3 x 3 convolution, norm, ReLU: [n, h, w, c] to [n, s h, s w, features] for a stride of s."""

    features: int
    stride: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Batch statistics with `train`, running ones without."""
        strides = (self.stride, self.stride)
        x = ConvTranspose(self.features, (3, 3), strides, dtype=self.dtype, kernel_init=KERNEL_INIT, name="conv")(x)
        return nn.relu(BatchNorm(name="norm")(x, train))


class DiscriminatorBlock(nn.Module):
    """Strided 5 x 5 convolution, norm, leaky ReLU: [n, h, w, c] to [n, h / 2, w / 2, features]."""

    features: int
    norm: str  # one of DISCRIMINATOR_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Batch statistics with `train`, running ones without."""
        spectral_norm = self.norm == "spectral"
        layer = {"dtype": self.dtype, "kernel_init": KERNEL_INIT, "spectral_norm": spectral_norm}
        x = Conv(self.features, (5, 5), (2, 2), name="conv", **layer)(x)
        return nn.leaky_relu(discriminator_norm(x, self.norm, train), SLOPE)


class Generator(nn.Module):
    """Latents [n, z] to images [n, r, r, c] in [-1, 1]; labels are ignored.

    Four doublings, the first two followed by another convolution of the same size.
    """

    resolution: int = 112  # a multiple of 16
    channels: int = 64  # of the last hidden layer
    image_channels: int = 3
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        block = nn.remat(GeneratorBlock, static_argnums=(2,)) if self.remat else GeneratorBlock
        side, wide = first_side(self.resolution), 4 * self.channels
        x = nn.Dense(side * side * wide, dtype=self.dtype, kernel_init=KERNEL_INIT, name="project")(latents)
        x = nn.relu(BatchNorm(name="norm")(x.reshape(-1, side, side, wide), train))
        for features in (wide, wide, 2 * self.channels, self.channels):
            side *= 2
            x = block(features, 2, self.dtype, name=f"block_{side}")(x, train)
            if features == wide:
                x = block(features, 1, self.dtype, name=f"refine_{side}")(x, train)
        x = ConvTranspose(self.image_channels, (3, 3), dtype=self.dtype, kernel_init=KERNEL_INIT, name="to_image")(x)
        return jnp.tanh(x.astype(jnp.float32))


class Discriminator(nn.Module):
    """Images [n, r, r, c] to logits [n]; labels are ignored. Sows its last hidden layer as "features" [n, f]."""

    resolution: int = 112  # a multiple of 16
    channels: int = 64  # of the first hidden layer; doubled by each that follows
    norm: str = "batch"  # one of DISCRIMINATOR_NORMS; but for spectral norm, the first layer has none
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        dcgan.check_resolution(self.resolution, images)
        check_choice("game.discriminator.norm", self.norm, DISCRIMINATOR_NORMS)
        spectral_norm = self.norm == "spectral"
        block = nn.remat(DiscriminatorBlock, static_argnums=(2,)) if self.remat else DiscriminatorBlock
        x = images
        for level in range(1, DOUBLINGS + 1):
            features, name = self.channels * 2 ** (level - 1), f"block_{self.resolution // 2**level}"
            norm = self.norm if level > 1 or spectral_norm else "none"
            x = block(features, norm, self.dtype, name=name)(x, train)
        x = last_features(self, x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return to_logit(x, KERNEL_INIT, spectral_norm=spectral_norm)


def first_side(resolution: int) -> int:
    """Side of the generator's first grid: a sixteenth of the images' resolution."""
    if resolution % 2**DOUBLINGS:
        raise UserError(f"game.generator.resolution={resolution}: expected a multiple of {2**DOUBLINGS}")
    return resolution // 2**DOUBLINGS


def lsgan(resolution: int = 112, channels: int = 64, image_channels: int = 3) -> LatentGAN:
    """The networks for scenes, with uniform latents of 1024 dimensions as in the authors' code."""
    return LatentGAN(
        Generator(resolution, channels, image_channels),
        Discriminator(resolution, channels),
        latent_dim=1024,
        latent_distribution="uniform",
        adversarial="least_squares",
    )


def lsgan_dcgan(resolution: int = 64, channels: int = 64, image_channels: int = 3) -> LatentGAN:
    """DCGAN (dcgan.py) trained with the least-squares loss."""
    return LatentGAN(
        dcgan.Generator(resolution, channels, image_channels),
        dcgan.Discriminator(resolution, channels),
        latent_dim=100,
        latent_distribution="uniform",
        adversarial="least_squares",
    )

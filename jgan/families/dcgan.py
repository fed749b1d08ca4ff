"""DCGAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434), Figure 1 and section 3.

Kernels, paddings, biases and initial values are those of the PyTorch DCGAN example, whose networks at 64 x 64 have
3,576,704 and 2,765,568 parameters.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jgan.games.latent import LatentGAN
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.norm import BatchNorm
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

SLOPE = 0.2  # of the leaky ReLUs
KERNEL_INIT = nn.initializers.normal(0.02)
KERNEL = (4, 4)
DOUBLING = ((1, 1), (1, 1))  # with a 4 x 4 kernel and stride 2 the resolution doubles, or halves, exactly


def scale_init(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
    """N(1, 0.02), for the scale of the batch norms."""
    return 1.0 + 0.02 * jax.random.normal(key, shape, dtype)


class GeneratorBlock(nn.Module):
    """Transposed convolution, norm, ReLU: [n, h, w, c] to [n, 2 h, 2 w, features], or to 4 x 4 from one pixel."""

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """[n, 1, 1, c] is projected to [n, 4, 4, features]; any other input is doubled in size."""
        strides, padding = ((1, 1), "VALID") if x.shape[1:3] == (1, 1) else ((2, 2), DOUBLING)
        x = ConvTranspose(
            self.features,
            KERNEL,
            strides,
            padding,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            name="conv",
        )(x)
        return nn.relu(BatchNorm(scale_init=scale_init, name="norm")(x, train))


class DiscriminatorBlock(nn.Module):
    """Strided convolution, norm, leaky ReLU: [n, h, w, c] to [n, h / 2, w / 2, features]."""

    features: int
    norm: str = "batch"  # "batch" or "none"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Without a norm the convolution still has no bias, as in the PyTorch example."""
        x = Conv(
            self.features,
            KERNEL,
            (2, 2),
            DOUBLING,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            name="conv",
        )(x)
        if self.norm == "batch":
            x = BatchNorm(scale_init=scale_init, name="norm")(x, train)
        return nn.leaky_relu(x, SLOPE)


class Generator(nn.Module):
    """Latents [n, z] to images [n, r, r, c] in [-1, 1]; labels are ignored."""

    resolution: int = 64
    channels: int = 64  # of the last hidden layer; doubled at every lower resolution
    image_channels: int = 3
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        block = nn.remat(GeneratorBlock, static_argnums=(2,)) if self.remat else GeneratorBlock
        x = latents[:, None, None, :]
        for resolution in hidden_resolutions(self.resolution):
            features = self.channels * self.resolution // (2 * resolution)
            x = block(features, self.dtype, name=f"block_{resolution}")(x, train)
        x = ConvTranspose(
            self.image_channels,
            KERNEL,
            (2, 2),
            DOUBLING,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            name="to_image",
        )(x)
        return jnp.tanh(x.astype(jnp.float32))


class Discriminator(nn.Module):
    """Images [n, r, r, c] to logits [n]; labels are ignored."""

    resolution: int = 64
    channels: int = 64  # of the first hidden layer; doubled at every lower resolution
    norm: str = "batch"  # "batch" or "none"; the first layer never has one
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        if images.shape[1:3] != (self.resolution, self.resolution):
            raise UserError(
                f"game.discriminator.resolution={self.resolution}: its images are {images.shape[1]} x "
                f"{images.shape[2]}; set it to the same resolution"
            )
        x = downsample(images, self.channels, self.norm, self.dtype, self.remat, train)
        x = Conv(
            1,
            KERNEL,
            padding="VALID",
            use_bias=False,
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            name="to_logit",
        )(x)
        return x.astype(jnp.float32)[:, 0, 0, 0]


def downsample(images: Images, channels: int, norm: str, dtype: str, remat: bool, train: bool) -> Array:
    """The discriminator's blocks, made in the module that calls: [n, r, r, c] to [n, 4, 4, channels r / 8]."""
    if norm not in ("batch", "none"):
        raise UserError(f"game.discriminator.norm={norm!r}: expected 'batch' or 'none'")
    block = nn.remat(DiscriminatorBlock, static_argnums=(2,)) if remat else DiscriminatorBlock
    image_resolution = images.shape[1]
    x = images
    for resolution in reversed(hidden_resolutions(image_resolution)):
        features = channels * image_resolution // (2 * resolution)
        block_norm = "none" if 2 * resolution == image_resolution else norm
        x = block(features, block_norm, dtype, name=f"block_{resolution}")(x, train)
    return x


def hidden_resolutions(resolution: int) -> list[int]:
    """4, 8, ... up to half of the images' resolution, a power of two and 16 at least."""
    if resolution < 16 or resolution & (resolution - 1):
        raise UserError(f"game.generator.resolution={resolution}: expected a power of two, 16 or more")
    return [2**level for level in range(2, resolution.bit_length() - 1)]


def dcgan(resolution: int = 64, channels: int = 64, image_channels: int = 3) -> LatentGAN:
    """DCGAN with uniform latents of 100 dimensions, as in section 4. Figure 1 has `channels=128`."""
    return LatentGAN(
        Generator(resolution, channels, image_channels),
        Discriminator(resolution, channels),
        latent_dim=100,
        latent_distribution="uniform",
    )

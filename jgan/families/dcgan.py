"""DCGAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434), Figure 1 and section 3.

Kernels, paddings, biases and initial values are those of the PyTorch DCGAN example, whose networks at 64 x 64 have
3,576,704 and 2,765,568 parameters.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jgan.games.latent import LatentGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.dense import Dense
from jgan.layers.minibatch import MinibatchDiscrimination, MinibatchStd, check_minibatch
from jgan.layers.norm import DISCRIMINATOR_NORMS, BatchNorm, ConditionalBatchNorm, discriminator_norm
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
    num_classes: int = 0  # whose batch norms have a scale and a bias each; 0: all share one

    @nn.compact
    def __call__(self, x: Array, train: bool, labels: Labels | None = None) -> Array:
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
        if self.num_classes:
            assert labels is not None, "classes have labels"
            return nn.relu(ConditionalBatchNorm(self.num_classes, name="norm")(x, labels, train))
        return nn.relu(BatchNorm(scale_init=scale_init, name="norm")(x, train))


class DiscriminatorBlock(nn.Module):
    """Strided convolution, norm, leaky ReLU: [n, h, w, c] to [n, h / 2, w / 2, features]."""

    features: int
    norm: str = "batch"  # one of DISCRIMINATOR_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """The convolution has no bias, as in the PyTorch example, unless spectral norm takes the norm's place."""
        x = Conv(
            self.features,
            KERNEL,
            (2, 2),
            DOUBLING,
            use_bias=self.norm == "spectral",
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            spectral_norm=self.norm == "spectral",
            name="conv",
        )(x)
        return nn.leaky_relu(discriminator_norm(x, self.norm, train, scale_init), SLOPE)


class Generator(nn.Module):
    """Latents [n, z] to images [n, r, r, c] in [-1, 1]; labels are ignored, unless batch norm has classes."""

    resolution: int = 64
    channels: int = 64  # of the last hidden layer; doubled at every lower resolution
    image_channels: int = 3
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory
    norm_classes: int = 0  # of conditional batch norm; 0: plain batch norm

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        if self.norm_classes and labels is None:
            raise UserError(
                f"game.generator.norm_classes={self.norm_classes}: the game has no labels; set it to 0, or take "
                "cgan.ConvGenerator with label_input='conditional_batch_norm'"
            )
        block = nn.remat(GeneratorBlock, static_argnums=(2,)) if self.remat else GeneratorBlock
        x = latents[:, None, None, :]
        for resolution in hidden_resolutions(self.resolution):
            features = self.channels * self.resolution // (2 * resolution)
            x = block(features, self.dtype, self.norm_classes, name=f"block_{resolution}")(x, train, labels)
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
    norm: str = "batch"  # one of DISCRIMINATOR_NORMS; but for spectral norm, the first layer has none
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        check_resolution(self.resolution, images)
        check_minibatch(self.minibatch)
        x = downsample(images, self.channels, self.norm, self.dtype, self.remat, train)
        if self.minibatch == "std":
            x = MinibatchStd(name="minibatch_std")(x)
        features = x.reshape(x.shape[0], -1).astype(jnp.float32)
        self.sow("intermediates", "features", features)
        spectral_norm = self.norm == "spectral"
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        logits = to_logit(x, self.dtype, spectral_norm=spectral_norm)
        if self.minibatch != "discrimination":
            return logits
        similarities = MinibatchDiscrimination(name="minibatch_discrimination")(features)
        return logits + Dense(1, spectral_norm=spectral_norm, name="similarities_to_logit")(similarities)[:, 0]


def downsample(images: Images, channels: int, norm: str, dtype: str, remat: bool, train: bool) -> Array:
    """The discriminator's blocks, made in the module that calls: [n, r, r, c] to [n, 4, 4, channels r / 8]."""
    check_choice("game.discriminator.norm", norm, DISCRIMINATOR_NORMS)
    block = nn.remat(DiscriminatorBlock, static_argnums=(2,)) if remat else DiscriminatorBlock
    image_resolution = images.shape[1]
    x = images
    for resolution in reversed(hidden_resolutions(image_resolution)):
        features = channels * image_resolution // (2 * resolution)
        block_norm = "none" if 2 * resolution == image_resolution and norm != "spectral" else norm
        x = block(features, block_norm, dtype, name=f"block_{resolution}")(x, train)
    return x


def to_logit(x: Array, dtype: str, *, spectral_norm: bool) -> Logits:
    """[n, 4, 4, c] to logits [n] in float32, by a convolution without a bias, made in the module that calls."""
    last = Conv(
        1,
        KERNEL,
        padding="VALID",
        use_bias=False,
        dtype=dtype,
        kernel_init=KERNEL_INIT,
        spectral_norm=spectral_norm,
        name="to_logit",
    )
    return last(x).astype(jnp.float32)[:, 0, 0, 0]


def check_resolution(resolution: int, images: Images) -> None:
    """Raises UserError where a discriminator's images are not of the resolution that it was told."""
    if images.shape[1:3] != (resolution, resolution):
        raise UserError(
            f"game.discriminator.resolution={resolution}: its images are {images.shape[1]} x {images.shape[2]}; set it "
            "to the same resolution"
        )


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

"""SNGAN (Miyato et al. 2018, https://arxiv.org/abs/1802.05957): every layer of the discriminator spectrally normalised.

Class-conditional as in Miyato & Koyama 2018 (https://arxiv.org/abs/1802.05637): conditional batch norm in the generator
and projection in the discriminator. The residual networks are those of
https://github.com/pfnet-research/sngan_projection, with a bias in the last layer as in
https://github.com/kwotsin/mimicry, the plain convolutional ones the paper's "standard CNN", Table 3.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import flax.linen as nn
import jax.numpy as jnp

from jgan.families import dcgan
from jgan.games.latent import LatentGAN
from jgan.layers.attention import SelfAttention
from jgan.layers.conditioning import (
    LABEL_INPUTS,
    check_choice,
    label_features,
    required,
    to_logits,
    with_label_planes,
)
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.dense import Dense
from jgan.layers.norm import BatchNorm, ConditionalBatchNorm
from jgan.layers.residual import KERNEL_INITS, UPSAMPLINGS, DiscriminatorBlock, GeneratorBlock
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

GENERATOR_LABEL_INPUTS = (*LABEL_INPUTS, "conditional_batch_norm")
SLOPE = 0.1  # of the convolutional discriminator's leaky ReLUs


class Generator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1], by residual blocks that each double the size."""

    resolution: int = 32
    widths: tuple[int, ...] = (256, 256, 256, 256)  # of what the latents become, then of each block
    image_channels: int = 3
    num_classes: int = 0  # 0: labels are ignored
    label_input: str = "conditional_batch_norm"  # or "concatenate", "embedding": joined to the latents
    spectral_norm: bool = False
    attention: tuple[int, ...] = ()  # resolutions: self-attention follows the block that leaves one
    weight_init: str = "glorot"  # or another of KERNEL_INITS
    upsampling: str = "nearest"  # or "bilinear", as in mimicry
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        check_choice("game.generator.upsampling", self.upsampling, UPSAMPLINGS)
        first, condition = read_labels(self, latents, labels)
        return generate_images(self, first, [condition] * (len(self.widths) - 1), train, self.upsampling)


class Discriminator(nn.Module):
    """Images [n, r, r, c] and labels [n] to logits [n], by residual blocks.

    It sows what `to_logits` does, into the collection "intermediates".
    """

    widths: tuple[int, ...] = (128, 128, 128, 128)  # of each block
    downsamples: int = 2  # the first so many blocks halve the resolution
    num_classes: int = 0  # 0: labels are ignored
    label_input: str = "projection"  # or "auxiliary_classifier"; "concatenate", "embedding": planes beside the image
    spectral_norm: bool = True
    norm: str = "none"  # or "layer"
    wide: bool = False  # the first convolution of a block already has all its features
    attention: tuple[int, ...] = ()  # resolutions: self-attention follows the block that halves to one
    pool: str = "sum"  # over all pixels, before the last layer; or "mean", as in WGAN-GP
    weight_init: str = "glorot"  # or another of KERNEL_INITS
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        self._check(images)
        init = KERNEL_INITS[self.weight_init]
        block = nn.remat(DiscriminatorBlock) if self.remat else DiscriminatorBlock
        x = with_label_planes(self, images, labels, spectral_norm=self.spectral_norm)
        halved = [images.shape[1] >> (index + 1) for index in range(self.downsamples)]
        check_attention("discriminator", self.attention, halved)
        for index, features in enumerate(self.widths):
            x = block(
                features,
                first=index == 0,
                downsample=index < self.downsamples,
                wide=self.wide,
                norm=self.norm,
                spectral_norm=self.spectral_norm,
                kernel_init=init,
                dtype=self.dtype,
                name=f"block_{index + 1}",  # several have the same resolution
            )(x)
            if index < self.downsamples and halved[index] in self.attention:
                x = SelfAttention(self.spectral_norm, init.other, self.dtype, name=f"attention_{halved[index]}")(x)
        x = nn.relu(x).astype(jnp.float32)
        x = x.sum((1, 2)) if self.pool == "sum" else x.mean((1, 2))
        return to_logits(self, x, labels, init.other, spectral_norm=self.spectral_norm, train=train)

    def _check(self, images: Images) -> None:
        check_choice("game.discriminator.norm", self.norm, ("none", "layer"))
        check_choice("game.discriminator.pool", self.pool, ("sum", "mean"))
        check_choice("game.discriminator.weight_init", self.weight_init, tuple(KERNEL_INITS))
        if self.downsamples > len(self.widths):
            raise UserError(f"game.discriminator.downsamples={self.downsamples}: expected at most one for each width")
        check_halvings("downsamples", self.downsamples, images)


class ConvGenerator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1]: the "standard CNN" of Table 3."""

    resolution: int = 32  # 48 for STL-10
    widths: tuple[int, ...] = (512, 256, 128, 64)  # of what the latents become, then of each doubling
    image_channels: int = 3
    num_classes: int = 0  # 0: labels are ignored
    label_input: str = "conditional_batch_norm"  # or "concatenate", "embedding": joined to the latents
    spectral_norm: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        layer = {"dtype": self.dtype, "kernel_init": dcgan.KERNEL_INIT, "spectral_norm": self.spectral_norm}
        latents, labels = read_labels(self, latents, labels)
        resolution = first_resolution(self.resolution, self.widths)
        x = Dense(resolution * resolution * self.widths[0], name="from_latents", **layer)(latents)
        x = x.reshape(-1, resolution, resolution, self.widths[0])
        for features in self.widths[1:]:
            resolution *= 2
            x = ConvTranspose(features, (4, 4), (2, 2), dcgan.DOUBLING, name=f"conv_{resolution}", **layer)(x)
            if labels is None:
                x = BatchNorm(name=f"norm_{resolution}")(x, train)
            else:
                x = ConditionalBatchNorm(self.num_classes, name=f"norm_{resolution}")(x, labels, train)
            x = nn.relu(x)
        return jnp.tanh(Conv(self.image_channels, (3, 3), name="to_image", **layer)(x).astype(jnp.float32))


class ConvDiscriminator(nn.Module):
    """Images [n, r, r, c] and labels [n] to logits [n]: the "standard CNN" of Table 3.

    It sows what `to_logits` does, into the collection "intermediates".
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)  # of each resolution
    num_classes: int = 0  # 0: labels are ignored
    label_input: str = "projection"  # or "auxiliary_classifier"; "concatenate", "embedding": planes beside the image
    spectral_norm: bool = True
    normalize_last: bool = True  # whether the last layer has spectral norm too
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer
    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        check_halvings("widths", len(self.widths) - 1, images)
        layer = {"dtype": self.dtype, "kernel_init": dcgan.KERNEL_INIT, "spectral_norm": self.spectral_norm}
        resolution = images.shape[1]
        x = with_label_planes(self, images, labels, spectral_norm=self.spectral_norm)
        for level, features in enumerate(self.widths):
            if level:
                resolution //= 2
                down = Conv(x.shape[-1], (4, 4), (2, 2), dcgan.DOUBLING, name=f"down_{resolution}", **layer)
                x = nn.leaky_relu(down(x), SLOPE)
            x = nn.leaky_relu(Conv(features, (3, 3), name=f"conv_{resolution}", **layer)(x), SLOPE)
        on_last = self.spectral_norm and self.normalize_last
        return to_logits(self, x, labels, dcgan.KERNEL_INIT, spectral_norm=on_last, train=train)


def read_labels(
    generator: Generator | ConvGenerator, latents: Latents, labels: Labels | None
) -> tuple[Array, Labels | None]:
    """(what the first layer takes, the labels that the batch norms depend on or None)."""
    check_choice("game.generator.label_input", generator.label_input, GENERATOR_LABEL_INPUTS)
    if not generator.num_classes:
        return latents, None
    if generator.label_input == "conditional_batch_norm":
        return latents, required(labels)
    features = label_features(labels, generator.num_classes, generator.label_input, generator.dtype)
    return jnp.concatenate([latents, features.astype(latents.dtype)], axis=-1), None


def first_resolution(resolution: int, widths: tuple[int, ...]) -> int:
    """Of what the latents become: each width after the first doubles it."""
    doublings = len(widths) - 1
    if resolution % 2**doublings:
        raise UserError(
            f"game.generator.resolution={resolution}: expected a multiple of {2**doublings}, which "
            f"{len(widths)} widths double {doublings} times"
        )
    return resolution // 2**doublings


class ResidualGenerator(Protocol):
    """The fields of a generator that `generate_images` reads."""

    resolution: int
    widths: tuple[int, ...]  # of what the first layer makes, then of each block
    image_channels: int
    num_classes: int
    spectral_norm: bool
    attention: tuple[int, ...]
    weight_init: str
    dtype: str
    remat: bool


def generate_images(
    generator: ResidualGenerator,
    first: Array,
    conditions: list[Array | None],
    train: bool,
    upsampling: str = "nearest",
) -> Images:
    """Images [n, r, r, c] of what the first layer takes [n, z]; made in the module that calls.

    There is a condition for each block, of which its batch norms depend: labels [n], vectors [n, k] or None.
    """
    check_choice("game.generator.weight_init", generator.weight_init, tuple(KERNEL_INITS))
    init, spectral_norm = KERNEL_INITS[generator.weight_init], generator.spectral_norm
    layer = {"dtype": generator.dtype, "kernel_init": init.other, "spectral_norm": spectral_norm}
    block = nn.remat(GeneratorBlock, static_argnums=(3,)) if generator.remat else GeneratorBlock
    resolution, wide = first_resolution(generator.resolution, generator.widths), generator.widths[0]
    check_attention(
        "generator", generator.attention, [resolution << level for level in range(1, len(generator.widths))]
    )
    x = Dense(resolution * resolution * wide, name="from_latents", **layer)(first)
    x = x.reshape(-1, resolution, resolution, wide)
    for features, condition in zip(generator.widths[1:], conditions, strict=True):
        resolution *= 2
        fields = generator.num_classes, spectral_norm, init, generator.dtype, upsampling
        x = block(features, *fields, name=f"block_{resolution}")(x, condition, train)
        if resolution in generator.attention:
            x = SelfAttention(spectral_norm, init.other, generator.dtype, name=f"attention_{resolution}")(x)
    x = nn.relu(BatchNorm(name="norm")(x, train))
    return jnp.tanh(Conv(generator.image_channels, (3, 3), name="to_image", **layer)(x).astype(jnp.float32))


def check_halvings(field: str, halvings: int, images: Images) -> None:
    """Raises UserError for images that cannot be halved so often; `field` of the discriminator says how often."""
    if images.shape[1] % 2**halvings or images.shape[2] % 2**halvings:
        raise UserError(
            f"game.discriminator.{field}: {images.shape[1]} x {images.shape[2]} images cannot be halved {halvings} "
            "times; use fewer"
        )


def check_attention(player: str, attention: tuple[int, ...], resolutions: list[int]) -> None:
    """Raises UserError where attention is asked for at a resolution that no block leaves."""
    for resolution in attention:
        if resolution not in resolutions:
            raise UserError(
                f"game.{player}.attention: no block leaves {resolution} x {resolution} features; expected some of "
                f"{', '.join(map(str, sorted(set(resolutions))))}"
            )


class Size(NamedTuple):
    """The fields of both residual networks that depend on the data set."""

    generator_widths: tuple[int, ...]
    discriminator_widths: tuple[int, ...]
    downsamples: int


SIZES = {  # by resolution: CIFAR-10, STL-10, ImageNet
    32: Size((256,) * 4, (128,) * 4, 2),
    48: Size((512, 256, 128, 64), (64, 128, 256, 512, 1024), 4),
    128: Size((1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5),
}


def sngan(resolution: int = 32, image_channels: int = 3, num_classes: int = 0) -> LatentGAN:
    """The residual networks at the resolution of one of the papers' data sets.

    Raises:
      UserError: the papers have no networks for this resolution.
    """
    if resolution not in SIZES:
        raise UserError(f"sngan(resolution={resolution}): expected one of {', '.join(map(str, SIZES))}")
    size = SIZES[resolution]
    return LatentGAN(
        Generator(resolution, size.generator_widths, image_channels, num_classes),
        Discriminator(size.discriminator_widths, size.downsamples, num_classes),
        latent_dim=128,
        num_classes=num_classes,
        adversarial="hinge",
        generator_every=5,
        generator_batches=2,
    )


def sngan_cnn(resolution: int = 32, channels: int = 64, image_channels: int = 3, num_classes: int = 0) -> LatentGAN:
    """The "standard CNN" of Table 3, where `channels` is 64, at 32 x 32 or 48 x 48."""
    widths = (channels, 2 * channels, 4 * channels, 8 * channels)
    return LatentGAN(
        ConvGenerator(resolution, widths[::-1], image_channels, num_classes),
        ConvDiscriminator(widths, num_classes),
        latent_dim=128,
        num_classes=num_classes,
        adversarial="hinge",
        generator_every=5,
        generator_batches=2,
    )

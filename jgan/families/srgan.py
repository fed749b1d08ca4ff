"""SRGAN (Ledig et al. 2017, https://arxiv.org/abs/1609.04802): networks of Figure 4.

The generator alone, trained without a discriminator, is the paper's SRResNet. `MSRResNet` is that of BasicSR
(https://github.com/XPixelGroup/BasicSR, basicsr/archs/srresnet_arch.py), whose weights jgan/interop/basicsr.py reads.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.pix2pix import ConvBlock, PatchDiscriminator
from jgan.games.paired import PairedGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense
from jgan.layers.norm import DISCRIMINATOR_NORMS, image_norm
from jgan.layers.prelu import PReLU
from jgan.layers.resample import pixel_shuffle, upsample_bilinear
from jgan.layers.stacked_blocks import BLOCKS, run_blocks
from jgan.types import Array, Images, Logits, UserError

SLOPE = 0.2  # of the discriminator's leaky ReLUs
SHUFFLES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # a scale: what the pixel shuffles multiply the resolution by
SLOPE_OF_BASICSR = 0.1  # of its generator's leaky ReLUs
SMALL_INIT = nn.initializers.variance_scaling(2.0 * 0.1**2, "fan_in", "normal")  # He's, a tenth of it
GENERATOR_NORMS = ("batch", "none")
STRIDES = (1, 2, 1, 2, 1, 2, 1, 2)  # of the discriminator's convolutions
MULTIPLES = (1, 1, 2, 2, 4, 4, 8, 8)  # their features, in multiples of the first one's


class ConvNorm(nn.Module):
    """A 3 x 3 convolution and a norm: [n, h, w, c] to [n, h, w, features]."""

    features: int
    norm: str = "batch"  # one of GENERATOR_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        x = Conv(self.features, (3, 3), dtype=self.dtype, name="conv")(x)
        return image_norm(x, self.norm, train)


class ResidualBlock(nn.Module):
    """Convolution, norm, PReLU, convolution, norm, beside the identity: [n, h, w, c] to the same shape."""

    norm: str = "batch"  # one of GENERATOR_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        fields = x.shape[-1], self.norm, self.dtype
        y = PReLU(shared=True, name="prelu")(ConvNorm(*fields, name="first")(x, train))
        return x + ConvNorm(*fields, name="second")(y, train)


class SRResNet(nn.Module):
    """Images [n, h, w, c] to images [n, scale h, scale w, image_channels].

    Figure 4 ends in a convolution: nothing keeps images within [-1, 1]. As in the PyTorch reproductions, with which it
    shares its 1,549,462 parameters, a PReLU has one slope and the convolutions keep their biases before a norm.
    """

    is_local: ClassVar = True

    scale: int = 4  # one of SHUFFLES
    channels: int = 64
    blocks: int = 16
    norm: str = "batch"  # one of GENERATOR_NORMS
    image_channels: int = 3
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, inputs: Images, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        check_choice("game.generator.norm", self.norm, GENERATOR_NORMS)
        block = nn.remat(ResidualBlock, static_argnums=(2,)) if self.remat else ResidualBlock  # train
        x = Conv(self.channels, (9, 9), dtype=self.dtype, name="from_image")(inputs)
        first = x = PReLU(shared=True, name="prelu")(x)
        x = run_blocks(block(self.norm, self.dtype, name=BLOCKS), x, self.blocks, train)
        x = first + ConvNorm(self.channels, self.norm, self.dtype, name="after_blocks")(x, train)
        for index, times in enumerate(shuffles(self.scale), 1):
            x = Conv(self.channels * times**2, (3, 3), dtype=self.dtype, name=f"up_{index}")(x)
            x = pixel_shuffle(PReLU(shared=True, name=f"prelu_{index}")(x), times)
        return Conv(self.image_channels, (9, 9), dtype=self.dtype, name="to_image")(x).astype(jnp.float32)


def shuffles(scale: int) -> tuple[int, ...]:
    """What the pixel shuffles of a scale multiply the resolution by, in order.

    Raises:
      UserError: no such scale.
    """
    if scale not in SHUFFLES:
        raise UserError(f"game.generator.scale={scale}: expected one of {', '.join(map(str, SHUFFLES))}")
    return SHUFFLES[scale]


class PlainBlock(nn.Module):
    """Convolution, ReLU, convolution, beside the identity: [n, h, w, c] to the same shape."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        layer = {"dtype": self.dtype, "kernel_init": SMALL_INIT}
        y = nn.relu(Conv(x.shape[-1], (3, 3), name="first", **layer)(x))
        return x + Conv(x.shape[-1], (3, 3), name="second", **layer)(y)


class MSRResNet(nn.Module):
    """Images [n, h, w, c] to images [n, scale h, scale w, c], both of about [-1, 1]: BasicSR's, without a norm.

    What it makes is added to the inputs enlarged by linear interpolation. BasicSR's images are in [0, 1]: they are
    scaled on the way in and out, so that its weights compute what they compute there. Nothing is clipped.
    """

    is_local: ClassVar = True

    scale: int = 4  # one of SHUFFLES; BasicSR has 2, 3 and 4
    channels: int = 64
    blocks: int = 16
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, inputs: Images, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        del train
        steps = shuffles(self.scale)
        block = nn.remat(PlainBlock) if self.remat else PlainBlock
        layer = {"dtype": self.dtype, "kernel_init": SMALL_INIT}
        x = to_unit(inputs)
        x = nn.leaky_relu(Conv(self.channels, (3, 3), name="from_image", **layer)(x), SLOPE_OF_BASICSR)
        x = run_blocks(block(self.dtype, name=BLOCKS), x, self.blocks)
        for index, times in enumerate(steps, 1):
            x = Conv(self.channels * times**2, (3, 3), name=f"up_{index}", **layer)(x)
            x = pixel_shuffle(nn.leaky_relu(x, SLOPE_OF_BASICSR), times)
        x = nn.leaky_relu(Conv(self.channels, (3, 3), name="last", **layer)(x), SLOPE_OF_BASICSR)
        x = Conv(inputs.shape[-1], (3, 3), name="to_image", **layer)(x)
        return from_unit(x.astype(jnp.float32) + upsample_bilinear(to_unit(inputs), self.scale))


def to_unit(images: Images) -> Images:
    """From [-1, 1] to [0, 1], in float32."""
    return 0.5 * images.astype(jnp.float32) + 0.5


def from_unit(images: Images) -> Images:
    """From [0, 1] to [-1, 1]."""
    return 2.0 * images - 1.0


class SRDiscriminator(nn.Module):
    """Images [n, h, w, c] to logits [n]: eight 3 x 3 convolutions, every second one halving, and two dense layers.

    The first dense layer has as many inputs as the resolution leaves it: images keep the size of the first ones.
    """

    channels: int = 64  # of the first layer; doubled by every second one of the others
    hidden: int = 1024  # features of the first dense layer
    norm: str = "batch"  # one of DISCRIMINATOR_NORMS; but for spectral norm, the first layer has none
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, inputs: Images | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type; what the last layer sees, [n, hidden], is sown as "features".

        The inputs, of lower resolution, are not looked at.
        """
        del inputs
        check_choice("game.discriminator.norm", self.norm, DISCRIMINATOR_NORMS)
        block = nn.remat(ConvBlock, static_argnums=(2,)) if self.remat else ConvBlock  # train
        spectral_norm = self.norm == "spectral"
        x = images
        for index, (multiple, stride) in enumerate(zip(MULTIPLES, STRIDES, strict=True)):
            norm = "none" if index == 0 and not spectral_norm else self.norm
            use_bias = index == 0 or self.norm in ("spectral", "none")
            fields = 3, stride, norm, use_bias, self.dtype
            x = block(multiple * self.channels, *fields, name=f"block_{index + 1}")(x, train)
        x = x.reshape(x.shape[0], -1).astype(jnp.float32)
        x = nn.leaky_relu(Dense(self.hidden, spectral_norm=spectral_norm, name="dense")(x), SLOPE)
        self.sow("intermediates", "features", x)
        return Dense(1, spectral_norm=spectral_norm, name="to_logit")(x)[:, 0]


def srresnet(scale: int = 4, channels: int = 64, blocks: int = 16) -> PairedGAN:
    """BasicSR's MSRResNet by the mean absolute error alone: for stages that are not adversarial.

    A small discriminator stands by, which nothing asks.
    """
    discriminator = PatchDiscriminator(channels=8, receptive_field=16)
    network = MSRResNet(scale, channels, blocks)
    return PairedGAN(network, discriminator, conditional=False, pretraining="l1", l1_weight=1.0)


def srgan(
    scale: int = 4, channels: int = 64, blocks: int = 16, discriminator_channels: int = 64, hidden: int = 1024
) -> PairedGAN:
    """Section 2.2: the content of a frozen network plus a thousandth of the adversarial loss, after a stage of l2.

    The content is EfficientNet-Lite0's, which needs no download; the paper's is VGG-19's: `content_network="vgg19"`,
    `content_taps=("relu5_4",)`, `content_weight=0.006` and torchvision's file as `content_weights`.
    """
    return PairedGAN(
        SRResNet(scale, channels, blocks),
        SRDiscriminator(discriminator_channels, hidden),
        conditional=False,
        adversarial_weight=1e-3,
        discriminator_weight=1.0,
        content_weight=1.0,
    )


def msrgan(
    scale: int = 4, channels: int = 64, blocks: int = 16, discriminator_channels: int = 64, hidden: int = 1024
) -> PairedGAN:
    """SRGAN as BasicSR has it (train_MSRGAN_x4.yml): no norm in the generator, a stage of l1 first."""
    game = srgan(scale, discriminator_channels=discriminator_channels, hidden=hidden)
    return dataclasses.replace(
        game,
        generator=MSRResNet(scale, channels, blocks),
        adversarial_weight=5e-3,
        l1_weight=1e-2,
        content_distance="l1",
        pretraining="l1",
    )

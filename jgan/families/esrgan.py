"""ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219) and Real-ESRGAN (https://arxiv.org/abs/2107.10833).

The generator of section 3.1, Figure 4, and the discriminators, checked against https://github.com/XPixelGroup/BasicSR
(basicsr/archs: rrdbnet_arch.py, discriminator_arch.py, srvgg_arch.py), whose weights jgan/interop/basicsr.py reads.
Its images are in [0, 1]: as `srgan.MSRResNet`, the networks here scale what comes in and goes out, and clip nothing.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.pix2pix import ConvBlock, PatchDiscriminator, check_multiple
from jgan.families.srgan import SLOPE, SMALL_INIT, from_unit, to_unit
from jgan.games.paired import PairedGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense
from jgan.layers.prelu import PReLU
from jgan.layers.resample import UpsampledConv, pixel_shuffle, pixel_unshuffle, upsample, upsample_bilinear
from jgan.layers.stacked_blocks import BLOCKS, run_blocks
from jgan.types import Array, Images, Logits, UserError

RESIDUAL_SCALE = 0.2  # of what a dense block adds, and three of them: section 3.1
GROWING = 4  # convolutions of a dense block whose features join its inputs
UNSHUFFLES = {1: 4, 2: 2, 4: 1}  # a scale: pixels of the inputs, along either side, that become channels
COMPACT_SCALES = (1, 2, 3, 4, 8)
COMPACT_ACTIVATIONS = ("prelu", "relu", "leaky_relu")
COMPACT_SLOPE = 0.1  # of its leaky ReLUs
INIT = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")  # PyTorch's of a convolution
LARGEST_FEATURES = 4  # rows, and columns, that the discriminator's dense layer sees
PLACES = ("conv_1", "conv_2", "conv_3", "conv_4", "conv_5")


class DenseBlock(nn.Module):
    """Five convolutions, each of all features so far: [n, h, w, c] to the same shape."""

    growth: int = 32
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        layer = {"dtype": self.dtype, "kernel_init": SMALL_INIT}
        features = x
        for name in PLACES[:GROWING]:
            new = nn.leaky_relu(Conv(self.growth, (3, 3), name=name, **layer)(features), SLOPE)
            features = jnp.concatenate([features, new], axis=-1)
        return x + RESIDUAL_SCALE * Conv(x.shape[-1], (3, 3), name=PLACES[-1], **layer)(features)


class ResidualInResidual(nn.Module):
    """Three dense blocks beside the identity: [n, h, w, c] to the same shape."""

    growth: int = 32
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        y = x
        for index in range(3):
            y = DenseBlock(self.growth, self.dtype, name=f"dense_{index + 1}")(y)
        return x + RESIDUAL_SCALE * y


class RRDBNet(nn.Module):
    """Images [n, h, w, c] to images [n, scale h, scale w, c], both of about [-1, 1].

    The blocks always stand at a quarter of the outputs' resolution: for the scales 2 and 1 the inputs' pixels become
    channels there first, as BasicSR has it, and h and w are multiples of 2 and of 4.
    """

    is_local: ClassVar = True

    scale: int = 4  # one of UNSHUFFLES
    channels: int = 64
    blocks: int = 23  # 16 in the small one of the paper's demo, 6 in Real-ESRGAN's for drawings
    growth: int = 32
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @property
    def multiple(self) -> int:
        """What the sides of its inputs are multiples of."""
        return UNSHUFFLES[self.scale]

    @nn.compact
    def __call__(self, inputs: Images, *, train: bool) -> Images:
        """Images in float32, whatever the compute type.

        Raises:
          UserError: no such scale, or inputs of which it cannot make channels.
        """
        del train
        if self.scale not in UNSHUFFLES:
            raise UserError(f"game.generator.scale={self.scale}: expected one of {', '.join(map(str, UNSHUFFLES))}")
        check_multiple("game.generator.scale", self.scale, UNSHUFFLES[self.scale], inputs)
        block = nn.remat(ResidualInResidual) if self.remat else ResidualInResidual
        layer = {"dtype": self.dtype, "kernel_init": INIT}
        x = pixel_unshuffle(to_unit(inputs), UNSHUFFLES[self.scale])
        first = x = Conv(self.channels, (3, 3), name="from_image", **layer)(x)
        x = run_blocks(block(self.growth, self.dtype, name=BLOCKS), x, self.blocks)
        x = first + Conv(self.channels, (3, 3), name="after_blocks", **layer)(x)
        for index in (1, 2):
            x = nn.leaky_relu(UpsampledConv(self.channels, (3, 3), name=f"up_{index}", **layer)(x), SLOPE)
        x = nn.leaky_relu(Conv(self.channels, (3, 3), name="last", **layer)(x), SLOPE)
        return from_unit(Conv(inputs.shape[-1], (3, 3), name="to_image", **layer)(x).astype(jnp.float32))


class CompactNet(nn.Module):
    """Images [n, h, w, c] to images [n, scale h, scale w, c]: Real-ESRGAN's small network, SRVGGNetCompact.

    Convolutions at the inputs' resolution, whose last channels become pixels and are added to the nearest inputs.
    """

    is_local: ClassVar = True

    scale: int = 4  # one of COMPACT_SCALES
    channels: int = 64
    convolutions: int = 16  # between the first and the last; 32 in realesr-general-x4v3
    activation: str = "prelu"  # one of COMPACT_ACTIVATIONS; that of the published weights
    dtype: str = "float32"

    @nn.compact
    def __call__(self, inputs: Images, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        del train
        if self.scale not in COMPACT_SCALES:
            raise UserError(f"game.generator.scale={self.scale}: expected one of {', '.join(map(str, COMPACT_SCALES))}")
        check_choice("game.generator.activation", self.activation, COMPACT_ACTIVATIONS)
        layer = {"dtype": self.dtype, "kernel_init": INIT}
        x = images = to_unit(inputs)
        for index in range(self.convolutions + 1):
            x = Conv(self.channels, (3, 3), name=f"conv_{index}", **layer)(x)
            if self.activation == "prelu":
                x = PReLU(name=f"prelu_{index}")(x)
            else:
                x = nn.relu(x) if self.activation == "relu" else nn.leaky_relu(x, COMPACT_SLOPE)
        x = Conv(inputs.shape[-1] * self.scale**2, (3, 3), name="to_image", **layer)(x)
        return from_unit(pixel_shuffle(x, self.scale).astype(jnp.float32) + upsample(images, self.scale))


class VGGDiscriminator(nn.Module):
    """Images [n, r, r, c] to logits [n], r a power of two from 8 up: pairs of convolutions down to 4 x 4, then dense.

    BasicSR's VGGStyleDiscriminator at 128 and 256 pixels, of `channels`, twice, 4 and 8 times as many.
    """

    channels: int = 64
    hidden: int = 100  # features of the first dense layer
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, inputs: Images | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type; what the last layer sees, [n, hidden], is sown as "features".

        The inputs, of lower resolution, are not looked at.

        Raises:
          UserError: the images cannot be halved down to 4 x 4.
        """
        del inputs
        size = images.shape[1]
        if images.shape[1] != images.shape[2] or size < 8 or size & (size - 1):
            raise UserError(
                f"game.discriminator: it takes images of r x r pixels, r a power of two from 8 up, and these are "
                f"{images.shape[1]} x {images.shape[2]}; set another resolution"
            )
        block = nn.remat(ConvBlock, static_argnums=(2,)) if self.remat else ConvBlock  # train
        x = to_unit(images)
        for level in range(size.bit_length() - 3):
            width = self.channels * min(2**level, 8)
            norm = "none" if level == 0 else "batch"
            x = block(width, 3, 1, norm, level == 0, self.dtype, name=f"block_{level}_first")(x, train)
            x = block(width, 4, 2, "batch", False, self.dtype, name=f"block_{level}_second")(x, train)
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1).astype(jnp.float32)  # PyTorch's order, for its weights
        x = nn.leaky_relu(Dense(self.hidden, name="dense")(x), SLOPE)
        self.sow("intermediates", "features", x)
        return Dense(1, name="to_logit")(x)[:, 0]


class UNetDiscriminator(nn.Module):
    """Images [n, h, w, c] to a logit for each pixel, [n, h, w]; h and w are multiples of 8.

    Real-ESRGAN's (section 3.4, Figure 6) with spectral norm on all but the first and the last convolution: three
    halvings, three doublings by linear interpolation, and what comes down added to what goes up.
    """

    channels: int = 64
    skips: bool = True  # whether it is
    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: Images, inputs: Images | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type; the last activations are sown as "features".

        The inputs, of lower resolution, are not looked at.

        Raises:
          UserError: the images cannot be halved three times.
        """
        del inputs, train
        if images.shape[1] % 8 or images.shape[2] % 8:
            raise UserError(
                f"game.discriminator: it takes images whose sides are multiples of 8, and these are {images.shape[1]} "
                f"x {images.shape[2]}; set another resolution"
            )

        def layer(x: Array, multiple: int, name: str) -> Array:
            down = name.startswith("down")
            kernel, strides = ((4, 4), (2, 2)) if down else ((3, 3), (1, 1))
            x = Conv(
                multiple * self.channels,
                kernel,
                strides,
                ((1, 1), (1, 1)),
                use_bias=False,
                dtype=self.dtype,
                kernel_init=INIT,
                spectral_norm=True,
                name=name,
            )(x)
            return nn.leaky_relu(x, SLOPE)

        x = Conv(self.channels, (3, 3), dtype=self.dtype, kernel_init=INIT, name="from_image")(to_unit(images))
        levels = [nn.leaky_relu(x, SLOPE)]
        for level, multiple in enumerate((2, 4, 8), 1):
            levels.append(layer(levels[-1], multiple, f"down_{level}"))
        x = levels.pop()
        for level, multiple in ((3, 4), (2, 2), (1, 1)):
            x = layer(upsample_bilinear(x, 2), multiple, f"up_{level}")
            skip = levels.pop()
            x = x + skip if self.skips else x
        x = layer(layer(x, 1, "last_1"), 1, "last_2")
        self.sow("intermediates", "features", x.astype(jnp.float32))
        x = Conv(1, (3, 3), dtype=self.dtype, kernel_init=INIT, name="to_logits")(x)
        return x.astype(jnp.float32)[..., 0]


def esrgan(
    scale: int = 4, channels: int = 64, blocks: int = 23, growth: int = 32, discriminator_channels: int = 64
) -> PairedGAN:
    """Section 3: content, 0.005 of the relativistic average loss and 0.01 of l1, after a stage of l1.

    The content is EfficientNet-Lite0's, which needs no download; the paper's is VGG-19's: `content_network="vgg19"`,
    `content_taps=("conv5_4",)` and torchvision's file as `content_weights`.
    """
    return PairedGAN(
        RRDBNet(scale, channels, blocks, growth),
        VGGDiscriminator(discriminator_channels),
        adversarial="relativistic_average",
        adversarial_weight=5e-3,
        discriminator_weight=0.5,
        conditional=False,
        l1_weight=1e-2,
        content_weight=1.0,
        content_distance="l1",
        pretraining="l1",
    )


def compact(scale: int = 4, channels: int = 64, convolutions: int = 32) -> PairedGAN:
    """Real-ESRGAN's small network by the mean absolute error alone: for stages that are not adversarial.

    A small discriminator stands by, which nothing asks.
    """
    network, discriminator = (
        CompactNet(scale, channels, convolutions),
        PatchDiscriminator(channels=8, receptive_field=16),
    )
    return PairedGAN(network, discriminator, conditional=False, pretraining="l1", l1_weight=1.0)

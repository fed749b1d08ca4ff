"""CycleGAN (Zhu et al. 2017, https://arxiv.org/abs/1703.10593): residual translators between two domains.

Networks of appendix 7.2, as https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix has them (models/networks.py:
resnet_9blocks and resnet_6blocks), whose weights jgan/interop/pix2pix.py reads. The translator is that of Johnson et
al. 2016 (https://arxiv.org/abs/1603.08155), the discriminators are Pix2Pix's.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.dcgan import KERNEL_INIT, scale_init
from jgan.families.pix2pix import PatchDiscriminator, has_bias
from jgan.games.unpaired import UnpairedGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.norm import IMAGE_NORMS, image_norm
from jgan.layers.stacked_blocks import BLOCKS, run_blocks
from jgan.types import Array, Images, Logits, UserError

SMALLEST = 8  # pixels along a side of an image: two are left to be reflected in the residual blocks
EDGES = ((1, 1), (1, 1))


def reflect(x: Array, pixels: int) -> Array:
    """[n, h, w, c] with so many pixels mirrored beyond each edge, itself not repeated."""
    return jnp.pad(x, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")


class ReflectedConv(nn.Module):
    """Convolution of an image with mirrored edges, and a norm: [n, h, w, c] to [n, h, w, features]."""

    features: int
    kernel: int = 3  # pixels along either side, odd
    norm: str = "instance"  # one of IMAGE_NORMS
    use_bias: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        layer = {"use_bias": self.use_bias, "dtype": self.dtype, "kernel_init": KERNEL_INIT}
        x = reflect(x, self.kernel // 2)
        x = Conv(self.features, (self.kernel, self.kernel), padding="VALID", name="conv", **layer)(x)
        return image_norm(x, self.norm, train, scale_init)


class Halving(nn.Module):
    """3 x 3 convolution of stride 2, norm, ReLU: [n, h, w, c] to [n, h / 2, w / 2, features]."""

    features: int
    norm: str = "instance"  # one of IMAGE_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        layer = {"use_bias": has_bias(self.norm), "dtype": self.dtype, "kernel_init": KERNEL_INIT}
        x = Conv(self.features, (3, 3), (2, 2), EDGES, name="conv", **layer)(x)
        return nn.relu(image_norm(x, self.norm, train, scale_init))


class Doubling(nn.Module):
    """3 x 3 transposed convolution of stride 2, norm, ReLU: [n, h, w, c] to [n, 2 h, 2 w, features]."""

    features: int
    norm: str = "instance"  # one of IMAGE_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        layer = {"use_bias": has_bias(self.norm), "dtype": self.dtype, "kernel_init": KERNEL_INIT}
        x = ConvTranspose(self.features, (3, 3), (2, 2), EDGES, (1, 1), name="conv", **layer)(x)
        return nn.relu(image_norm(x, self.norm, train, scale_init))


class ResidualBlock(nn.Module):
    """Convolution, norm, ReLU, dropout, convolution, norm, beside the identity: [n, h, w, c] to the same shape."""

    norm: str = "instance"  # one of IMAGE_NORMS
    dropout: float = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        fields = x.shape[-1], 3, self.norm, has_bias(self.norm), self.dtype
        y = nn.relu(ReflectedConv(*fields, name="first")(x, train))
        y = nn.Dropout(self.dropout, deterministic=not train)(y)
        return x + ReflectedConv(*fields, name="second")(y, train)


class ResNetGenerator(nn.Module):
    """Images [n, h, w, ci] to images [n, h, w, image_channels] in [-1, 1]; h and w are multiples of 4, from 8 up."""

    image_channels: int = 3
    channels: int = 64  # of the outermost layer; doubled by each of two halvings
    blocks: int = 9  # the paper's for 256 x 256 and more; 6 for 128 x 128
    norm: str = "instance"  # one of IMAGE_NORMS
    dropout: float = 0.0  # in the middle of each block; the official Pix2Pix has 0.5 there
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @property
    def multiple(self) -> int:
        """What the sides of its inputs are multiples of."""
        return 4

    @property
    def smallest(self) -> int:
        """What they have at least."""
        return SMALLEST

    @nn.compact
    def __call__(self, inputs: Images, *, train: bool) -> Images:
        """Images in float32, whatever the compute type. Draws from "dropout" with `train`, where there is any.

        Raises:
          UserError: the inputs cannot be halved twice.
        """
        self._check(inputs)
        block = nn.remat(ResidualBlock, static_argnums=(2,)) if self.remat else ResidualBlock  # train
        first = ReflectedConv(self.channels, 7, self.norm, has_bias(self.norm), self.dtype, name="from_image")
        x = nn.relu(first(inputs, train))
        for level in (1, 2):
            x = Halving(self.channels << level, self.norm, self.dtype, name=f"down_{level}")(x, train)
        x = run_blocks(block(self.norm, self.dropout, self.dtype, name=BLOCKS), x, self.blocks, train)
        for level in (2, 1):
            x = Doubling(self.channels << (level - 1), self.norm, self.dtype, name=f"up_{level}")(x, train)
        last = ReflectedConv(self.image_channels, 7, "none", True, self.dtype, name="to_image")
        return jnp.tanh(last(x, train).astype(jnp.float32))

    def _check(self, inputs: Images) -> None:
        check_choice("game.generator.norm", self.norm, IMAGE_NORMS)
        height, width = inputs.shape[1:3]
        if height % 4 or width % 4 or height < SMALLEST or width < SMALLEST:
            raise UserError(
                f"game.generator: a residual generator takes images whose sides are multiples of 4, from {SMALLEST} "
                f"up, and these are {height} x {width}; resize or crop them"
            )


class Translators(nn.Module):
    """The generator player: images of either domain to the other one, two networks that share nothing.

    They take images [n, h, w, c] in [-1, 1] to the like, as `ResNetGenerator` or Pix2Pix's `UNet` do. One instance
    given twice would be one network.
    """

    a_to_b: nn.Module
    b_to_a: nn.Module

    @property
    def multiple(self) -> int:
        """What the sides of its inputs are multiples of."""
        return math.lcm(*(getattr(network, "multiple", 1) for network in (self.a_to_b, self.b_to_a)))

    @property
    def smallest(self) -> int:
        """What they have at least."""
        return max(getattr(network, "smallest", 1) for network in (self.a_to_b, self.b_to_a))

    def __call__(self, images_a: Images, images_b: Images, *, train: bool) -> tuple[Images, Images]:
        """(the first ones as of domain b, the second ones as of domain a)."""
        return self.translate_a(images_a, train=train), self.translate_b(images_b, train=train)

    def translate_a(self, images_a: Images, *, train: bool) -> Images:
        """Images of domain a as of domain b."""
        return self.a_to_b(images_a, train=train)

    def translate_b(self, images_b: Images, *, train: bool) -> Images:
        """Images of domain b as of domain a."""
        return self.b_to_a(images_b, train=train)


class Critics(nn.Module):
    """The discriminator player: one network for each domain, images [n, h, w, c] to logits [n, h', w'] of patches."""

    domain_a: PatchDiscriminator
    domain_b: PatchDiscriminator

    def __call__(self, images_a: Images, images_b: Images, *, train: bool) -> tuple[Logits, Logits]:
        """The logits of both."""
        return self.discriminate_a(images_a, train=train), self.discriminate_b(images_b, train=train)

    def discriminate_a(self, images_a: Images, *, train: bool) -> Logits:
        """Whether images are real ones of domain a."""
        return self.domain_a(images_a, train=train)

    def discriminate_b(self, images_b: Images, *, train: bool) -> Logits:
        """Whether images are real ones of domain b."""
        return self.domain_b(images_b, train=train)


def cyclegan(
    blocks: int = 9, channels: int = 64, image_channels: tuple[int, int] = (3, 3), receptive_field: int = 70
) -> UnpairedGAN:
    """Sections 3 and 4: least squares, both cycles times 10, identity times 5, pools of 50 images.

    `image_channels` are those of domains a and b.
    """
    of_a, of_b = image_channels
    return UnpairedGAN(
        Translators(ResNetGenerator(of_b, channels, blocks), ResNetGenerator(of_a, channels, blocks)),
        Critics(*(PatchDiscriminator(channels, receptive_field, norm="instance") for _ in image_channels)),
    )

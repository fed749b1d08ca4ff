"""Pix2Pix (Isola et al. 2017, https://arxiv.org/abs/1611.07004): a U-Net and a discriminator of patches.

Networks of section 3.2 and appendix 6.1, as https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix has them
(models/networks.py: unet_256 and unet_128, basic, n_layers and pixel), whose weights jgan/interop/pix2pix.py reads.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.dcgan import DOUBLING, KERNEL, KERNEL_INIT, SLOPE, scale_init
from jgan.games.paired import PairedGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.norm import IMAGE_NORMS, image_norm
from jgan.types import Array, Images, Logits, UserError

PATCH_NORMS = (*IMAGE_NORMS, "spectral")
WIDEST = 8  # of the layers, in multiples of the first one's channels
RECEPTIVE_FIELDS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # pixels: layers of stride 2


def has_bias(norm: str) -> bool:
    """Whether a convolution before this norm has a bias: as in the official code, which asks for instance norm."""
    return norm in ("instance", "affine_instance", "spectral")


class DownBlock(nn.Module):
    """Leaky ReLU, convolution, norm: [n, h, w, c] to [n, h / 2, w / 2, features]."""

    features: int
    norm: str = "batch"  # one of IMAGE_NORMS
    use_bias: bool = False
    activate: bool = True  # not where the image comes in
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        if self.activate:
            x = nn.leaky_relu(x, SLOPE)
        layer = {"use_bias": self.use_bias, "dtype": self.dtype, "kernel_init": KERNEL_INIT}
        x = Conv(self.features, KERNEL, (2, 2), DOUBLING, name="conv", **layer)(x)
        return image_norm(x, self.norm, train, scale_init)


class UpBlock(nn.Module):
    """ReLU, transposed convolution, norm, dropout: [n, h, w, c] to [n, 2 h, 2 w, features]."""

    features: int
    norm: str = "batch"  # one of IMAGE_NORMS
    dropout: float = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        layer = {"use_bias": has_bias(self.norm), "dtype": self.dtype, "kernel_init": KERNEL_INIT}
        x = ConvTranspose(self.features, KERNEL, (2, 2), DOUBLING, name="conv", **layer)(nn.relu(x))
        return nn.Dropout(self.dropout, deterministic=not train)(image_norm(x, self.norm, train, scale_init))


class UNet(nn.Module):
    """Images [n, h, w, ci] to images [n, h, w, image_channels] in [-1, 1]; h and w are multiples of 2 ** downs.

    `train` turns dropout on and takes the batch's statistics. Pix2Pix does so at test time too (section 3.4): dropout
    is its only noise, and a batch of one image has that image's own statistics.
    """

    image_channels: int = 3
    channels: int = 64  # of the outermost layer; doubled at every further one, up to 8 times as many
    downs: int = 8  # 8 is the official unet_256, 7 unet_128; at r x r pixels log2(r) at most
    norm: str = "batch"  # one of IMAGE_NORMS
    dropout: float = 0.5  # behind the layers up that have the most channels on both sides: three of eight
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @property
    def multiple(self) -> int:
        """What the sides of its inputs are multiples of."""
        return 2**self.downs

    @nn.compact
    def __call__(self, inputs: Images, *, train: bool) -> Images:
        """Images in float32, whatever the compute type. Draws from "dropout" with `train`.

        Raises:
          UserError: the inputs cannot be halved `downs` times.
        """
        check_choice("game.generator.norm", self.norm, IMAGE_NORMS)
        check_multiple("game.generator.downs", self.downs, 2**self.downs, inputs)
        down = nn.remat(DownBlock, static_argnums=(2,)) if self.remat else DownBlock  # train
        up = nn.remat(UpBlock, static_argnums=(2,)) if self.remat else UpBlock
        widths = [self.channels * min(2**level, WIDEST) for level in range(self.downs)]
        x, levels = inputs, []
        for level, width in enumerate(widths, 1):
            outermost, innermost = level == 1, level == self.downs
            norm = "none" if outermost or innermost else self.norm
            x = down(width, norm, has_bias(self.norm), not outermost, self.dtype, name=f"down_{level}")(x, train)
            levels.append(x)
        for level in range(self.downs, 1, -1):
            dropout = self.dropout if 5 <= level < self.downs else 0.0
            x = up(widths[level - 2], self.norm, dropout, self.dtype, name=f"up_{level}")(x, train)
            x = jnp.concatenate([levels[level - 2], x], axis=-1)
        layer = {"dtype": self.dtype, "kernel_init": KERNEL_INIT}
        x = ConvTranspose(self.image_channels, KERNEL, (2, 2), DOUBLING, name="to_image", **layer)(nn.relu(x))
        return jnp.tanh(x.astype(jnp.float32))


def check_multiple(field: str, value: int, multiple: int, images: Images) -> None:
    """Raises UserError for images [n, h, w, c] whose sides are not multiples of what this value of the field needs."""
    height, width = images.shape[1:3]
    if value < 1 or height % multiple or width % multiple:
        raise UserError(
            f"{field}={value}: it takes images whose sides are multiples of {multiple}, and these are {height} x "
            f"{width}; set a smaller number, or resize or crop the images"
        )


class ConvBlock(nn.Module):
    """Convolution, norm, leaky ReLU: [n, h, w, c] to [n, h / stride, w / stride, features].

    With 4 x 4 pixels at stride 1 a row and a column are lost.
    """

    features: int
    kernel: int = 4  # pixels along either side
    stride: int = 2
    norm: str = "batch"  # one of PATCH_NORMS
    use_bias: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """In `dtype`."""
        edge = (self.kernel - 1) // 2, (self.kernel - 1) // 2
        x = Conv(
            self.features,
            (self.kernel, self.kernel),
            (self.stride, self.stride),
            (edge, edge),
            use_bias=self.use_bias,
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            spectral_norm=self.norm == "spectral",
            name="conv",
        )(x)
        return nn.leaky_relu(image_norm(x, self.norm, train, scale_init), SLOPE)


class PatchDiscriminator(nn.Module):
    """Images [n, h, w, c], beside the inputs [n, h, w, ci] that they were made from, to logits [n, h', w'] of patches.

    Each logit sees `receptive_field` pixels along either side: 70 is the paper's PatchGAN, 1 its PixelGAN, 286 sees
    a whole image of 256 (appendix 6.1.2). h' is h for 1, otherwise h divided by the strides, less 2.
    """

    channels: int = 64  # of the first layer; doubled at every further one, up to 8 times as many
    receptive_field: int = 70  # one of RECEPTIVE_FIELDS
    norm: str = "batch"  # one of PATCH_NORMS; but for spectral norm, the first layer has none
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, inputs: Images | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type; the last activations are sown as "features".

        Raises:
          UserError: no such receptive field, or the images are too small for it.
        """
        layers = self._layers(images)
        x = images if inputs is None else jnp.concatenate([inputs, images], axis=-1)
        block = nn.remat(ConvBlock, static_argnums=(2,)) if self.remat else ConvBlock  # train
        spectral_norm, kernel = self.norm == "spectral", 4 if layers else 1
        for level in range(max(layers, 1) + 1):
            norm = "none" if level == 0 and not spectral_norm else self.norm
            use_bias = level == 0 or has_bias(self.norm)
            fields = kernel, 2 if level < layers else 1, norm, use_bias, self.dtype
            x = block(self.channels * min(2**level, WIDEST), *fields, name=f"block_{level + 1}")(x, train)
        self.sow("intermediates", "features", x.astype(jnp.float32))
        edge = (1, 1) if layers else (0, 0)
        logits = Conv(
            1,
            (kernel, kernel),
            padding=(edge, edge),
            use_bias=layers > 0 or has_bias(self.norm),
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            spectral_norm=spectral_norm,
            name="to_logits",
        )(x)
        return logits.astype(jnp.float32)[..., 0]

    def _layers(self, images: Images) -> int:
        """How many layers halve the resolution; 0: the kernels are of one pixel."""
        check_choice("game.discriminator.norm", self.norm, PATCH_NORMS)
        layers = RECEPTIVE_FIELDS.get(self.receptive_field)
        if layers is None:
            fields = ", ".join(map(str, RECEPTIVE_FIELDS))
            raise UserError(f"game.discriminator.receptive_field={self.receptive_field}: expected one of {fields}")
        height, width = images.shape[1:3]
        if layers and min(height, width) >> layers < 3:
            raise UserError(
                f"game.discriminator.receptive_field={self.receptive_field}: it takes images of {3 << layers} x "
                f"{3 << layers} or more, and these are {height} x {width}; set a smaller one"
            )
        return layers


def pix2pix(
    downs: int = 8,
    channels: int = 64,
    image_channels: int = 3,
    receptive_field: int = 70,
    norm: str = "batch",
    **settings: Any,
) -> PairedGAN:
    """Section 3: non-saturating loss, half of the discriminator's, 100 times the mean absolute distance to the target.

    The networks halve `downs` times: 8 for 256 x 256 pixels. `settings` are further fields of the game.
    """
    return PairedGAN(
        UNet(image_channels, channels, downs, norm),
        PatchDiscriminator(channels, receptive_field, norm),
        **({"l1_weight": 100.0, "test_as_trained": True} | settings),
    )

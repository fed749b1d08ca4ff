"""StyleGAN2 (Karras et al. 2020, https://arxiv.org/abs/1912.04958): a skip generator, a residual discriminator.

Config f: section 2 and Figure 7; presets, clamping and conditioning as in StyleGAN2-ADA (Karras et al. 2020,
https://arxiv.org/abs/2006.06676), checked against https://github.com/NVlabs/stylegan2-ada-pytorch.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import flax.linen as nn
import jax.numpy as jnp

from jgan.games.style import StyleGAN
from jgan.layers.conditioning import check_choice
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense
from jgan.layers.equalized import EQUALIZED_INIT
from jgan.layers.minibatch import GROUP, MinibatchStd
from jgan.layers.resample import smooth_downsample, smooth_upsample
from jgan.layers.smooth import smooth
from jgan.layers.style import (
    Mapping,
    ModulatedConv,
    Noise,
    StyledConv,
    StyledGenerator,
    activate,
    draw_noises,
)
from jgan.types import Array, Images, Labels, Logits, UserError

FIRST = 4  # pixels of the shortest side that both networks end or begin with
CLAMP = 256.0

Architecture = Literal["residual", "plain"]


class SynthesisBlock(nn.Module):
    """Two styled convolutions, of which the first doubles, and the colours they add to the image so far."""

    features: int
    image_channels: int
    clamp: float = CLAMP
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, images: Images, styles: Array, noises: tuple[Noise, Noise]) -> tuple[Array, Images]:
        """[n, h, w, in], [n, h, w, c] and styles [n, 3, w] to [n, 2 h, 2 w, features] and [n, 2 h, 2 w, c].

        The noises are those of the two convolutions.
        """
        layer = {"clamp": self.clamp, "dtype": self.dtype}
        x = StyledConv(self.features, up=True, name="conv_0", **layer)(x, styles[:, 0], noises[0])
        x = StyledConv(self.features, name="conv_1", **layer)(x, styles[:, 1], noises[1])
        colours = ToImage(self.image_channels, self.clamp, self.dtype, name="to_image")(x, styles[:, 2])
        return x, smooth_upsample(images) + colours


class ToImage(nn.Module):
    """A modulated convolution of 1 x 1 to colours, with a bias."""

    image_channels: int
    clamp: float = CLAMP
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, style: Array) -> Images:
        """[n, h, w, in] and [n, w] to [n, h, w, image_channels] in float32."""
        y = ModulatedConv(self.image_channels, 1, demodulate=False, dtype=self.dtype, name="conv")(x, style)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.image_channels,), jnp.float32)
        y = y + bias[None, None, None].astype(y.dtype)
        return (jnp.clip(y, -self.clamp, self.clamp) if self.clamp else y).astype(jnp.float32)


class Synthesis(nn.Module):
    """Styles [n, layers, w] to images, from a constant of 4 x 4 (or another shape) that doubles with each width."""

    widths: tuple[int, ...]  # at 4 x 4, 8 x 8, ...
    image_channels: int = 3
    first_shape: tuple[int, int] = (FIRST, FIRST)
    clamp: float = CLAMP
    dtype: str = "float32"  # of the highest resolutions
    dtype_blocks: int = 4  # how many of them
    remat: bool = False

    @nn.compact
    def __call__(self, styles: Array, *, random_noise: bool) -> Images:
        """[n, h, w, image_channels] in float32, around [-1, 1] but not held there."""
        block = nn.remat(SynthesisBlock) if self.remat else SynthesisBlock
        dtypes = block_dtypes(len(self.widths), self.dtype, self.dtype_blocks)
        wide, noises = self.widths[0], self._noises(styles.shape[0], random_noise=random_noise)
        constant = self.param("constant", nn.initializers.normal(1.0), (*self.first_shape, wide), jnp.float32)
        x = jnp.broadcast_to(constant[None], (styles.shape[0], *constant.shape))
        x = StyledConv(wide, clamp=self.clamp, dtype=dtypes[0], name=f"conv_{FIRST}")(x, styles[:, 0], noises[0][1])
        images = ToImage(self.image_channels, self.clamp, dtypes[0], name=f"to_image_{FIRST}")(x, styles[:, 1])
        for level, features in enumerate(self.widths[1:], start=1):
            own = styles[:, 2 * level - 1 : 2 * level + 2]  # the colours' style is the next block's first
            made = (features, self.image_channels, self.clamp, dtypes[level])
            x, images = block(*made, name=f"block_{FIRST << level}")(x, images, own, noises[level])
        return images

    def _noises(self, count: int, *, random_noise: bool) -> list[tuple[Noise, Noise]]:
        """Of the two layers of each block, the first block's second layer alone; None each without random noise."""
        levels = len(self.widths)
        if not random_noise:
            return [(None, None)] * levels
        pixels = [math.prod(self.first_shape) << 2 * level for level in range(levels)]
        sizes = pixels[:1] + [size for size in pixels[1:] for _ in range(2)]
        first, *others = draw_noises(self.make_rng("dropout"), count, sizes)
        return [(None, first), *zip(others[::2], others[1::2], strict=True)]


class Generator(StyledGenerator):
    """Latents [n, z], and labels [n] with classes, to images [n, h, w, c] of 4 x 4 times 2^(len(widths) - 1)."""

    widths: tuple[int, ...]
    image_channels: int = 3
    num_classes: int = 0
    style_units: int = 512
    mapping_layers: int = 8
    first_shape: tuple[int, int] = (FIRST, FIRST)  # non-square images: (4, 6) for 2 to 3
    clamp: float = CLAMP
    dtype: str = "float32"
    dtype_blocks: int = 4
    remat: bool = False

    def setup(self) -> None:
        """Both networks."""
        self.mapping = Mapping(self.style_units, self.mapping_layers, self.num_classes)
        self.synthesis = Synthesis(
            self.widths,
            self.image_channels,
            self.first_shape,
            self.clamp,
            self.dtype,
            self.dtype_blocks,
            self.remat,
        )

    @property
    def num_styles(self) -> int:
        """Layers that take a style of their own."""
        return 2 * len(self.widths)

    def synthesize(self, styles: Array, *, train: bool) -> Images:
        """Images of styles [n, layers, w], with random noise where `train`."""
        return self.synthesis(styles, random_noise=train)


class DiscriminatorBlock(nn.Module):
    """Two convolutions, of which the second halves; beside them, where `residual`, one of 1 x 1 that halves."""

    features: int
    architecture: Architecture = "residual"
    clamp: float = CLAMP
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, h, w, in] to [n, h / 2, w / 2, features] in `dtype`."""
        layer = {"dtype": self.dtype, "kernel_init": EQUALIZED_INIT, "equalized": 1.0}
        gain = math.sqrt(0.5) if self.architecture == "residual" else 1.0
        y = activate(Conv(x.shape[-1], (3, 3), name="conv_0", **layer)(x), self.clamp)
        y = Conv(self.features, (3, 3), (2, 2), "VALID", name="conv_1", **layer)(smooth(y, 2, 2))
        y = activate(y, self.clamp, gain)
        if self.architecture == "plain":
            return y
        skip = Conv(self.features, (1, 1), use_bias=False, name="skip", **layer)(smooth_downsample(x))
        return y + gain * skip


class Discriminator(nn.Module):
    """Images [n, h, w, c] to logits [n]; with classes, by the projection of a mapped label.

    Sows its last hidden layer as "features" [n, f]. In a transition the logits are those without classes, and it sows
    those by class as "conditional_logits" [n].
    """

    widths: tuple[int, ...]  # as of the generator
    num_classes: int = 0
    architecture: Architecture = "residual"
    minibatch_group: int = GROUP
    clamp: float = CLAMP
    mapping_layers: int = 8
    dtype: str = "float32"
    dtype_blocks: int = 4
    remat: bool = False

    @nn.compact
    def __call__(
        self, images: Images, labels: Labels | None = None, *, train: bool, transition: Array | None = None
    ) -> Logits:
        """Logits in float32."""
        del train
        check_choice("game.discriminator.architecture", self.architecture, ("residual", "plain"))
        block = nn.remat(DiscriminatorBlock) if self.remat else DiscriminatorBlock
        dtypes = block_dtypes(len(self.widths), self.dtype, self.dtype_blocks)
        layer = {"kernel_init": EQUALIZED_INIT, "equalized": 1.0}
        x = Conv(self.widths[-1], (1, 1), dtype=dtypes[-1], name="from_image", **layer)(images)
        x = activate(x, self.clamp)
        for level in range(len(self.widths) - 1, 0, -1):
            name = f"block_{FIRST << level}"
            x = block(self.widths[level - 1], self.architecture, self.clamp, dtypes[level], name=name)(x)
        x = MinibatchStd(self.minibatch_group, name="minibatch_std")(x)
        return self._last_layers(x, labels, in_transition=transition is not None)

    def _last_layers(self, x: Array, labels: Labels | None, *, in_transition: bool) -> Logits:
        wide, layer = self.widths[0], {"kernel_init": EQUALIZED_INIT, "equalized": 1.0}
        x = activate(Conv(wide, (3, 3), name=f"conv_{FIRST}", **layer)(x.astype(jnp.float32)), self.clamp)
        x = activate(Dense(wide, name="dense", **layer)(x.reshape(x.shape[0], -1)))
        self.sow("intermediates", "features", x)
        if not self.num_classes:
            return Dense(1, name="to_logit", **layer)(x)[:, 0]
        mapped = Mapping(wide, self.mapping_layers, self.num_classes, averaged=False, name="mapping")(None, labels)
        name = "to_conditional_logit" if in_transition else "to_logit"
        by_class = (Dense(wide, name=name, **layer)(x) * mapped).sum(-1) / math.sqrt(wide)
        if not in_transition:
            return by_class
        self.sow("intermediates", "conditional_logits", by_class)
        return Dense(1, name="to_logit", **layer)(x)[:, 0]


def block_dtypes(blocks: int, dtype: str, highest: int) -> list[str]:
    """The dtype of the block at 4 x 4, 8 x 8, ...: `dtype` in the `highest` ones from 8 x 8 on, else float32."""
    return [dtype if level > 0 and level >= blocks - highest else "float32" for level in range(blocks)]


def widths_of(resolution: int, base: int = 16384, most: int = 512) -> tuple[int, ...]:
    """Channels at 4 x 4, 8 x 8, ... up to a resolution: base / resolution, at most `most`.

    Raises:
      UserError: the resolution is no power of two from 8 on.
    """
    if resolution < 2 * FIRST or resolution & (resolution - 1):
        raise UserError(f"resolution={resolution}: expected a power of two from {2 * FIRST} on")
    levels = (resolution // FIRST).bit_length()
    return tuple(min(base // (FIRST << level), most) for level in range(levels))


def stylegan2(
    resolution: int = 1024,
    base: int = 32768,
    most: int = 512,
    image_channels: int = 3,
    num_classes: int = 0,
    mapping_layers: int = 8,
    r1_gamma: float = 10.0,
    minibatch_group: int = GROUP,
    *,
    plain: bool = False,
) -> StyleGAN:
    """Config f of the paper's Table 1 at a resolution, with lazy R1 and path lengths, and mixing.

    `base` and `most` are those of `widths_of`: 32768 and 512 are config f, 16384 half as wide from 64 x 64 on. A
    `plain` one is that for CIFAR-10 (arXiv 2006.06676, appendix D): a discriminator without skips, without mixing and
    path lengths.

    Raises:
      UserError: as `widths_of`.
    """
    widths = widths_of(resolution, base, most)
    game = StyleGAN(
        Generator(widths, image_channels, num_classes, most, mapping_layers),
        Discriminator(widths, num_classes, "plain" if plain else "residual", minibatch_group),
        latent_dim=most,
        num_classes=num_classes,
        r1_gamma=r1_gamma,
        r1_every=16,
    )
    return dataclasses.replace(game, style_mixing=0.0, path_length_weight=0.0) if plain else game

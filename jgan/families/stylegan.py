"""StyleGAN (Karras et al. 2019, https://arxiv.org/abs/1812.04948): styles steer the norms of a generator that grows.

Figure 1b and appendix C; checked against https://github.com/NVlabs/stylegan. The discriminator is ProGAN's with a
filter before each halving. With classes, labels join the latents, and the discriminator has a logit for each class
(Mescheder et al. 2018, https://arxiv.org/abs/1801.04406), as there.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.progan import sides_of
from jgan.families.stylegan2 import block_dtypes, widths_of
from jgan.games.growing_style import GrowingStyleGAN
from jgan.layers.blend import one_hot
from jgan.layers.conditioning import required
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense
from jgan.layers.equalized import EQUALIZED_INIT
from jgan.layers.minibatch import GROUP, MinibatchStd
from jgan.layers.norm import instance_normalize, pixel_norm
from jgan.layers.resample import PooledConv, UpsampledConv, average_pool, crossfade, upsample
from jgan.layers.smooth import smooth
from jgan.layers.style import GAIN, Noise, StyledGenerator, activate, draw_noises, noise_planes
from jgan.layers.style import Mapping as LaterMapping
from jgan.types import Array, Images, Labels, Latents, Logits

TRUNCATED_LAYERS = 8  # appendix B: 4 x 4 to 32 x 32
EPSILON = 1e-8  # of the instance norms


class Mapping(LaterMapping):
    """As StyleGAN2's, but embedded labels are normalised together with the latents, and biases have no gain."""

    bias_gain: float = 1.0 / GAIN

    def join(self, latents: Latents | None, labels: Labels | None) -> Array:
        """Latents [n, z], and beside them a vector as wide of each label, normalised: [n, z or 2 z]."""
        assert latents is not None
        x = latents.astype(jnp.float32)
        if self.num_classes:
            embed = Dense(x.shape[-1], use_bias=False, kernel_init=EQUALIZED_INIT, name="embed")
            x = jnp.concatenate([x, embed(one_hot(required(labels), self.num_classes))], axis=-1)
        return pixel_norm(x)


class StyledNorm(nn.Module):
    """What follows a layer: noise, bias, leaky ReLU, instance norm, then scales and shifts by the style (equation 1).

    Parameters `noise_strength` [c], `bias` [c] and `style` (Dense, [w] to [2 c]: scales less 1, and shifts); `noise`
    [h, w] of CONSTANTS is what a trained network adds in place of random noise.
    """

    @nn.compact
    def __call__(self, x: Array, style: Array, noise: Noise) -> Array:
        """[n, h, w, c], [n, w] and noise [n, h w] to [n, h, w, c]. Without noise the constant one is added."""
        _, height, width, channels = x.shape
        strength = self.param("noise_strength", nn.initializers.zeros_init(), (channels,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (channels,), jnp.float32)
        added = noise_planes(self, noise, height, width) * strength[None, None, None] + bias[None, None, None]
        x = instance_normalize(EPSILON, _leaky(x + added.astype(x.dtype)))
        affine = Dense(2 * channels, kernel_init=EQUALIZED_INIT, equalized=1.0, name="style")
        scales, shifts = jnp.split(affine(style)[:, None, None].astype(x.dtype), 2, axis=-1)
        return x * (1.0 + scales) + shifts


class SynthesisBlock(nn.Module):
    """Two layers with styles: [n, h, w, in] to [n, 2 h, 2 w, features]; the first one doubles and smooths.

    In the `first` block it is the constant itself, and nothing doubles.
    """

    features: int
    first: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, styles: Array, noises: tuple[Noise, Noise]) -> Array:
        """Styles [n, 2, w]; in `dtype`."""
        layer = {"use_bias": False, **_layer(self.dtype)}
        if not self.first:
            x = _smooth(UpsampledConv(self.features, (3, 3), name="conv_0", **layer)(x))
        x = StyledNorm(name="norm_0")(x, styles[:, 0], noises[0])
        x = Conv(self.features, (3, 3), name="conv_1", **layer)(x)
        return StyledNorm(name="norm_1")(x, styles[:, 1], noises[1])


class Synthesis(nn.Module):
    """Styles [n, layers, w] to images of any resolution up to the last, from a constant of 4 x 4.

    It has the layers of colours of all resolutions that it passes, though at most two of them show.
    """

    widths: tuple[int, ...]  # at 4 x 4, 8 x 8, ...
    image_channels: int = 3
    dtype: str = "float32"  # of the highest resolutions
    dtype_blocks: int = 4  # how many of them
    remat: bool = False

    @nn.compact
    def __call__(self, styles: Array, *, resolution: int, fade: Array | None, random_noise: bool) -> Images:
        """[n, r, r, image_channels] in float32: `fade` from the newest block, the rest from the one before."""
        block = nn.remat(SynthesisBlock) if self.remat else SynthesisBlock
        dtypes = block_dtypes(len(self.widths), self.dtype, self.dtype_blocks)
        sides = sides_of("generator", self.widths, resolution)
        noises = self._noises(styles.shape[0], [side for side, _ in sides], random_noise=random_noise)
        (first, wide), images = sides[0], []
        x = self.param("constant", nn.initializers.ones_init(), (first, first, wide), jnp.float32)[None]
        x = jnp.broadcast_to(x, (styles.shape[0], *x.shape[1:]))
        for level, (side, features) in enumerate(sides):
            own = styles[:, 2 * level : 2 * level + 2]
            x = block(features, level == 0, dtypes[level], name=f"block_{side}")(x, own, noises[level])
            colours = Conv(self.image_channels, (1, 1), name=f"to_image_{side}", **_layer(dtypes[level], gain=1.0))
            images.append(colours(x).astype(jnp.float32))
        return images[-1] if fade is None else crossfade(upsample(images[-2]), images[-1], fade)

    def _noises(self, count: int, sides: list[int], *, random_noise: bool) -> list[tuple[Noise, Noise]]:
        """Of the two layers of each block; None each without random noise."""
        if not random_noise:
            return [(None, None)] * len(sides)
        drawn = draw_noises(self.make_rng("dropout"), count, [side * side for side in sides for _ in range(2)])
        return list(zip(drawn[::2], drawn[1::2], strict=True))


class Generator(StyledGenerator):
    """Latents [n, z] and labels [n] to images [n, r, r, c], for any r from 4 up to 4 times 2^(len(widths) - 1)."""

    widths: tuple[int, ...]
    image_channels: int = 3
    num_classes: int = 0
    style_units: int = 512
    mapping_layers: int = 8
    dtype: str = "float32"  # of the highest resolutions
    dtype_blocks: int = 4  # how many of them
    remat: bool = False

    def setup(self) -> None:
        """Both networks."""
        self.mapping = Mapping(self.style_units, self.mapping_layers, self.num_classes)
        self.synthesis = Synthesis(self.widths, self.image_channels, self.dtype, self.dtype_blocks, self.remat)

    @property
    def num_styles(self) -> int:
        """Two a resolution."""
        return 2 * len(self.widths)

    def styles_in_use(self, *, resolution: int, **growth: Any) -> int:
        """Those up to this resolution."""
        del growth
        return 2 * len(sides_of("generator", self.widths, resolution))

    def synthesize(self, styles: Array, *, train: bool, resolution: int, fade: Array | None) -> Images:
        """Images of styles [n, layers, w], with random noise where `train`."""
        return self.synthesis(styles, resolution=resolution, fade=fade, random_noise=train)


class DiscriminatorBlock(nn.Module):
    """Convolution, leaky ReLU, filter, convolution, halving, leaky ReLU: to [n, h / 2, w / 2, features]."""

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, h, w, c], in `dtype`."""
        x = _smooth(_leaky(Conv(x.shape[-1], (3, 3), name="conv_0", **_layer(self.dtype))(x)))
        return _leaky(PooledConv(self.features, (3, 3), name="conv_1", **_layer(self.dtype))(x))


class Discriminator(nn.Module):
    """Images [n, r, r, c] to logits [n], for any r up to the last; with classes, that of the label among one for each.

    Sows its last hidden layer as "features" [n, f], and logits in a transition as StyleGAN2's. It has the first layers
    of all resolutions below, as the generator the last ones.
    """

    widths: tuple[int, ...]  # as of the generator
    num_classes: int = 0
    minibatch_group: int = GROUP
    dtype: str = "float32"  # of the highest resolutions
    dtype_blocks: int = 4  # how many of them
    remat: bool = False

    @nn.compact
    def __call__(
        self,
        images: Images,
        labels: Labels | None = None,
        *,
        resolution: int,
        fade: Array | None,
        train: bool,
        transition: Array | None = None,
    ) -> Logits:
        """Logits in float32, of images whose `fade` goes through the newest block, the rest through the one before."""
        del train
        block = nn.remat(DiscriminatorBlock) if self.remat else DiscriminatorBlock
        dtypes = block_dtypes(len(self.widths), self.dtype, self.dtype_blocks)
        sides = sides_of("discriminator", self.widths, resolution)
        x = self._from_image(images, *sides[-1], dtypes[len(sides) - 1])
        for level in range(len(sides) - 1, 0, -1):
            (side, _), (half, features) = sides[level], sides[level - 1]
            x = block(features, dtypes[level], name=f"block_{side}")(x)
            images = average_pool(images)
            seen = self._from_image(images, half, features, dtypes[level - 1])
            if side == resolution and fade is not None:
                x = crossfade(seen, x, fade)
        x = MinibatchStd(self.minibatch_group, name="minibatch_std")(x)
        return self._last_layers(x, labels, in_transition=transition is not None)

    def _from_image(self, images: Images, side: int, features: int, dtype: str) -> Array:
        return _leaky(Conv(features, (1, 1), name=f"from_image_{side}", **_layer(dtype))(images))

    def _last_layers(self, x: Array, labels: Labels | None, *, in_transition: bool) -> Logits:
        """Features at 4 x 4 to logits, by two hidden layers."""
        wide = self.widths[0]
        x = _leaky(Conv(wide, (3, 3), name="conv_4", **_layer())(x.astype(jnp.float32)))
        x = _leaky(Dense(wide, name="dense", **_layer())(x.reshape(x.shape[0], -1)))
        self.sow("intermediates", "features", x)
        if not self.num_classes:
            return Dense(1, name="to_logit", **_layer(gain=1.0))(x)[:, 0]
        name = "to_conditional_logit" if in_transition else "to_logit"
        logits = Dense(self.num_classes, name=name, **_layer(gain=1.0))(x)
        by_class = (logits * one_hot(required(labels), self.num_classes)).sum(-1)
        if not in_transition:
            return by_class
        self.sow("intermediates", "conditional_logits", by_class)
        return Dense(1, name="to_logit", **_layer(gain=1.0))(x)[:, 0]


def _layer(dtype: str = "float32", gain: float = GAIN) -> dict[str, Any]:
    """What all layers with weights have in common; their gain is that of a leaky ReLU."""
    return {"dtype": dtype, "kernel_init": EQUALIZED_INIT, "equalized": gain}


def _leaky(x: Array) -> Array:
    """A leaky ReLU without a gain of its own."""
    return activate(x, gain=1.0 / GAIN)


def _smooth(x: Array) -> Array:
    return smooth(x, 1, 1, taps=(1.0, 2.0, 1.0))


def stylegan(
    resolution: int = 1024,
    base: int = 16384,
    most: int = 512,
    image_channels: int = 3,
    num_classes: int = 0,
    mapping_layers: int = 8,
    r1_gamma: float = 10.0,
) -> GrowingStyleGAN:
    """Table 1's (F) up to a resolution, with R1 at every step and mixing.

    `base` and `most` are those of `widths_of`: 16384 and 512 are the paper's.

    Raises:
      UserError: as `widths_of`.
    """
    widths = widths_of(resolution, base, most)
    return GrowingStyleGAN(
        Generator(widths, image_channels, num_classes, most, mapping_layers),
        Discriminator(widths, num_classes),
        latent_dim=most,
        num_classes=num_classes,
        r1_gamma=r1_gamma,
        r1_every=1,
        truncation_cutoff=min(TRUNCATED_LAYERS, 2 * len(widths)),
    )

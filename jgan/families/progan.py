"""ProGAN (Karras et al. 2018, https://arxiv.org/abs/1710.10196): networks that grow from 4 x 4 to 1024 x 1024.

Table 2, with equalised learning rates (4.1), pixel norm (4.2) and mini-batch standard deviation (3); checked against
https://github.com/tkarras/progressive_growing_of_gans. With classes the generator takes them beside its latents, and
the discriminator guesses them (ACGAN), as there.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jgan.games.growing import FIRST_RESOLUTION, GrowingGAN
from jgan.layers.conditioning import check_choice, label_features
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense
from jgan.layers.equalized import EQUALIZED_INIT
from jgan.layers.minibatch import MinibatchStd
from jgan.layers.norm import pixel_norm
from jgan.layers.resample import PooledConv, UpsampledConv, average_pool, crossfade, upsample
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

WIDTHS = (512, 512, 512, 512, 256, 128, 64, 32, 16)  # Table 2
SLOPE = 0.2  # of the leaky ReLUs
GAIN = math.sqrt(2.0)  # of layers before them


class GeneratorBlock(nn.Module):
    """Doubling, then twice convolution, leaky ReLU, pixel norm: [n, h, w, c] to [n, 2 h, 2 w, features]."""

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        x = _normalized(UpsampledConv(self.features, (3, 3), name="conv_1", **_layer(self.dtype))(x))
        return _normalized(Conv(self.features, (3, 3), name="conv_2", **_layer(self.dtype))(x))


class DiscriminatorBlock(nn.Module):
    """Convolution, leaky ReLU, convolution, halving, leaky ReLU: [n, h, w, c] to [n, h / 2, w / 2, features].

    Table 2 has the halving last; the authors' code, by default, where it is here.
    """

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        x = nn.leaky_relu(Conv(x.shape[-1], (3, 3), name="conv_1", **_layer(self.dtype))(x), SLOPE)
        return nn.leaky_relu(PooledConv(self.features, (3, 3), name="conv_2", **_layer(self.dtype))(x), SLOPE)


class Generator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c], for any r up to the last.

    They are around [-1, 1] but not held there. `widths` are those of the features at 4 x 4, 8 x 8, ..., r x r.
    """

    widths: tuple[int, ...] = WIDTHS
    image_channels: int = 3
    num_classes: int = 0  # 0: labels are ignored
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(
        self, latents: Latents, labels: Labels | None = None, *, resolution: int, fade: Array | None, train: bool
    ) -> Images:
        """Images of `resolution` in float32: `fade` of it from the newest block, the rest from the one before."""
        del train
        block = nn.remat(GeneratorBlock) if self.remat else GeneratorBlock
        if self.num_classes:
            latents = jnp.concatenate([latents, label_features(labels, self.num_classes, "concatenate")], axis=-1)
        x = before = self._first(pixel_norm(latents))
        for side, features in sides_of("generator", self.widths, resolution)[1:]:
            before, x = x, block(features, self.dtype, name=f"block_{side}")(x)
        images = self._to_image(x, resolution)
        if fade is None:
            return images
        return crossfade(upsample(self._to_image(before, resolution // 2)), images, fade)

    def _first(self, latents: Latents) -> Array:
        """Features at 4 x 4."""
        side, wide = FIRST_RESOLUTION, self.widths[0]
        # The authors' gain for this layer: a quarter of that of the others.
        project = Dense(side * side * wide, use_bias=False, name="from_latents", **_layer(self.dtype, GAIN / 4))
        bias = self.param("bias_4", nn.initializers.zeros_init(), (1, 1, 1, wide), jnp.float32)
        x = project(latents).reshape(-1, side, side, wide)
        x = _normalized(x + bias.astype(x.dtype))
        return _normalized(Conv(wide, (3, 3), name="conv_4", **_layer(self.dtype))(x))

    def _to_image(self, x: Array, resolution: int) -> Images:
        layer = Conv(self.image_channels, (1, 1), name=f"to_image_{resolution}", **_layer(self.dtype, gain=1.0))
        return layer(x).astype(jnp.float32)


class Discriminator(nn.Module):
    """Images [n, r, r, c] to logits [n], for any r up to the last; labels are ignored: it guesses them.

    Sows its last hidden layer as "features" [n, f] and, with classes, the guess as "class_logits" [n, num_classes].
    """

    widths: tuple[int, ...] = WIDTHS  # as of the generator
    num_classes: int = 0
    minibatch: str = "std"  # or "none"
    dtype: str = "float32"
    remat: bool = False  # as in the generator

    @nn.compact
    def __call__(
        self, images: Images, labels: Labels | None = None, *, resolution: int, fade: Array | None, train: bool
    ) -> Logits:
        """Logits in float32, of images whose `fade` goes through the newest block, the rest through the one before."""
        del labels, train
        check_choice("game.discriminator.minibatch", self.minibatch, ("none", "std"))
        block = nn.remat(DiscriminatorBlock) if self.remat else DiscriminatorBlock
        sides = sides_of("discriminator", self.widths, resolution)
        x = self._from_image(images, *sides[-1])
        for (side, _), (half, features) in zip(sides[:0:-1], sides[-2::-1], strict=True):
            x = block(features, self.dtype, name=f"block_{side}")(x)
            if side == resolution and fade is not None:
                x = crossfade(self._from_image(average_pool(images), half, features), x, fade)
        return self._last_layers(MinibatchStd(name="minibatch_std")(x) if self.minibatch == "std" else x)

    def _from_image(self, images: Images, resolution: int, features: int) -> Array:
        layer = Conv(features, (1, 1), name=f"from_image_{resolution}", **_layer(self.dtype))
        return nn.leaky_relu(layer(images), SLOPE)

    def _last_layers(self, x: Array) -> Logits:
        """Features at 4 x 4 to logits, by two hidden layers."""
        wide = self.widths[0]
        x = nn.leaky_relu(Conv(wide, (3, 3), name="conv_4", **_layer(self.dtype))(x), SLOPE)
        x = nn.leaky_relu(Dense(wide, name="dense", **_layer(self.dtype))(x.reshape(x.shape[0], -1)), SLOPE)
        x = x.astype(jnp.float32)
        self.sow("intermediates", "features", x)
        if self.num_classes:
            to_classes = Dense(self.num_classes, name="to_classes", **_layer("float32", gain=1.0))
            self.sow("intermediates", "class_logits", to_classes(x))
        return Dense(1, name="to_logit", **_layer("float32", gain=1.0))(x)[:, 0]


def _layer(dtype: str, gain: float = GAIN) -> dict[str, Any]:
    """What all layers with weights have in common."""
    return {"dtype": dtype, "kernel_init": EQUALIZED_INIT, "equalized": gain}


def _normalized(x: Array) -> Array:
    return pixel_norm(nn.leaky_relu(x, SLOPE))


def sides_of(player: str, widths: tuple[int, ...], resolution: int) -> list[tuple[int, int]]:
    """(resolution, width) from 4 x 4 up to `resolution`. Raises UserError where the network does not get there."""
    sides = [(FIRST_RESOLUTION << level, width) for level, width in enumerate(widths)]
    reached = [pair for pair in sides if pair[0] <= resolution]
    if not reached or reached[-1][0] != resolution:
        expected = ", ".join(str(side) for side, _ in sides)
        raise UserError(f"game.{player}.widths: no features of {resolution} x {resolution}; expected one of {expected}")
    return reached


def progan(
    resolution: int = 1024, max_channels: int = 512, image_channels: int = 3, num_classes: int = 0
) -> GrowingGAN:
    """Table 2's widths up to a resolution, all scaled where `max_channels` is not 512; WGAN-GP's loss with drift.

    Raises:
      UserError: the resolution is none of 4, 8, ... 1024.
    """
    sides = [FIRST_RESOLUTION << level for level in range(len(WIDTHS))]
    if resolution not in sides:
        raise UserError(f"progan(resolution={resolution}): expected one of {', '.join(map(str, sides))}")
    widths = tuple(width * max_channels // 512 for width in WIDTHS[: sides.index(resolution) + 1])
    return GrowingGAN(
        Generator(widths, image_channels, num_classes),
        Discriminator(widths, num_classes),
        latent_dim=max_channels,
        num_classes=num_classes,
        adversarial="wasserstein",
        gradient_penalty_weight=10.0,
        drift_weight=0.001,
        classifier_weight=float(num_classes > 0),
        generator_classifier_weight=float(num_classes > 0),
    )

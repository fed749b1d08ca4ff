"""R3GAN (Huang et al. 2024, https://arxiv.org/abs/2501.05441): residual networks without normalisation.

Section 4 and table 7, checked against https://github.com/brownvc/R3GAN: blocks of a 1 x 1, a grouped 3 x 3 and a 1 x 1
convolution, the last one zero at first, leaky ReLUs behind biases, smooth resampling, and nothing else. The loss pairs
real with fake images, and R1 and R2 are in every step.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from jgan.games.latent import LatentGAN
from jgan.layers.conditioning import required
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense, Embed
from jgan.layers.resample import smooth_downsample, smooth_upsample
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

SLOPE = 0.2  # of leaky ReLU, for negative inputs
BASE = 4  # rows, and columns, of the lowest features


def scaled_normal(gain: float = 1.0) -> nn.initializers.Initializer:
    """N(0, gain^2 / inputs of a unit), as of He et al. 2015 (https://arxiv.org/abs/1502.01852)."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


class Block(nn.Module):
    """Residual block: [n, h, w, c] to the same shape. It is the identity at first (Fixup, section 4.2)."""

    groups: int  # of the 3 x 3 convolution
    expansion: int  # its channels, in multiples of c
    network_blocks: int  # of the whole network: they share the variance
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        hidden = self.expansion * x.shape[-1]
        if hidden % self.groups:
            raise UserError(f"game: groups={self.groups} do not divide the {hidden} channels of a block; see widths")
        # Of the three layers' branch: gain of leaky ReLU, times L ** (-1 / (2 m - 2)) for m = 3
        gain = math.sqrt(2.0 / (1.0 + SLOPE**2)) * self.network_blocks**-0.25
        init, zeros = scaled_normal(gain), nn.initializers.zeros_init()
        branch = Conv(hidden, (1, 1), kernel_init=init, dtype=self.dtype, name="conv_1")(x)
        branch = _activate(branch)
        branch = Conv(hidden, (3, 3), groups=self.groups, kernel_init=init, dtype=self.dtype, name="conv_2")(branch)
        branch = _activate(branch)
        last = Conv(x.shape[-1], (1, 1), use_bias=False, kernel_init=zeros, dtype=self.dtype, name="conv_3")
        return x + last(branch)


class Generator(nn.Module):
    """Latents [n, z], and labels [n], to images [n, r, r, c]; the resolution r is 4, doubled by every width but one.

    Nothing keeps images within [-1, 1].
    """

    widths: tuple[int, ...] = (768, 768, 768, 768)  # from 4 x 4 upwards
    groups: tuple[int, ...] = (96, 96, 96, 96)
    image_channels: int = 3
    num_classes: int = 0  # 0: labels are ignored
    class_features: int = 64
    blocks: int = 2  # at each resolution
    expansion: int = 2
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        del train
        _check_groups("game.generator", self.widths, self.groups)
        if self.num_classes:
            init = nn.initializers.normal(self.num_classes**-0.5)
            vectors = Embed(self.num_classes, self.class_features, self.dtype, init, name="class_vectors")
            vectors = vectors(required(labels))
            latents = jnp.concatenate([latents.astype(vectors.dtype), vectors], axis=1)
        layer = {"use_bias": False, "dtype": self.dtype, "kernel_init": scaled_normal()}
        basis = self.param("basis", nn.initializers.normal(1.0), (BASE, BASE, self.widths[0]), jnp.float32)
        x = Dense(self.widths[0], name="from_latents", **layer)(latents)
        x = basis.astype(self.dtype)[None] * x[:, None, None]
        for level, (width, groups) in enumerate(zip(self.widths, self.groups, strict=True)):
            if level:
                if width != x.shape[-1]:
                    x = Conv(width, (1, 1), name=f"to_{BASE << level}", **layer)(x)
                x = smooth_upsample(x)
            x = _run_blocks(self, x, BASE << level, groups)
        return Conv(self.image_channels, (1, 1), name="to_image", **layer)(x).astype(jnp.float32)


class Discriminator(nn.Module):
    """Images [n, r, r, c], and labels [n], to logits [n]: the generator turned around."""

    widths: tuple[int, ...] = (768, 768, 768, 768)  # down to 4 x 4
    groups: tuple[int, ...] = (96, 96, 96, 96)
    num_classes: int = 0  # 0: labels are ignored
    class_features: int = 768
    blocks: int = 2  # at each resolution
    expansion: int = 2
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type; its last activations [n, widths[-1]] are sown as "features"."""
        del train
        _check_groups("game.discriminator", self.widths, self.groups)
        side = BASE << (len(self.widths) - 1)
        if images.shape[1:3] != (side, side):
            raise UserError(
                f"game.discriminator.widths: {len(self.widths)} of them halve {side} x {side} images down to 4 x 4, "
                f"but they are {images.shape[1]} x {images.shape[2]}; set another number"
            )
        layer = {"use_bias": False, "dtype": self.dtype, "kernel_init": scaled_normal()}
        x = Conv(self.widths[0], (1, 1), name="from_image", **layer)(images)
        for level, (width, groups) in enumerate(zip(self.widths, self.groups, strict=True)):
            if level:
                x = smooth_downsample(x)
                if width != x.shape[-1]:
                    x = Conv(width, (1, 1), name=f"to_{side >> level}", **layer)(x)
            x = _run_blocks(self, x, side >> level, groups)
        # A 4 x 4 convolution of each channel by itself: one number is left of it.
        basis = self.param("basis", nn.initializers.normal(1.0 / BASE), (BASE, BASE, x.shape[-1]), jnp.float32)
        features = (x * basis.astype(x.dtype)[None]).sum((1, 2))
        self.sow("intermediates", "features", features.astype(jnp.float32))
        logits = Dense(self.class_features if self.num_classes else 1, name="to_logit", **layer)(features)
        if self.num_classes:
            init = nn.initializers.normal((self.num_classes * self.class_features) ** -0.5)
            vectors = Embed(self.num_classes, self.class_features, self.dtype, init, name="class_vectors")
            logits = logits * vectors(required(labels))
        return logits.astype(jnp.float32).sum(1)


def _activate(x: Array) -> Array:
    return nn.leaky_relu(x, SLOPE)


def _run_blocks(network: Generator | Discriminator, x: Array, resolution: int, groups: int) -> Array:
    """The blocks of one resolution, made in the network that calls."""
    block = nn.remat(Block) if network.remat else Block
    network_blocks = network.blocks * len(network.widths)
    for index in range(1, network.blocks + 1):
        name = f"block_{resolution}_{index}"
        x = block(groups, network.expansion, network_blocks, network.dtype, name=name)(x)
    return x


def _check_groups(network: str, widths: tuple[int, ...], groups: tuple[int, ...]) -> None:
    if len(widths) != len(groups):
        raise UserError(f"{network}.groups={groups}: expected a number for each of the {len(widths)} widths")


class Size(NamedTuple):
    """Networks of a data set: widths and groups from 4 x 4 upwards, and R1's and R2's gamma at first."""

    widths: tuple[int, ...]
    groups: tuple[int, ...]
    gamma: float


SIZES = {
    "cifar10": Size((768,) * 4, (96,) * 4, 0.05),
    "ffhq64": Size((768, 768, 768, 768, 384), (96, 96, 96, 96, 48), 2.0),
    "ffhq256": Size((768, 768, 768, 768, 384, 192, 96), (96, 96, 96, 96, 48, 24, 12), 150.0),
    "imagenet32": Size((1536,) * 4, (96,) * 4, 0.5),
    "imagenet64": Size((1536,) * 5, (96,) * 5, 1.0),
}


POLICY = ("ada_geometry", "ada_color", "ada_cutout")


def r3gan(
    size: str = "cifar10", num_classes: int = 0, decay_images: int = 0, augment_probability: float = 0.55
) -> LatentGAN:
    """The networks of a published run, its loss, penalties and augmentation.

    Over `decay_images` gamma falls to a tenth, and the probability of each augmentation rises from 0 to
    `augment_probability`. With 0, gamma stays and nothing is augmented.

    Raises:
      UserError: there is no such run.
    """
    if size not in SIZES:
        raise UserError(f"r3gan(size={size!r}): expected one of {', '.join(SIZES)}")
    widths, groups, gamma = SIZES[size]
    game = LatentGAN(
        Generator(widths, groups, num_classes=num_classes),
        Discriminator(widths[::-1], groups[::-1], num_classes=num_classes, class_features=widths[0]),
        latent_dim=64,
        num_classes=num_classes,
        adversarial="relativistic_paired",
        r1_gamma=gamma,
        r2_gamma=gamma,
        r1_every=1,
    )
    if not decay_images:
        return game
    return dataclasses.replace(
        game,
        final_gamma_scale=0.1,
        gamma_images=decay_images,
        augment=POLICY,
        augment_probability=augment_probability,
        augment_probability_images=decay_images,
    )

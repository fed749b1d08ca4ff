"""ACGAN, the auxiliary classifier GAN (Odena et al. 2017, https://arxiv.org/abs/1610.09585), appendix A.

The generator is told the class of the image to make; the discriminator is not, and says of every image how real it is
and of which class. The networks are those of the appendix's tables for CIFAR-10 (the defaults) and for ImageNet at
128 x 128 (`generator_widths=(768, 384, 256, 192)`).
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jgan.games.latent import LatentGAN
from jgan.layers.conditioning import check_choice, label_features
from jgan.layers.conv import Conv, ConvTranspose
from jgan.layers.dense import Dense
from jgan.layers.logits import last_features, to_logit
from jgan.layers.norm import DISCRIMINATOR_NORMS, BatchNorm, discriminator_norm
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

SLOPE = 0.2  # of the leaky ReLUs
KERNEL_INIT = nn.initializers.normal(0.02)
GENERATOR_KERNEL = (5, 5)
AUXILIARY_CLASSIFIER = "auxiliary_classifier"


class GeneratorBlock(nn.Module):
    """Transposed 5 x 5 convolution, norm, ReLU: [n, h, w, c] to [n, 2 h, 2 w, features]."""

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Batch statistics with `train`, running ones without."""
        x = ConvTranspose(
            self.features, GENERATOR_KERNEL, (2, 2), dtype=self.dtype, kernel_init=KERNEL_INIT, name="conv"
        )(x)
        return nn.relu(BatchNorm(name="norm")(x, train))


class DiscriminatorBlock(nn.Module):
    """3 x 3 convolution, norm, leaky ReLU, dropout: [n, h, w, c] to [n, h / s, w / s, features] for a stride of s."""

    features: int
    stride: int
    norm: str  # one of DISCRIMINATOR_NORMS
    dropout: float
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Batch statistics and dropout with `train`, running ones and none without."""
        strides = (self.stride, self.stride)
        spectral_norm = self.norm == "spectral"
        layer = {"dtype": self.dtype, "kernel_init": KERNEL_INIT, "spectral_norm": spectral_norm}
        x = discriminator_norm(Conv(self.features, (3, 3), strides, name="conv", **layer)(x), self.norm, train)
        return nn.Dropout(self.dropout, deterministic=not train)(nn.leaky_relu(x, SLOPE))


class Generator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1]."""

    resolution: int = 32
    image_channels: int = 3
    num_classes: int = 10
    label_input: str = "concatenate"  # one-hot, or "embedding"
    widths: tuple[int, ...] = (384, 192, 96)  # of the dense layer and of the blocks; the image is twice the last's size
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        block = nn.remat(GeneratorBlock, static_argnums=(2,)) if self.remat else GeneratorBlock
        features = label_features(labels, self.num_classes, self.label_input, self.dtype)
        x = jnp.concatenate([latents, features.astype(latents.dtype)], axis=-1)
        side, wide = self._first_side(), self.widths[0]
        x = nn.relu(nn.Dense(side * side * wide, dtype=self.dtype, kernel_init=KERNEL_INIT, name="project")(x))
        x = x.reshape(-1, side, side, wide)
        for width in self.widths[1:]:
            side *= 2
            x = block(width, self.dtype, name=f"block_{side}")(x, train)
        x = ConvTranspose(
            self.image_channels,
            GENERATOR_KERNEL,
            (2, 2),
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            name="to_image",
        )(x)
        return jnp.tanh(x.astype(jnp.float32))

    def _first_side(self) -> int:
        """Side of the first grid: every width stands for a doubling."""
        if self.resolution % 2 ** len(self.widths):
            raise UserError(
                f"game.generator.resolution={self.resolution}: expected a multiple of {2 ** len(self.widths)}, "
                "since each of game.generator.widths doubles the size"
            )
        return self.resolution // 2 ** len(self.widths)


class Discriminator(nn.Module):
    """Images [n, r, r, c] to logits [n]; labels are ignored: it guesses them.

    Sows the guess as "class_logits" [n, num_classes] and the last hidden layer as "features" [n, f], both float32.
    """

    num_classes: int = 10
    label_input: str = AUXILIARY_CLASSIFIER  # the only way: the class is an output
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)  # every other block halves the size, from the first on
    norm: str = "batch"  # one of DISCRIMINATOR_NORMS; but for spectral norm, the first block has none
    dropout: float = 0.5
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        if self.label_input != AUXILIARY_CLASSIFIER:
            raise UserError(
                f"game.discriminator.label_input={self.label_input!r}: expected {AUXILIARY_CLASSIFIER!r}; "
                "for other ways see jgan/families/cgan.py"
            )
        block = nn.remat(DiscriminatorBlock, static_argnums=(2,)) if self.remat else DiscriminatorBlock
        check_choice("game.discriminator.norm", self.norm, DISCRIMINATOR_NORMS)
        spectral_norm = self.norm == "spectral"
        last = {"kernel_init": KERNEL_INIT, "spectral_norm": spectral_norm}
        x = images
        for index, width in enumerate(self.widths):
            stride, norm = 2 - index % 2, self.norm if index or spectral_norm else "none"
            x = block(width, stride, norm, self.dropout, self.dtype, name=f"block_{index}")(x, train)
        x = last_features(self, x)
        self.sow("intermediates", "class_logits", Dense(self.num_classes, name="to_classes", **last)(x))
        return to_logit(x, **last)


def acgan(
    resolution: int = 32,
    image_channels: int = 3,
    num_classes: int = 10,
    generator_widths: tuple[int, ...] = (384, 192, 96),
    discriminator_widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512),
) -> LatentGAN:
    """The paper's networks, both players paying as much for the class (equation 3) as for the source (equation 2)."""
    return LatentGAN(
        Generator(resolution, image_channels, num_classes, widths=generator_widths),
        Discriminator(num_classes, widths=discriminator_widths),
        latent_dim=100,
        num_classes=num_classes,
        classifier_weight=1.0,
        generator_classifier_weight=1.0,
    )

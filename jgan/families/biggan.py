"""BigGAN (Brock et al. 2019, https://arxiv.org/abs/1809.11096): SAGAN's recipe, larger, with latents at every block.

Networks of appendix B, checked against https://github.com/ajbrock/BigGAN-PyTorch, which also has those for 32 x 32, and
batch norm's epsilon of 1e-5.
"""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.sngan import Discriminator, generate_images
from jgan.games.latent import LatentGAN
from jgan.layers.conditioning import check_choice, required
from jgan.layers.dense import Embed
from jgan.layers.residual import KERNEL_INITS
from jgan.types import Array, Images, Labels, Latents, UserError


class Generator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1].

    Hierarchical latents are cut into equal pieces: the first becomes the features that the first block takes, each of
    the others modulates the batch norms of a block, together with a vector for each class that all blocks share.
    """

    resolution: int = 128
    widths: tuple[int, ...] = (1536, 1536, 768, 384, 192, 96)  # of what the latents become, then of each block
    image_channels: int = 3
    num_classes: int = 1000  # 0: labels are ignored
    class_features: int = 128  # of the shared embedding
    hierarchical: bool = True
    attention: tuple[int, ...] = (64,)  # resolutions: self-attention follows the block that leaves one
    spectral_norm: bool = True
    weight_init: str = "orthogonal"  # or another of KERNEL_INITS
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        check_choice("game.generator.weight_init", self.weight_init, tuple(KERNEL_INITS))
        return generate_images(self, *self._split(latents, labels), train)

    def _split(self, latents: Latents, labels: Labels | None) -> tuple[Array, list[Array | None]]:
        """(what the first layer takes, what the norms of each block depend on)."""
        blocks = len(self.widths) - 1
        first, rest = latents, [latents[:, :0]] * blocks
        if self.hierarchical:
            if latents.shape[1] % (blocks + 1):
                raise UserError(
                    f"game.latent_dim={latents.shape[1]}: hierarchical latents are cut into {blocks + 1} equal pieces; "
                    f"expected a multiple of {blocks + 1}"
                )
            first, *rest = jnp.split(latents, blocks + 1, axis=1)
        if self.num_classes:
            init = KERNEL_INITS[self.weight_init].other
            embed = Embed(self.num_classes, self.class_features, self.dtype, init, name="class_vectors")
            vectors = embed(required(labels))
            rest = [jnp.concatenate([vectors, piece.astype(vectors.dtype)], axis=1) for piece in rest]
        return first, [condition if condition.shape[1] else None for condition in rest]


class Size(NamedTuple):
    """Networks of a resolution: widths of what the latents become and of each block, and the rest of their fields."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    downsamples: int
    latent_dim: int
    attention: tuple[int, ...] = (64,)  # as in the paper


SIZES = {  # widths in multiples of the preset's channels
    32: Size((4, 4, 4, 4), (4, 4, 4, 4), 2, 80, attention=(16,)),
    64: Size((16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4, 120, attention=(32,)),
    128: Size((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5, 120),
    256: Size((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 6, 140),
    512: Size((16, 16, 8, 8, 4, 2, 1, 1), (1, 1, 2, 4, 8, 8, 16, 16), 7, 128),
}


def size_of(preset: str, resolution: int, channels: int, attention: tuple[int, ...] | None) -> Size:
    """The networks of a resolution, with widths in channels; attention is where it is told, or where SIZES has it.

    Raises:
      UserError: there are no networks for this resolution; the message names the preset that was asked.
    """
    if resolution not in SIZES:
        raise UserError(f"{preset}(resolution={resolution}): expected one of {', '.join(map(str, SIZES))}")
    size = SIZES[resolution]
    return size._replace(
        generator=tuple(channels * multiple for multiple in size.generator),
        discriminator=tuple(channels * multiple for multiple in size.discriminator),
        attention=size.attention if attention is None else attention,
    )


def two_to_one(generator: nn.Module, discriminator: nn.Module, latent_dim: int, num_classes: int) -> LatentGAN:
    """Hinge loss, two discriminator steps for one of the generator."""
    return LatentGAN(
        generator,
        discriminator,
        latent_dim=latent_dim,
        num_classes=num_classes,
        adversarial="hinge",
        generator_every=2,
    )


def biggan(
    resolution: int = 128,
    channels: int = 96,
    image_channels: int = 3,
    num_classes: int = 1000,
    attention: tuple[int, ...] | None = None,
) -> LatentGAN:
    """The networks of a resolution, their widths in multiples of `channels`; hinge loss, two discriminator steps.

    `attention` is by default that of `SIZES`.

    Raises:
      UserError: there are no networks for this resolution.
    """
    size = size_of("biggan", resolution, channels, attention)
    generator = Generator(resolution, size.generator, image_channels, num_classes, attention=size.attention)
    discriminator = Discriminator(
        size.discriminator,
        size.downsamples,
        num_classes,
        wide=True,
        attention=size.attention,
        weight_init="orthogonal",
    )
    return two_to_one(generator, discriminator, size.latent_dim, num_classes)

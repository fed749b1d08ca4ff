"""BigGAN-deep (Brock et al. 2019, https://arxiv.org/abs/1809.11096): bottlenecks, and shortcuts without weights.

Networks of appendix B, Figure 16 and Tables 7 to 9, checked against BigGANdeep.py of
https://github.com/ajbrock/BigGAN-PyTorch, which also has those for 32 and 64 pixels, and against
https://github.com/huggingface/pytorch-pretrained-BigGAN, whose weights `jgan import-weights` reads.
"""

from __future__ import annotations

import itertools

import flax.linen as nn
import jax.numpy as jnp

from jgan.families.biggan import size_of, two_to_one
from jgan.families.sngan import check_attention, check_halvings, first_resolution
from jgan.games.latent import LatentGAN
from jgan.layers.attention import SelfAttention
from jgan.layers.conditioning import check_choice, required, to_logits, with_label_planes
from jgan.layers.conv import Conv
from jgan.layers.dense import Dense, Embed
from jgan.layers.norm import BatchNorm, ModulatedBatchNorm
from jgan.layers.resample import UpsampledConv, average_pool, upsample
from jgan.layers.residual import KERNEL_INITS
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

BOTTLENECK = 4  # how many times fewer features the 3 x 3 convolutions have
EPSILON = 1e-4  # of batch norm: appendix C
LATENT_DIM = 128  # at every resolution


class GeneratorBlock(nn.Module):
    """Four times norm, ReLU, convolution, of 1, 3, 3 and 1 pixels, beside a shortcut that drops the last features.

    [n, h, w, c] to [n, h, w, features], or with `doubles`, before the first 3 x 3 convolution, [n, 2 h, 2 w, features].
    """

    features: int
    doubles: bool = False
    spectral_norm: bool = True
    weight_init: str = "orthogonal"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, condition: Array, train: bool) -> Array:
        """In `dtype`. The batch norms depend on vectors [n, k]."""
        init, middle = KERNEL_INITS[self.weight_init], x.shape[-1] // BOTTLENECK
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        first = UpsampledConv if self.doubles else Conv
        convolutions = (
            Conv(middle, (1, 1), kernel_init=init.residual, name="conv_1", **layer),
            first(middle, (3, 3), kernel_init=init.residual, name="conv_2", **layer),
            Conv(middle, (3, 3), kernel_init=init.residual, name="conv_3", **layer),
            Conv(self.features, (1, 1), kernel_init=init.residual, name="conv_4", **layer),
        )
        residual = x
        for index, convolution in enumerate(convolutions):
            norm = ModulatedBatchNorm(init.other, epsilon=EPSILON, name=f"norm_{index + 1}", **layer)
            residual = convolution(nn.relu(norm(residual, condition, train)))
        shortcut = x[..., : self.features]
        return residual + (upsample(shortcut) if self.doubles else shortcut)


class DiscriminatorBlock(nn.Module):
    """Four times ReLU, convolution, of 1, 3, 3 and 1 pixels, beside a shortcut that a 1 x 1 convolution widens.

    [n, h, w, c] to [n, h, w, features], or with `halves`, before the last convolution, [n, h / 2, w / 2, features].
    """

    features: int
    halves: bool = False
    spectral_norm: bool = True
    weight_init: str = "orthogonal"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        init, middle, width = KERNEL_INITS[self.weight_init], self.features // BOTTLENECK, x.shape[-1]
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        residual = Conv(middle, (1, 1), kernel_init=init.residual, name="conv_1", **layer)(nn.relu(x))
        residual = Conv(middle, (3, 3), kernel_init=init.residual, name="conv_2", **layer)(nn.relu(residual))
        residual = nn.relu(Conv(middle, (3, 3), kernel_init=init.residual, name="conv_3", **layer)(nn.relu(residual)))
        shortcut = x
        if self.halves:
            residual, shortcut = average_pool(residual), average_pool(x)
        residual = Conv(self.features, (1, 1), kernel_init=init.residual, name="conv_4", **layer)(residual)
        if self.features > width:
            more = Conv(self.features - width, (1, 1), kernel_init=init.other, name="shortcut", **layer)(shortcut)
            shortcut = jnp.concatenate([shortcut.astype(more.dtype), more], axis=-1)
        return residual + shortcut


class Generator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1].

    The latents beside a vector for each class become the first features and modulate every batch norm of the blocks,
    of which there are two at each resolution: one that keeps it and one that doubles it.
    """

    resolution: int = 128
    widths: tuple[int, ...] = (2048, 2048, 1024, 512, 256, 128)  # of what the latents become, then of each resolution
    image_channels: int = 3
    num_classes: int = 1000  # 0: labels are ignored
    class_features: int = 128  # of the shared embedding
    attention: tuple[int, ...] = (64,)  # resolutions: self-attention follows the block that leaves one
    spectral_norm: bool = True
    weight_init: str = "orthogonal"  # or another of KERNEL_INITS
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        resolution = self._check()
        init = KERNEL_INITS[self.weight_init].other
        layer = {"dtype": self.dtype, "kernel_init": init, "spectral_norm": self.spectral_norm}
        kind = nn.remat(GeneratorBlock, static_argnums=(3,)) if self.remat else GeneratorBlock
        fields = self.spectral_norm, self.weight_init, self.dtype
        condition = self._condition(latents, labels)
        x = Dense(resolution * resolution * self.widths[0], name="from_latents", **layer)(condition)
        x = x.reshape(-1, resolution, resolution, self.widths[0])
        for before, after in itertools.pairwise(self.widths):
            x = kind(before, False, *fields, name=f"block_{resolution}")(x, condition, train)
            resolution *= 2
            x = kind(after, True, *fields, name=f"up_{resolution}")(x, condition, train)
            if resolution in self.attention:
                x = SelfAttention(self.spectral_norm, init, self.dtype, name=f"attention_{resolution}")(x)
        x = nn.relu(BatchNorm(epsilon=EPSILON, name="norm")(x, train))
        return jnp.tanh(Conv(self.image_channels, (3, 3), name="to_image", **layer)(x).astype(jnp.float32))

    def _condition(self, latents: Latents, labels: Labels | None) -> Array:
        """[n, z + class_features], or the latents alone."""
        if not self.num_classes:
            return latents
        init = KERNEL_INITS[self.weight_init].other
        embed = Embed(self.num_classes, self.class_features, self.dtype, init, name="class_vectors")
        vectors = embed(required(labels))
        return jnp.concatenate([latents.astype(vectors.dtype), vectors], axis=1)

    def _check(self) -> int:
        """The resolution of the first features."""
        check_choice("game.generator.weight_init", self.weight_init, tuple(KERNEL_INITS))
        check_widths("generator", self.widths, sorted(self.widths, reverse=True), "shrink")
        first = first_resolution(self.resolution, self.widths)
        check_attention("generator", self.attention, [first << level for level in range(1, len(self.widths))])
        return first


class Discriminator(nn.Module):
    """Images [n, r, r, c] and labels [n] to logits [n].

    It sows what `to_logits` does, into the collection "intermediates".
    """

    widths: tuple[int, ...] = (128, 256, 512, 1024, 2048, 2048)  # of the first convolution, then of each two blocks
    downsamples: int = 5  # the first so many pairs of blocks begin with one that halves the resolution
    num_classes: int = 1000  # 0: labels are ignored
    label_input: str = "projection"  # or "auxiliary_classifier"; "concatenate", "embedding": planes beside the image
    spectral_norm: bool = True
    attention: tuple[int, ...] = (64,)  # resolutions: self-attention follows the pair of blocks that halves to one
    weight_init: str = "orthogonal"  # or another of KERNEL_INITS
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        halved = self._check(images)
        init = KERNEL_INITS[self.weight_init].other
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        kind = nn.remat(DiscriminatorBlock) if self.remat else DiscriminatorBlock
        fields = self.spectral_norm, self.weight_init, self.dtype
        x = with_label_planes(self, images, labels, spectral_norm=self.spectral_norm)
        x = Conv(self.widths[0], (3, 3), kernel_init=init, name="from_image", **layer)(x)
        for index, features in enumerate(self.widths[1:]):
            halves = index < self.downsamples
            x = kind(features, halves, *fields, name=f"block_{index + 1}_1")(x)  # several have the same resolution
            x = kind(features, False, *fields, name=f"block_{index + 1}_2")(x)
            if halves and halved[index] in self.attention:
                x = SelfAttention(self.spectral_norm, init, self.dtype, name=f"attention_{halved[index]}")(x)
        x = nn.relu(x).astype(jnp.float32).sum((1, 2))
        return to_logits(self, x, labels, init, spectral_norm=self.spectral_norm, train=train)

    def _check(self, images: Images) -> list[int]:
        """The resolutions that the halvings leave."""
        check_choice("game.discriminator.weight_init", self.weight_init, tuple(KERNEL_INITS))
        check_widths("discriminator", self.widths, sorted(self.widths), "grow")
        if self.downsamples >= len(self.widths):
            raise UserError(
                f"game.discriminator.downsamples={self.downsamples}: expected fewer than the {len(self.widths)} widths"
            )
        check_halvings("downsamples", self.downsamples, images)
        halved = [images.shape[1] >> (index + 1) for index in range(self.downsamples)]
        check_attention("discriminator", self.attention, halved)
        return halved


def check_widths(player: str, widths: tuple[int, ...], in_order: list[int], how: str) -> None:
    """Raises UserError for widths that are no multiples of BOTTLENECK, or whose shortcuts would need weights."""
    if list(widths) != in_order or any(width % BOTTLENECK for width in widths):
        way = {"shrink": "grows", "grow": "shrinks"}[how]
        raise UserError(f"game.{player}.widths={widths}: expected multiples of {BOTTLENECK}, none of which {way}")


def biggan_deep(
    resolution: int = 128,
    channels: int = 128,
    image_channels: int = 3,
    num_classes: int = 1000,
    attention: tuple[int, ...] | None = None,
) -> LatentGAN:
    """The networks of a resolution, widths as BigGAN's in multiples of `channels`; hinge loss, two discriminator steps.

    `attention` is by default that of `biggan.SIZES`.

    Raises:
      UserError: there are no networks for this resolution.
    """
    size = size_of("biggan_deep", resolution, channels, attention)
    generator = Generator(resolution, size.generator, image_channels, num_classes, attention=size.attention)
    discriminator = Discriminator(size.discriminator, size.downsamples, num_classes, attention=size.attention)
    return two_to_one(generator, discriminator, LATENT_DIM, num_classes)

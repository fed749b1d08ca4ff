"""Conditional GAN (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784), section 4.1, and class-conditional DCGAN.

The fully connected networks are the paper's, where latents and labels each have a hidden layer of their own before they
meet, or (MLP) those of vanilla.py with the label joined to their input. The convolutional ones are DCGAN's with the
label added, the discriminator's by concatenation or by projection
(Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, Figure 1d).
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from jgan.families import dcgan, vanilla
from jgan.games.latent import LatentGAN
from jgan.layers.dense import Dense, Embed
from jgan.layers.minibatch import minibatch_features
from jgan.types import Array, Images, Labels, Latents, Logits, UserError

LABEL_INPUTS = ("concatenate", "embedding")
LAST_LAYERS = ("projection", "auxiliary_classifier")  # where a discriminator may also look at labels
EMBEDDING_DIM = 50


def label_features(
    labels: Labels | None, num_classes: int, label_input: str, dtype: str, others: tuple[str, ...] = ()
) -> Array:
    """What is joined to the other input, [n, features]: one-hot labels, or an embedding learned along.

    Raises:
      UserError: `label_input` is neither "concatenate" nor "embedding", or there are no labels; `others` are ways that
        the network has besides.
    """
    if label_input not in LABEL_INPUTS:
        raise UserError(f"label_input={label_input!r}: expected one of {', '.join((*LABEL_INPUTS, *others))}")
    if labels is None:
        raise UserError("game.num_classes=0: the networks need labels; set it to the number of classes")
    if label_input == "concatenate":
        return jax.nn.one_hot(labels, num_classes, dtype=dtype)
    return nn.Embed(num_classes, EMBEDDING_DIM, dtype=dtype, name="embedding")(labels)


def unit_features(features: Array) -> Array:
    """Label features scaled to a mean square of 1, like pixels and latents.

    A few entries of a one-hot vector, left as they are, weigh so little beside hundreds of pixels that for thousands of
    steps the discriminator does not see whether image and label belong together.
    """
    return features * math.sqrt(features.shape[-1])


class Generator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1], fully connected."""

    resolution: int = 28
    image_channels: int = 1
    num_classes: int = 10
    label_input: str = "concatenate"  # or "embedding"
    latent_units: int = 200
    label_units: int = 1000
    joint_units: int = 1200
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        labels = label_features(labels, self.num_classes, self.label_input, self.dtype)
        x = nn.relu(nn.Dense(self.latent_units, dtype=self.dtype, name="latents")(latents))
        y = nn.relu(nn.Dense(self.label_units, dtype=self.dtype, name="labels")(labels))
        x = nn.relu(nn.Dense(self.joint_units, dtype=self.dtype, name="joint")(jnp.concatenate([x, y], axis=-1)))
        shape = (self.resolution, self.resolution, self.image_channels)
        x = nn.Dense(math.prod(shape), dtype=self.dtype, name="to_image")(x)
        return jnp.tanh(x.astype(jnp.float32)).reshape(-1, *shape)


class Maxout(nn.Module):
    """The largest of `pieces` linear maps, [n, inputs] to [n, units] (https://arxiv.org/abs/1302.4389)."""

    units: int
    pieces: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Unit by unit."""
        x = nn.Dense(self.units * self.pieces, dtype=self.dtype, name="linear")(x)
        return x.reshape(*x.shape[:-1], self.units, self.pieces).max(-1)


class Discriminator(nn.Module):
    """Images [n, r, r, c] and labels [n] to logits [n], fully connected, of maxout units."""

    num_classes: int = 10
    label_input: str = "concatenate"  # or "embedding"
    image_units: int = 240
    label_units: int = 50
    joint_units: int = 240
    dropout: float = 0.5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        labels = label_features(labels, self.num_classes, self.label_input, self.dtype)
        x = Maxout(self.image_units, 5, self.dtype, name="images")(images.reshape(images.shape[0], -1))
        y = Maxout(self.label_units, 5, self.dtype, name="labels")(labels)
        x = nn.Dropout(self.dropout, deterministic=not train)(jnp.concatenate([x, y], axis=-1))
        x = Maxout(self.joint_units, 4, self.dtype, name="joint")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = x.astype(jnp.float32)
        self.sow("intermediates", "features", x)
        return nn.Dense(1, name="to_logit")(x)[:, 0]


class MLPGenerator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1]: vanilla's, the label joined to the latents."""

    resolution: int = 28
    image_channels: int = 1
    num_classes: int = 10
    label_input: str = "concatenate"  # or "embedding"
    widths: tuple[int, ...] = (256, 512, 1024)
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        labels = unit_features(label_features(labels, self.num_classes, self.label_input, self.dtype))
        x = jnp.concatenate([latents, labels.astype(latents.dtype)], axis=-1)
        generator = vanilla.Generator(self.resolution, self.image_channels, self.widths, self.dtype, name="vanilla")
        return generator(x, train=train)


class MLPDiscriminator(nn.Module):
    """Images [n, r, r, c] and labels [n] to logits [n]: vanilla's, the label joined to the pixels."""

    num_classes: int = 10
    label_input: str = "concatenate"  # or "embedding"
    widths: tuple[int, ...] = (1024, 512, 256)
    dropout: float = 0.3
    dtype: str = "float32"
    minibatch: str = "none"  # or "std", "discrimination"

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        labels = unit_features(label_features(labels, self.num_classes, self.label_input, self.dtype))
        pixels = images.reshape(images.shape[0], -1)
        x = jnp.concatenate([pixels, labels.astype(pixels.dtype)], axis=-1)
        vanilla_discriminator = vanilla.Discriminator(
            self.widths, self.dropout, self.dtype, self.minibatch, name="vanilla"
        )
        return vanilla_discriminator(x, train=train)


class ConvGenerator(nn.Module):
    """Latents [n, z] and labels [n] to images [n, r, r, c] in [-1, 1]: DCGAN's, the label joined to the latents."""

    resolution: int = 32
    channels: int = 64  # as in dcgan.Generator
    image_channels: int = 1
    num_classes: int = 10
    label_input: str = "concatenate"  # or "embedding", "conditional_batch_norm"
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, latents: Latents, labels: Labels | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type."""
        in_norm = self.label_input == "conditional_batch_norm"
        if not in_norm:
            others = ("conditional_batch_norm",)
            features = label_features(labels, self.num_classes, self.label_input, self.dtype, others)
            latents = jnp.concatenate([latents, features.astype(latents.dtype)], axis=-1)
        generator = dcgan.Generator(
            self.resolution,
            self.channels,
            self.image_channels,
            self.dtype,
            self.remat,
            norm_classes=self.num_classes if in_norm else 0,
            name="dcgan",
        )
        return generator(latents, labels, train=train)


class ConvDiscriminator(nn.Module):
    """Images [n, r, r, c] and labels [n] to logits [n]: DCGAN's, the label joined to the image or projected."""

    channels: int = 64  # as in dcgan.Discriminator
    num_classes: int = 10
    # or "auxiliary_classifier"; or "concatenate", "embedding": planes beside the image's channels
    label_input: str = "projection"
    norm: str = "none"  # one of dcgan.NORMS
    dtype: str = "float32"
    remat: bool = False
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        by_last_layer = self.label_input in LAST_LAYERS
        x = images if by_last_layer else self._with_label_planes(images, labels)
        x = dcgan.downsample(x, self.channels, self.norm, self.dtype, self.remat, train)
        x = minibatch_features(x, self.minibatch)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        self.sow("intermediates", "features", x)
        init, spectral = dcgan.KERNEL_INIT, self.norm == "spectral"
        logits = Dense(1, kernel_init=init, spectral_norm=spectral, name="to_logit")(x)[:, 0]
        if self.label_input == "auxiliary_classifier":
            classes = Dense(self.num_classes, kernel_init=init, spectral_norm=spectral, name="to_classes")(x)
            self.sow("intermediates", "class_logits", classes)
        if self.label_input != "projection":
            return logits
        if labels is None:
            raise UserError("game.num_classes=0: the networks need labels; set it to the number of classes")
        shape = self.num_classes, x.shape[-1]
        directions = Embed(*shape, embedding_init=init, spectral_norm=spectral, name="projection")
        return logits + jnp.sum(directions(labels) * x, axis=-1)

    def _with_label_planes(self, images: Images, labels: Labels | None) -> Array:
        features = label_features(labels, self.num_classes, self.label_input, self.dtype, others=LAST_LAYERS)
        planes = jnp.broadcast_to(features[:, None, None, :], (*images.shape[:3], features.shape[-1]))
        return jnp.concatenate([images, planes.astype(images.dtype)], axis=-1)


def cgan(resolution: int = 28, image_channels: int = 1, num_classes: int = 10) -> LatentGAN:
    """The paper's MNIST networks, fed uniform latents of 100 dimensions."""
    return LatentGAN(
        Generator(resolution, image_channels, num_classes),
        Discriminator(num_classes),
        latent_dim=100,
        latent_distribution="uniform",
        num_classes=num_classes,
    )


def conditional_mlp(resolution: int = 28, image_channels: int = 1, num_classes: int = 10) -> LatentGAN:
    """The vanilla GAN of the first tutorials with labels joined to the input of both networks."""
    return LatentGAN(
        MLPGenerator(resolution, image_channels, num_classes),
        MLPDiscriminator(num_classes),
        latent_dim=100,
        num_classes=num_classes,
    )


def conditional_dcgan(
    resolution: int = 32,
    channels: int = 64,
    image_channels: int = 1,
    num_classes: int = 10,
    r1_gamma: float = 0.5,
) -> LatentGAN:
    """DCGAN with a generator that knows the label and a projection discriminator without norm, held by lazy R1."""
    return LatentGAN(
        ConvGenerator(resolution, channels, image_channels, num_classes),
        ConvDiscriminator(channels, num_classes),
        latent_dim=64,
        num_classes=num_classes,
        r1_gamma=r1_gamma,
        r1_every=8,
    )

"""Conditional GAN (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784), section 4.1, and class-conditional DCGAN.

The fully connected networks are the paper's, where latents and labels each have a hidden layer of their own before they
meet, or (MLP) those of vanilla.py with the label joined to their input. The convolutional ones are DCGAN's with the
label added, the discriminator's by concatenation or by projection
(Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, Figure 1d).
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax.numpy as jnp

from jgan.families import dcgan, vanilla
from jgan.games.latent import LatentGAN
from jgan.layers.conditioning import LABEL_INPUTS, check_choice, label_features, to_logits, with_label_planes
from jgan.layers.dense import Dense
from jgan.layers.logits import last_features, to_logit
from jgan.types import Array, Images, Labels, Latents, Logits


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
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Unit by unit."""
        linear = Dense(self.units * self.pieces, dtype=self.dtype, spectral_norm=self.spectral_norm, name="linear")
        x = linear(x)
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
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        labels = label_features(labels, self.num_classes, self.label_input, player="discriminator", **layer)
        x = Maxout(self.image_units, 5, name="images", **layer)(images.reshape(images.shape[0], -1))
        y = Maxout(self.label_units, 5, name="labels", **layer)(labels)
        x = nn.Dropout(self.dropout, deterministic=not train)(jnp.concatenate([x, y], axis=-1))
        x = Maxout(self.joint_units, 4, name="joint", **layer)(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return to_logit(last_features(self, x), spectral_norm=self.spectral_norm)


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
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        labels = label_features(labels, self.num_classes, self.label_input, player="discriminator", **layer)
        labels = unit_features(labels)
        pixels = images.reshape(images.shape[0], -1)
        x = jnp.concatenate([pixels, labels.astype(pixels.dtype)], axis=-1)
        vanilla_discriminator = vanilla.Discriminator(
            self.widths, self.dropout, self.dtype, self.minibatch, self.spectral_norm, name="vanilla"
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
        check_choice("game.generator.label_input", self.label_input, (*LABEL_INPUTS, "conditional_batch_norm"))
        in_norm = self.label_input == "conditional_batch_norm"
        if not in_norm:
            features = label_features(labels, self.num_classes, self.label_input, self.dtype)
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
    norm: str = "none"  # one of DISCRIMINATOR_NORMS in jgan/layers/norm.py
    dtype: str = "float32"
    remat: bool = False
    minibatch: str = "none"  # or "std", "discrimination": jgan/layers/minibatch.py
    dropout: float = 0.0  # before the last layer

    @nn.compact
    def __call__(self, images: Images, labels: Labels | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type."""
        spectral_norm = self.norm == "spectral"
        x = with_label_planes(self, images, labels, spectral_norm=spectral_norm)
        x = dcgan.downsample(x, self.channels, self.norm, self.dtype, self.remat, train)
        return to_logits(self, x, labels, dcgan.KERNEL_INIT, spectral_norm=spectral_norm, train=train)


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

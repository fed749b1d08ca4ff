"""GAN-CLS: DCGAN with a caption as condition (Reed et al. 2016, https://arxiv.org/abs/1605.05396), section 4.

Both networks encode the caption, bring it to 128 numbers by a dense layer and a leaky ReLU, and join these to the
latents or, at 4 x 4, to every place of the discriminator's activations; a 1 x 1 and a 4 x 4 convolution follow. The
paper's encoder is a character-level one trained beforehand on other images and captions: here it is word-level and
trained along, or, as vectors in an .npz, any other. The authors' code (https://github.com/reedscot/icml2016) adds
residual layers at 4 x 4 and 8 x 8 that the paper does not describe; these are the paper's networks.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jgan.families import dcgan
from jgan.families.dcgan import KERNEL_INIT, SLOPE, downsample, to_logit
from jgan.games.text import TextGAN
from jgan.layers.blend import Blend
from jgan.layers.caption_encoder import CaptionEncoder
from jgan.layers.conv import Conv
from jgan.layers.norm import discriminator_norm
from jgan.types import Array, Images, Latents, Logits

FINEST = 4  # pixels of a side where it joins the image's activations


class Generator(nn.Module):
    """Latents [n, z] and captions to images [n, r, r, c] in [-1, 1]."""

    resolution: int = 64
    channels: int = 64  # of the last hidden layer; doubled at every lower resolution
    image_channels: int = 3
    vocabulary: int = 10_000  # words; 0: captions are vectors
    word_units: int = 64  # of the encoder's embeddings, and of each direction of its GRU
    text_features: int = 128  # of a caption where it joins the rest
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, latents: Latents, labels: Array | Blend | None = None, *, train: bool) -> Images:
        """Images in float32, whatever the compute type; `labels` are the captions."""
        assert labels is not None, "this game has captions"
        text = CaptionEncoder(self.vocabulary, self.word_units, self.text_features, name="captions")(labels)
        generator = dcgan.Generator(
            self.resolution, self.channels, self.image_channels, self.dtype, self.remat, name="images"
        )
        return generator(jnp.concatenate([latents, text], axis=-1), train=train)


class Discriminator(nn.Module):
    """Images [n, r, r, c] and captions to logits [n]: how real the image is, and whether the caption is its own."""

    channels: int = 64  # of the first hidden layer; doubled at every lower resolution
    vocabulary: int = 10_000  # words; 0: captions are vectors
    word_units: int = 64  # of the encoder's embeddings, and of each direction of its GRU
    text_features: int = 128  # of a caption where it joins the rest
    norm: str = "batch"  # one of DISCRIMINATOR_NORMS; but for spectral norm, the first layer has none
    dtype: str = "float32"
    remat: bool = False  # compute each block again in the backward pass, to save memory

    @nn.compact
    def __call__(self, images: Images, labels: Array | Blend | None = None, *, train: bool) -> Logits:
        """Logits in float32, whatever the compute type; `labels` are the captions.

        Sows what the last layer sees as "features" [n, f].
        """
        assert labels is not None, "this game has captions"
        text = CaptionEncoder(self.vocabulary, self.word_units, self.text_features, name="captions")(labels)
        x = downsample(images, self.channels, self.norm, self.dtype, self.remat, train)
        planes = jnp.broadcast_to(text[:, None, None, :], (*x.shape[:3], self.text_features))
        x = jnp.concatenate([x, planes.astype(x.dtype)], axis=-1)
        x = Joint(self.channels * images.shape[1] // (2 * FINEST), self.norm, self.dtype, name="joint")(x, train)
        self.sow("intermediates", "features", x.reshape(x.shape[0], -1).astype(jnp.float32))
        return to_logit(x, self.dtype, spectral_norm=self.norm == "spectral")


class Joint(nn.Module):
    """Image and caption together: 1 x 1 convolution, norm, leaky ReLU, [n, 4, 4, c] to [n, 4, 4, features]."""

    features: int
    norm: str  # one of DISCRIMINATOR_NORMS
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """As DCGAN's blocks, without a bias unless spectral norm takes the norm's place."""
        x = Conv(
            self.features,
            (1, 1),
            use_bias=self.norm == "spectral",
            dtype=self.dtype,
            kernel_init=KERNEL_INIT,
            spectral_norm=self.norm == "spectral",
            name="conv",
        )(x)
        return nn.leaky_relu(discriminator_norm(x, self.norm, train, dcgan.scale_init), SLOPE)


def text(
    resolution: int = 64,
    generator_channels: int = 128,
    discriminator_channels: int = 64,
    image_channels: int = 3,
    vocabulary: int = 10_000,
    embedding_features: int = 0,
    generator_text_features: int = 128,
    discriminator_norm: str = "batch",
    blend_weight: float = 0.0,
) -> TextGAN:
    """The paper's networks at the widths of the authors' code, normal latents of 100 dimensions; GAN-CLS by default.

    `embedding_features` of captions that are vectors takes the place of a vocabulary; GAN-CLS-INT has a `blend_weight`.
    """
    words = 0 if embedding_features else vocabulary
    return TextGAN(
        Generator(resolution, generator_channels, image_channels, words, text_features=generator_text_features),
        Discriminator(discriminator_channels, words, norm=discriminator_norm),
        latent_dim=100,
        embedding_features=embedding_features,
        blend_weight=blend_weight,
    )

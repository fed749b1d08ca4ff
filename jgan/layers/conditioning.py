"""How labels enter networks: joined to an input, as planes beside an image, or at a discriminator's last layer.

Mirza & Osindero 2014 (https://arxiv.org/abs/1411.1784); projection: Miyato & Koyama 2018
(https://arxiv.org/abs/1802.05637), Figure 1d; auxiliary classifier: Odena et al. 2017
(https://arxiv.org/abs/1610.09585). Conditional batch norm is in norm.py. The functions make layers in the module that
calls.
"""

from __future__ import annotations

from typing import Protocol

import flax.linen as nn
import jax.numpy as jnp

from jgan.layers.blend import one_hot
from jgan.layers.dense import Dense, Embed
from jgan.layers.logits import Minibatched, last_features, to_logit
from jgan.types import Array, Images, Labels, Logits, UserError

LABEL_INPUTS = ("concatenate", "embedding")  # one-hot labels, or a vector learned for each class
LAST_LAYERS = ("projection", "auxiliary_classifier")  # where a discriminator may look at labels instead
EMBEDDING_DIM = 50


def check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises UserError for a value of the field that is none of the choices."""
    if value not in choices:
        raise UserError(f"{field}={value!r}: expected one of {', '.join(choices)}")


def required(labels: Labels | None) -> Labels:
    """The labels. Raises UserError where there are none."""
    if labels is None:
        raise UserError("game.num_classes=0: the networks need labels; set it to the number of classes")
    return labels


def label_features(
    labels: Labels | None,
    num_classes: int,
    label_input: str,
    dtype: str = "float32",
    *,
    player: str = "generator",
    spectral_norm: bool = False,
) -> Array:
    """What is joined to another input, [n, features] in `dtype`: one-hot labels, or an embedding learned along.

    Raises:
      UserError: `label_input` is neither "concatenate" nor "embedding", or there are no labels.
    """
    check_choice(f"game.{player}.label_input", label_input, LABEL_INPUTS)
    if label_input == "concatenate":
        return one_hot(required(labels), num_classes, dtype)
    embed = Embed(num_classes, EMBEDDING_DIM, dtype=dtype, spectral_norm=spectral_norm, name="embedding")
    return embed(required(labels))


class ConditionalDiscriminator(Minibatched, Protocol):
    """The fields of a discriminator that these functions read."""

    num_classes: int  # 0: labels are ignored
    label_input: str  # one of LABEL_INPUTS or LAST_LAYERS
    dropout: float


def with_label_planes(
    discriminator: ConditionalDiscriminator, images: Images, labels: Labels | None, *, spectral_norm: bool = False
) -> Array:
    """The images [n, h, w, c], with planes of label features beside their channels where the labels enter there."""
    check_choice("game.discriminator.label_input", discriminator.label_input, (*LABEL_INPUTS, *LAST_LAYERS))
    if not discriminator.num_classes or discriminator.label_input in LAST_LAYERS:
        return images
    classes, label_input = discriminator.num_classes, discriminator.label_input
    features = label_features(labels, classes, label_input, player="discriminator", spectral_norm=spectral_norm)
    planes = jnp.broadcast_to(features[:, None, None, :], (*images.shape[:3], features.shape[-1]))
    return jnp.concatenate([images, planes.astype(images.dtype)], axis=-1)


def to_logits(
    discriminator: ConditionalDiscriminator,
    x: Array,
    labels: Labels | None,
    kernel_init: nn.initializers.Initializer,
    *,
    spectral_norm: bool,
    train: bool,
) -> Logits:
    """Logits [n] of the last hidden activations [n, ...], in float32.

    The discriminator sows `features` [n, f], what its last layer sees before dropout, and with an auxiliary classifier
    `class_logits` [n, num_classes].
    """
    num_classes, label_input = discriminator.num_classes, discriminator.label_input
    x = nn.Dropout(discriminator.dropout, deterministic=not train)(last_features(discriminator, x))
    logits = to_logit(x, kernel_init, spectral_norm=spectral_norm)
    if num_classes and label_input == "auxiliary_classifier":
        to_classes = Dense(num_classes, kernel_init=kernel_init, spectral_norm=spectral_norm, name="to_classes")
        discriminator.sow("intermediates", "class_logits", to_classes(x))
    if num_classes and label_input == "projection":
        shape = num_classes, x.shape[-1]
        directions = Embed(*shape, embedding_init=kernel_init, spectral_norm=spectral_norm, name="projection")
        logits += jnp.sum(directions(required(labels)) * x, axis=-1)
    return logits

"""Relativistic GANs (Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734): average and paired losses.

The networks are the "standard CNN" of SNGAN, which the paper trains on CIFAR-10. The discriminator's convolutions have
spectral norm and its last layer has none, as in the authors' code, https://github.com/AlexiaJM/RelativisticGAN.
"""

from __future__ import annotations

from jgan.families.sngan import ConvDiscriminator, ConvGenerator
from jgan.games.latent import LatentGAN


def relativistic(
    resolution: int = 32,
    channels: int = 64,
    image_channels: int = 3,
    adversarial: str = "relativistic_average",
    r1_gamma: float = 0.0,
) -> LatentGAN:
    """`adversarial` is one of the losses whose names begin with "relativistic"; R1, where it is on, is lazy."""
    widths = (channels, 2 * channels, 4 * channels, 8 * channels)
    return LatentGAN(
        ConvGenerator(resolution, widths[::-1], image_channels),
        ConvDiscriminator(widths, normalize_last=False),
        latent_dim=128,
        adversarial=adversarial,
        r1_gamma=r1_gamma,
        r1_every=8,
    )

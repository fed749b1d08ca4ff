"""WGAN-GP (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028), Algorithm 1.

The residual networks for CIFAR-10 are those of the authors' gan_cifar_resnet.py, whose critic has no norms by default;
SNGAN took them over with the means over pixels as sums. The noise that it adds to pixels is left out. The others are
DCGAN's with layer norm in the critic (section 4: no batch norm, since the penalty is on each example by itself).
"""

from __future__ import annotations

from jgan.families import dcgan, sngan
from jgan.games.latent import LatentGAN


def wgan_gp(
    resolution: int = 32, channels: int = 128, image_channels: int = 3, num_classes: int = 0, critic_steps: int = 5
) -> LatentGAN:
    """The residual networks at 32 x 32; with classes, conditional batch norm and an auxiliary classifier.

    The classifier learns from real and from fake images, as ACGAN's; the authors' code shows it real ones only.
    """
    widths = (channels,) * 4
    return LatentGAN(
        sngan.Generator(resolution, widths, image_channels, num_classes),
        sngan.Discriminator(
            widths,
            num_classes=num_classes,
            label_input="auxiliary_classifier",
            spectral_norm=False,
            pool="mean",
        ),
        latent_dim=128,
        num_classes=num_classes,
        adversarial="wasserstein",
        gradient_penalty_weight=10.0,
        generator_every=critic_steps,
        generator_batches=2,
        classifier_weight=1.0 if num_classes else 0.0,
        generator_classifier_weight=0.1 if num_classes else 0.0,
    )


def wgan_gp_dcgan(
    resolution: int = 64, channels: int = 64, image_channels: int = 3, critic_steps: int = 5
) -> LatentGAN:
    """DCGAN's networks, the critic with layer norm."""
    return LatentGAN(
        dcgan.Generator(resolution, channels, image_channels),
        dcgan.Discriminator(resolution, channels, norm="layer"),
        latent_dim=128,
        adversarial="wasserstein",
        gradient_penalty_weight=10.0,
        generator_every=critic_steps,
    )

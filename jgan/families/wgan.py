"""WGAN (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875), Algorithm 1.

The networks are DCGAN's. Weight clipping belongs to the critic's optimizer (`clip_weights`), so a config sets it there.
"""

from __future__ import annotations

from jgan.families import dcgan
from jgan.games.latent import LatentGAN


def wgan(
    resolution: int = 64,
    channels: int = 64,
    image_channels: int = 3,
    critic_steps: int = 5,
    critic_warmup: bool = True,
) -> LatentGAN:
    """Normal latents of 100 dimensions; `critic_warmup` as in the authors' code."""
    return LatentGAN(
        dcgan.Generator(resolution, channels, image_channels),
        dcgan.Discriminator(resolution, channels),
        latent_dim=100,
        adversarial="wasserstein",
        generator_every=critic_steps,
        critic_warmup=critic_warmup,
    )

"""SAGAN (Zhang et al. 2019, https://arxiv.org/abs/1805.08318): SNGAN with self-attention.

Spectral norm in both networks, conditional batch norm and projection. Widths and blocks are those of the authors' code,
https://github.com/brain-research/self-attention-gan, made for 128 x 128; other resolutions have a block more or fewer
at the low end.
"""

from __future__ import annotations

from jgan.families.sngan import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import UserError


def sagan(
    resolution: int = 128,
    channels: int = 64,
    image_channels: int = 3,
    num_classes: int = 1000,
    attention: tuple[int, ...] | None = None,
) -> LatentGAN:
    """Networks from 4 x 4 features to images: `channels` at the highest resolution, twice as many at every lower one.

    `attention` is by default at 32 x 32, as in the paper, or at half the resolution below 64 x 64; none at 8 x 8.

    Raises:
      UserError: the resolution is not 4 times a power of 2 that is at least 2.
    """
    blocks = resolution.bit_length() - 3
    if blocks < 1 or resolution != 4 << blocks:
        raise UserError(f"sagan(resolution={resolution}): expected 8, 16, 32, 64, 128, ...")
    if attention is None:
        attention = (min(32, resolution // 2),) if resolution > 8 else ()
    widths = tuple(channels << level for level in range(blocks))
    return LatentGAN(
        Generator(
            resolution,
            (widths[-1], *reversed(widths)),
            image_channels,
            num_classes,
            spectral_norm=True,
            attention=attention,
        ),
        Discriminator((*widths, widths[-1]), blocks, wide=True, num_classes=num_classes, attention=attention),
        latent_dim=128,
        num_classes=num_classes,
        adversarial="hinge",
    )

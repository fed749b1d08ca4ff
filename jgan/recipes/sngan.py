"""What SNGAN's configs without labels share (Miyato et al. 2018, https://arxiv.org/abs/1802.05957, section 4.1)."""

from __future__ import annotations

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.sngan import sngan
from jgan.types import Stage


def unconditional(source: str, resolution: int) -> Config:
    """The residual networks in batches of 64 for 50,000 generator steps, which are 250,000 of the discriminator."""
    stage = Stage(steps=250_000, batch_size=64, resolution=resolution)
    adam = AdamConfig(b1=0.0, b2=0.9, decay="linear", decay_images=stage.steps * stage.batch_size)
    return Config(
        game=sngan(resolution=resolution),
        data=DataConfig(source=source),
        stages=(stage,),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=5000,
        checkpoint_every=5000,
    )

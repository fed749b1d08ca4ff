"""ESRGAN x4 of three blocks on patches of 64 x 64 pixels, which trains on two cores.

Family: esrgan
Paper: Wang et al. 2018, https://arxiv.org/abs/1809.00219
Task: super-resolution
Data: folder:data/photos at 64 x 64
Parameters: 579 k + 651 k
Cost: 27 TFLOP

jgan train --config esrgan_small --workdir runs/esrgan_small --config.data.source=folder:DIR
jgan upscale --workdir runs/esrgan_small --input photos --out large

As esrgan.py. Not yet trained to its end.
"""

from jgan.config import Config
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.esrgan import esrgan
from jgan.recipes.super_resolution import photo_patches, pretrained_stages


def get_config() -> Config:
    """3 blocks of 32 channels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.9, b2=0.99)
    return Config(
        game=esrgan(channels=32, blocks=3, growth=16, discriminator_channels=16),
        data=photo_patches(scale=4),
        stages=pretrained_stages(2_000, 500, batch_size=8, resolution=64),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

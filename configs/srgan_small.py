"""SRGAN x2 of half the width and blocks, as BasicSR has it, on patches of 48 x 48, which trains on two cores.

Family: srgan
Paper: Ledig et al. 2017, https://arxiv.org/abs/1609.04802
Task: super-resolution
Data: folder:data/photos at 48 x 48
Parameters: 196 k + 1.1 M
Cost: 49 TFLOP
Measured: 2,500 steps in 10 processor minutes

jgan train --config srgan_small --workdir runs/srgan_small --config.data.source=folder:DIR
jgan upscale --workdir runs/srgan_small --input photos --out large

As srgan.py with a generator without norms, which adds to the enlarged input and learns much faster. The checkpoint of
the first stage's end, of the mean absolute error alone, is kept: `upscale --step 2000`. x4: --config.data.task.scale=4
--config.game.generator.scale=4 and, of both stages, --config.stages[0].resolution=96. Results in
docs/results/image-to-image.md.
"""

from jgan.config import Config
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.srgan import msrgan
from jgan.recipes.super_resolution import photo_patches, pretrained_stages


def get_config() -> Config:
    """8 blocks of 32 channels."""
    pretraining, adversarial, batch = 2_000, 1_000, 16
    adam = AdamConfig(
        learning_rate=5e-4,
        b1=0.9,
        b2=0.99,
        decay="cosine",
        decay_images=pretraining * batch,
        final_scale=0.1,
    )
    return Config(
        game=msrgan(scale=2, channels=32, blocks=8, discriminator_channels=24, hidden=256),
        data=photo_patches(scale=2),
        stages=pretrained_stages(pretraining, adversarial, batch, resolution=48),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_000.0),
        sample_every=500,
        checkpoint_every=1_000,
        keep_checkpoints=3,
    )

"""SRResNet x2 of half the width and blocks without an adversary, which trains on two cores.

Family: srgan
Paper: Ledig et al. 2017, https://arxiv.org/abs/1609.04802
Task: super-resolution
Data: folder:data/photos at 48 x 48
Parameters: 196 k + 3 k
Cost: 24 TFLOP

jgan train --config srresnet_small --workdir runs/srresnet_small --config.data.source=folder:DIR
jgan upscale --workdir runs/srresnet_small --input photos --out large

As srresnet.py on patches of 48 x 48; x4: --config.game.generator.scale=4 --config.data.task.scale=4
--config.stages[0].resolution=96. docs/results/image-to-image.md has it as the first stage of srgan_small.
"""

from jgan.config import Config
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.srgan import srresnet
from jgan.recipes.super_resolution import photo_patches
from jgan.types import Stage


def get_config() -> Config:
    """MSRResNet with 8 blocks of 32 channels."""
    steps, batch = 2_000, 16
    adam = AdamConfig(learning_rate=5e-4, b1=0.9, b2=0.99, decay="cosine", decay_images=steps * batch, final_scale=1e-2)
    return Config(
        game=srresnet(scale=2, channels=32, blocks=8),
        data=photo_patches(scale=2),
        stages=(Stage(steps=steps, batch_size=batch, resolution=48, adversarial=False),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

"""SRGAN x4 on photos.

Family: srgan
Paper: Ledig et al. 2017, https://arxiv.org/abs/1609.04802
Task: super-resolution
Data: folder:data/photos at 96 x 96
Parameters: 1.5 M + 23.6 M
Cost: 190 PFLOP

jgan train --config srgan --workdir runs/srgan --config.data.source=folder:DIR
jgan upscale --workdir runs/srgan --input photos --out large

Sections 3.2 and 3.3: SRResNet for 1,000,000 steps of the mean squared error, then the adversarial stage at a tenth of
the rate; 16 random patches of 96 x 96 pixels, made smaller by MATLAB's bicubic filter. The paper's second stage falls
by another tenth half way: here linearly from its start to its end. The content loss is EfficientNet-Lite0's, which
comes with the package; the paper's needs torchvision's file: --config.game.content_network=vgg19
--config.game.content_taps=relu5_4 --config.game.content_weight=0.006 --config.game.content_weights=vgg19-dcbb9e9d.pth.
Other scales: --config.game.generator.scale=2 --config.data.task.scale=2. srgan_small.py is one that trains on two
cores. Not trained at this size.
"""

from jgan.config import Config
from jgan.engine.optim import AdamConfig
from jgan.families.srgan import srgan
from jgan.recipes.super_resolution import photo_patches, pretrained_stages

PRETRAINING, ADVERSARIAL, BATCH = 1_000_000, 200_000, 16  # steps, steps, patches


def get_config() -> Config:
    """16 residual blocks of 64 channels against eight convolutions."""
    adam = AdamConfig(
        learning_rate=1e-4,
        b1=0.9,
        decay="linear",
        decay_start_images=PRETRAINING * BATCH,
        decay_images=ADVERSARIAL * BATCH,
        final_scale=0.1,
    )
    return Config(
        game=srgan(),
        data=photo_patches(scale=4, workers=8),
        stages=pretrained_stages(PRETRAINING, ADVERSARIAL, BATCH, resolution=96),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=5_000,
        checkpoint_every=5_000,
    )

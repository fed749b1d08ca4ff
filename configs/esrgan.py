"""ESRGAN x4 on photos.

Family: esrgan
Paper: Wang et al. 2018, https://arxiv.org/abs/1809.00219
Task: super-resolution
Data: folder:data/photos at 128 x 128
Parameters: 16.7 M + 14.5 M
Cost: 2.8 EFLOP

jgan train --config esrgan --workdir runs/esrgan --config.data.source=folder:DIR
jgan upscale --workdir runs/esrgan --input photos --out large

Section 4.1: a million steps of the mean absolute error, then 400,000 of all losses from 1e-4 (the paper halves the
rates four times; here they fall linearly), 16 patches of 128 x 128. The content loss is EfficientNet-Lite0's, which
comes with the package; the paper's needs torchvision's file: --config.game.content_network=vgg19
--config.game.content_taps=conv5_4 --config.game.content_weights=vgg19-dcbb9e9d.pth. Real-ESRGAN's inputs, for photos of
unknown quality: --config.data.task.name=blind_super_resolution. esrgan_small.py is one that trains
on two cores. Not trained at this size.
"""

from jgan.config import Config
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.esrgan import esrgan
from jgan.recipes.super_resolution import photo_patches, pretrained_stages


def get_config() -> Config:
    """23 blocks of dense residuals against a discriminator in the style of VGG."""
    pretraining, adversarial, batch = 1_000_000, 400_000, 16
    adam = AdamConfig(
        learning_rate=2e-4,
        b1=0.9,
        b2=0.99,
        decay="linear",
        decay_images=(pretraining + adversarial) * batch,
        final_scale=0.03,
    )
    return Config(
        game=esrgan(),
        data=photo_patches(scale=4, workers=8),
        stages=pretrained_stages(pretraining, adversarial, batch, resolution=128),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=11_000.0),
        sample_every=5_000,
        checkpoint_every=5_000,
    )

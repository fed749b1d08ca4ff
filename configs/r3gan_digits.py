"""R3GAN on the embedded digits; trains on two cores in minutes.

Family: r3gan
Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 102 k + 98 k
Cost: 16 TFLOP
Measured: 1,000 steps in 8 processor minutes

jgan train --config r3gan_digits --workdir runs/r3gan_digits

One block at each resolution, narrow ones at the high end, 16 channels a group as published; the published schedules,
over the whole run, and no augmentation.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import EmaConfig
from jgan.families.r3gan import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.recipes.r3gan import falling_adam
from jgan.types import Stage

WIDTHS, GROUPS = (64, 64, 32, 16), (8, 8, 4, 2)


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    stage = Stage(steps=1000, batch_size=32, resolution=32, own_batches=True)
    images = stage.steps * stage.batch_size
    adam = falling_adam(1e-3, images)
    return Config(
        game=LatentGAN(
            Generator(WIDTHS, GROUPS, image_channels=1, num_classes=10, blocks=1),
            Discriminator(WIDTHS[::-1], GROUPS[::-1], num_classes=10, class_features=64, blocks=1),
            latent_dim=64,
            num_classes=10,
            adversarial="relativistic_paired",
            r1_gamma=2.0,
            r2_gamma=2.0,
            r1_every=1,
            final_gamma_scale=0.25,
            gamma_images=images,
        ),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(stage,),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0, warmup=0.0, rise_images=images),
    )

"""BigGAN on CIFAR-10, by https://github.com/ajbrock/BigGAN-PyTorch.

Family: biggan
Paper: Brock et al. 2019, https://arxiv.org/abs/1809.11096
Task: images by class
Data: tfds:cifar10 at 32 x 32
Parameters: 4.3 M + 4.2 M
Cost: 290 PFLOP

pip install "jgan[tfds]" && tfds build cifar10 --file_format=array_record
jgan train --config biggan_cifar --workdir runs/biggan_cifar

launch_cifar_ema.sh: latents at the first layer only, a scale and a bias for each class and layer, no attention,
kernels from N(0, 0.02), four discriminator steps for one of the generator, batches of 50, rates of 2e-4, 500 epochs.
A step here is one of the discriminator. Not yet trained at this length.
"""

import dataclasses

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.sngan import Discriminator, Generator, sngan
from jgan.recipes.biggan import half_life_images
from jgan.types import Stage

BATCH_SIZE, CRITIC_STEPS = 50, 4


def get_config() -> Config:
    """32 x 32 colour images, ten classes."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.0, b2=0.999)
    game = dataclasses.replace(
        sngan(resolution=32, num_classes=10),
        generator=Generator(num_classes=10, spectral_norm=True, weight_init="normal"),
        discriminator=Discriminator((256,) * 4, num_classes=10, weight_init="normal"),
        generator_every=CRITIC_STEPS,
        generator_batches=1,
    )
    return Config(
        game=game,
        data=DataConfig(source="tfds:cifar10"),
        stages=(Stage(steps=500 * 50_000 // BATCH_SIZE, batch_size=BATCH_SIZE, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=half_life_images(0.9999, CRITIC_STEPS, BATCH_SIZE)),
        sample_every=5000,
        checkpoint_every=5000,
    )

"""WGAN-GP with residual networks, CIFAR-10 at 32 x 32.

Family: wgan_gp
Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028
Task: images
Data: tfds:cifar10 at 32 x 32
Parameters: 1.2 M + 1.1 M
Cost: 140 PFLOP

jgan train --config wgan_gp --workdir runs/wgan_gp

Adam at 2e-4 with betas 0 and 0.9, falling linearly to 0 over 100,000 generator steps; five critic steps per generator
step (a step is one critic step), which generates twice the batch of 64, as in the authors' gan_cifar_resnet.py. The
betas and the decay are what makes or breaks it. The 64 x 64 networks on DCGAN's layers are `wgan_gp_dcgan`. On two
cores a step takes about a second: see wgan_gp_digits.py for one that trains there. Not trained at this size.
Class-conditional: `wgan_gp(num_classes=10)`.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.wgan_gp import wgan_gp
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 colour images."""
    steps, batch_size = 500_000, 64
    adam = AdamConfig(learning_rate=2e-4, b1=0.0, b2=0.9, decay="linear", decay_images=steps * batch_size)
    return Config(
        game=wgan_gp(resolution=32, channels=128),
        data=DataConfig(source="tfds:cifar10"),
        stages=(Stage(steps=steps, batch_size=batch_size, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        checkpoint_every=1000,
    )

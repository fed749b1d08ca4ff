"""Relativistic average GAN, CIFAR-10 at 32 x 32.

Family: relativistic
Paper: Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734
Task: images
Data: tfds:cifar10 at 32 x 32
Parameters: 3.8 M + 2.9 M
Cost: 7.5 PFLOP

jgan train --config relativistic --workdir runs/relativistic

Adam at 2e-4 with betas 0.5 and 0.999, batch 32, one discriminator step per generator step, 100,000 steps.
`--config.game.adversarial=` takes `relativistic_average`, `relativistic_average_least_squares`,
`relativistic_average_hinge` and `relativistic_paired`. See relativistic_digits.py for one that trains on two cores.
Not trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.relativistic import relativistic
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 colour images."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=relativistic(resolution=32, channels=64),
        data=DataConfig(source="tfds:cifar10"),
        stages=(Stage(steps=100_000, batch_size=32, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

"""CycleGAN at 256 x 256 between two folders.

Family: cyclegan
Paper: Zhu et al. 2017, https://arxiv.org/abs/1703.10593
Task: image-to-image
Data: unpaired:data/horse2zebra at 256 x 256
Parameters: 22.8 M + 5.5 M
Cost: 500 PFLOP

jgan train --config cyclegan --workdir runs/zebras --config.data.source=unpaired:horse2zebra
jgan translate --workdir runs/zebras --direction a_to_b --input horse2zebra/testA --out zebras

Appendix 7.1: batches of 1, 200 epochs of horse2zebra's 1,334 images, the last 100 with the rate falling to 0; images
are made 286 pixels large, cut to 256 and mirrored. The folder holds trainA and trainB. cyclegan_small.py is one that
trains on two cores. Not trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.cyclegan import cyclegan
from jgan.types import Stage


def get_config() -> Config:
    """Translators of 9 blocks against patches of 70 pixels."""
    epoch = 1_334  # images of the larger domain
    adam = AdamConfig(
        learning_rate=2e-4, b1=0.5, decay="linear", decay_start_images=100 * epoch, decay_images=100 * epoch
    )
    return Config(
        game=cyclegan(),
        data=DataConfig(source="unpaired:data/horse2zebra", jitter=286 / 256, flip=True),
        stages=(Stage(steps=200 * epoch, batch_size=1, resolution=256),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=epoch,
        checkpoint_every=5 * epoch,
    )

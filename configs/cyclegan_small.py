"""CycleGAN at 32 x 32 of a quarter of the width with three blocks, which trains on two cores.

Family: cyclegan
Paper: Zhu et al. 2017, https://arxiv.org/abs/1703.10593
Task: image-to-image
Data: unpaired:data/daisy2sunflower at 32 x 32
Parameters: 545 k + 19 k
Cost: 32 TFLOP
Measured: 9,000 steps in 16 processor minutes

jgan train --config cyclegan_small --workdir runs/flowers --config.data.source=unpaired:DIR
jgan translate --workdir runs/flowers --direction a_to_b --input DIR/testA --out translated

As cyclegan.py with patches of 16 pixels and batches of 4.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.cyclegan import cyclegan
from jgan.types import Stage


def get_config() -> Config:
    """Translators of 3 blocks against patches of 16 pixels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5, decay="linear", decay_start_images=18_000, decay_images=18_000)
    return Config(
        game=cyclegan(blocks=3, channels=16, receptive_field=16),
        data=DataConfig(source="unpaired:data/daisy2sunflower", jitter=36 / 32, flip=True),
        stages=(Stage(steps=9_000, batch_size=4, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=1_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

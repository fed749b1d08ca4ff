"""ProGAN on the embedded digits: 4 x 4 to 32 x 32.

Family: progan
Paper: Karras et al. 2018, https://arxiv.org/abs/1710.10196
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 86 k + 82 k
Cost: 44 TFLOP
Measured: 2,250 steps in 16 processor minutes

jgan train --config progan_digits --workdir runs/progan_digits

A sixteenth of the paper's width; trains on two cores in minutes.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.progan import progan
from jgan.games.growing import growing_stages


def get_config() -> Config:
    """Gray digits, one column of the sample grid per digit, a stage for each of four resolutions."""
    adam = AdamConfig(learning_rate=2e-3, b1=0.0, b2=0.99)
    return Config(
        game=progan(32, max_channels=32, image_channels=1, num_classes=10),
        data=DataConfig(source="mnist5k", channels=1),
        stages=growing_stages(
            32,
            batch_sizes={4: 64, 8: 64, 16: 64, 32: 64},
            fade_images=16_000,
            steady_images=16_000,
            last_images=32_000,
        ),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_500.0),
        sample_every=250,
    )

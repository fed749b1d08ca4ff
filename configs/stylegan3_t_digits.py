"""StyleGAN3-T on the embedded digits; trains on two cores.

Family: stylegan3
Paper: Karras et al. 2021, https://arxiv.org/abs/2106.12423
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 71 k + 82 k
Cost: 66 TFLOP

jgan train --config stylegan3_t_digits --workdir runs/stylegan3_t_digits

A sixteenth of the paper's width and eight of its fourteen layers: at 32 x 32 each of them computes ten pixels more at
every edge, whatever its width. Not yet trained to its end.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan3 import stylegan3
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    return Config(
        game=stylegan3(32, base=512, most=32, image_channels=1, num_classes=10, layers=8, r1_gamma=0.1),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=2000, batch_size=32, resolution=32),),
        generator_optimizer=AdamConfig(learning_rate=2.5e-3, b1=0.0, b2=0.99),
        discriminator_optimizer=AdamConfig(learning_rate=2e-3, b1=0.0, b2=0.99),
        ema=EmaConfig(half_life_images=5_000.0),
        sample_every=250,
    )

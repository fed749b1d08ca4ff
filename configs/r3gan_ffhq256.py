"""R3GAN on FFHQ at 256 x 256 (Huang et al. 2024, https://arxiv.org/abs/2501.05441).

python -m jgan.main --config configs/r3gan_ffhq256.py --workdir runs/r3gan_ffhq256

The authors' FFHQ-256 preset, https://github.com/brownvc/R3GAN (FID 2.75): while 20 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 100 million. The
images are those of a folder, any in colour: --config.data.source=folder:DIR. A batch of 256 needs accelerators, or
stages[0].accumulate. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.r3gan import r3gan
from jgan.types import Stage

DECAY_IMAGES = 20_000_000


def get_config() -> Config:
    """256 x 256 faces, no labels."""
    adam = AdamConfig(
        learning_rate=2e-4, final_scale=0.25, b1=0.0, b2=0.9, final_b2=0.99, decay="cosine", decay_images=DECAY_IMAGES
    )
    return Config(
        game=r3gan("ffhq256", decay_images=DECAY_IMAGES, augment_probability=0.3),
        data=DataConfig(source="folder:ffhq", flip=True),
        stages=(Stage(steps=100_000_000 // 256, batch_size=256, resolution=256),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=500_000.0, warmup=0.0, rise_images=DECAY_IMAGES),
        sample_every=5000,
        checkpoint_every=5000,
    )

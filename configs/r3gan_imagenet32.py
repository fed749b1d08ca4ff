"""R3GAN on ImageNet at 32 x 32 (Huang et al. 2024, https://arxiv.org/abs/2501.05441).

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
python -m jgan.main --config configs/r3gan_imagenet32.py --workdir runs/r3gan_imagenet32

The authors' ImageNet-32 preset, https://github.com/brownvc/R3GAN (FID 1.27): while 200 million images are seen, the
learning rate falls to a quarter and gamma to a tenth, and b2, the average's half-life and the probability of each
augmentation rise, all as half a cosine. Their code goes on until it is stopped; this ends after 1000 million. ImageNet
must be downloaded by hand first. A batch of 4096 needs accelerators, or stages[0].accumulate. Not yet trained at this
size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.r3gan import r3gan
from jgan.types import Stage

DECAY_IMAGES = 200_000_000


def get_config() -> Config:
    """32 x 32 colour images, a thousand classes."""
    adam = AdamConfig(
        learning_rate=2e-4, final_scale=0.25, b1=0.0, b2=0.9, final_b2=0.99, decay="cosine", decay_images=DECAY_IMAGES
    )
    return Config(
        game=r3gan("imagenet32", num_classes=1000, decay_images=DECAY_IMAGES, augment_probability=0.5),
        data=DataConfig(source="tfds:imagenet2012", flip=True),
        stages=(Stage(steps=1_000_000_000 // 4096, batch_size=4096, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=50_000_000.0, warmup=0.0, rise_images=DECAY_IMAGES),
        sample_every=5000,
        checkpoint_every=5000,
    )

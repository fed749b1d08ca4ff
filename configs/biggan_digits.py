"""BigGAN on the embedded digits (Brock et al. 2019, https://arxiv.org/abs/1809.11096).

python -m jgan.main --config configs/biggan_digits.py --workdir runs/biggan_digits

Widths that double as images shrink, a sixth of the paper's, attention at 16 x 16, one discriminator step for one of the
generator; on two cores it trains in minutes.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.biggan import Generator
from jgan.families.sngan import Discriminator
from jgan.games.latent import LatentGAN
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    generator = Generator(32, (128, 64, 32, 16), image_channels=1, num_classes=10, class_features=32, attention=(16,))
    discriminator = Discriminator(
        (16, 32, 64, 128), 3, num_classes=10, wide=True, attention=(16,), weight_init="orthogonal"
    )
    return Config(
        game=LatentGAN(generator, discriminator, latent_dim=64, num_classes=10, adversarial="hinge"),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=1000, batch_size=64, resolution=32),),
        generator_optimizer=AdamConfig(learning_rate=5e-4, b1=0.0, b2=0.9),
        discriminator_optimizer=AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.9),
        ema=EmaConfig(half_life_images=2_500.0),
    )

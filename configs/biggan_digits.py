"""BigGAN on the embedded digits.

Family: biggan
Paper: Brock et al. 2019, https://arxiv.org/abs/1809.11096
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 225 k + 306 k
Cost: 15 TFLOP
Measured: 700 steps in 8 processor minutes

jgan train --config biggan_digits --workdir runs/biggan_digits

Widths that double as images shrink, a sixth of the paper's, attention at 16 x 16, one discriminator step for one of the
generator; on two cores it trains in minutes.
"""

from jgan.config import Config
from jgan.families.biggan import Generator
from jgan.families.sngan import Discriminator
from jgan.games.latent import LatentGAN
from jgan.recipes.biggan import digits


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    generator = Generator(32, (128, 64, 32, 16), image_channels=1, num_classes=10, class_features=32, attention=(16,))
    discriminator = Discriminator(
        (16, 32, 64, 128), 3, num_classes=10, wide=True, attention=(16,), weight_init="orthogonal"
    )
    return digits(LatentGAN(generator, discriminator, latent_dim=64, num_classes=10, adversarial="hinge"))

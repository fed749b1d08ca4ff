"""BigGAN-deep on the embedded digits.

Family: biggan_deep
Paper: Brock et al. 2019, https://arxiv.org/abs/1809.11096
Task: images by class
Data: mnist5k at 32 x 32
Parameters: 743 k + 300 k
Cost: 33 TFLOP
Measured: 700 steps in 15 processor minutes

jgan train --config biggan_deep_digits --workdir runs/biggan_deep_digits

Widths that double as images shrink, an eighth of the paper's, attention at 16 x 16, one discriminator step for one of
the generator; on two cores it trains in minutes.
"""

from jgan.config import Config
from jgan.families.biggan_deep import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.recipes.biggan import digits


def get_config() -> Config:
    """32 x 32 gray digits, one column of the sample grid per digit."""
    generator = Generator(32, (256, 128, 64, 32), image_channels=1, num_classes=10, class_features=32, attention=(16,))
    discriminator = Discriminator((32, 64, 128, 256), 3, num_classes=10, attention=(16,))
    return digits(LatentGAN(generator, discriminator, latent_dim=32, num_classes=10, adversarial="hinge"))

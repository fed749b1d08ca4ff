"""Conditional GAN on digits, fully connected.

Family: cgan
Paper: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784, section 4.1
Task: images by class
Data: mnist5k at 28 x 28
Parameters: 2.4 M + 1.2 M
Cost: 35 TFLOP

The paper's networks at their full size: 200 latent and 1,000 label units into 1,200 against maxout layers with dropout
0.5, batch 100. The paper trains with momentum SGD; this trains with Adam, since the paper's schedule needs far more
steps. As it stands it collapses to one picture per label (docs/results/classics.md): for conditional GANs that work,
see cgan_digits.py (fully connected), quickstart.py and dcgan_conditional.py.

jgan train --config cgan --workdir runs/cgan

The 5,000 embedded digits stand in for the 60,000 of MNIST: --config.data.source=tfds:mnist, once prepared.
`label_input` of either network is "concatenate" (one-hot, the paper's) or "embedding".
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.cgan import cgan
from jgan.types import Stage


def get_config() -> Config:
    """28 x 28 gray digits, ten classes."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=cgan(resolution=28, image_channels=1, num_classes=10),
        data=DataConfig(source="mnist5k", channels=1),
        stages=(Stage(steps=10_000, batch_size=100, resolution=28),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=1000,
    )

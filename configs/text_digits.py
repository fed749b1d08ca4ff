"""Captions of digits, drawn: GAN-CLS (Reed et al. 2016, https://arxiv.org/abs/1605.05396); trains on two cores.

python -m jgan.main --config configs/text_digits.py --workdir runs/text_digits
python -m jgan.sample --workdir runs/text_digits --caption "a thin seven" --caption "a bold upright three"

Captions say digit, stroke weight and slant, measured from the embedded digits (jgan/data/digit_captions.py).
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.text import text
from jgan.optim import AdamConfig
from jgan.types import Stage


def get_config() -> Config:
    """32 x 32 gray digits, a quarter of the paper's width."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=text(32, 24, 24, image_channels=1, vocabulary=18, generator_text_features=16),
        data=DataConfig(source="mnist5k-captions", channels=1),
        stages=(Stage(steps=3000, batch_size=64, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

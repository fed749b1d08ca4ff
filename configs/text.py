"""Captions to images at 64 x 64: GAN-CLS.

Family: text
Paper: Reed et al. 2016, https://arxiv.org/abs/1605.05396, sections 4 and 5
Task: images by caption
Data: mnist5k-captions at 64 x 64
Parameters: 15.5 M + 3.8 M
Cost: 28 PFLOP

jgan train --config text --workdir runs/birds --config.data.source=captions:DIR
jgan sample --workdir runs/birds --caption "this bird is red with a black beak"

The paper trains on CUB-200-2011 birds and Oxford-102 flowers, five captions an image or more, batch 64, Adam 2e-4 with
beta1 0.5, 600 epochs (90,000 steps of the 9,600 birds it trains on), images mirrored. DIR (or a zip) holds the images
and captions.csv with the columns file,caption and a row for each caption; game.generator.vocabulary and
game.discriminator.vocabulary are at least the different words of these. Vectors of another encoder:
captions:DIR:vectors.npz with the arrays files [m] and embeddings [m, 1024], both vocabularies 0,
game.embedding_features=1024. GAN-CLS-INT: game.blend_weight=1. Without your own source it trains on the embedded
digits, so that the command works anywhere; on two cores see text_digits.py.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.text import text
from jgan.types import Stage


def get_config() -> Config:
    """64 x 64 colour images, the widths of the authors' code."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=text(resolution=64),
        data=DataConfig(source="mnist5k-captions", channels=3),
        stages=(Stage(steps=90_000, batch_size=64, resolution=64),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )

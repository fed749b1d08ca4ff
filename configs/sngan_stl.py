"""SNGAN on STL-10 at 48 x 48 with residual networks (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).

pip install "jgan[tfds]" && tfds build stl10 --file_format=array_record
python -m jgan.main --config configs/sngan_stl.py --workdir runs/sngan_stl

The 100,000 unlabelled images, reduced from 96 x 96. All else as in sngan.py; any folder of images does as well:
--config.data.source=folder:DIR. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.sngan import sngan
from jgan.types import Stage


def get_config() -> Config:
    """48 x 48 colour images, no labels."""
    stage = Stage(steps=250_000, batch_size=64, resolution=48)
    adam = AdamConfig(b1=0.0, b2=0.9, decay="linear", decay_images=stage.steps * stage.batch_size)
    return Config(
        game=sngan(resolution=48),
        data=DataConfig(source="tfds:stl10:unlabelled"),
        stages=(stage,),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=5000,
        checkpoint_every=5000,
    )

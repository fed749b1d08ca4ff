"""BigGAN on ImageNet at 128 x 128 (Brock et al. 2019, https://arxiv.org/abs/1809.11096), section 3 and appendix C.

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
python -m jgan.main --config configs/biggan.py --workdir runs/biggan

Batches of 2048, two discriminator steps for one of the generator, rates of 5e-5 and 2e-4, an average of the
generator's weights with a decay of 0.9999. A step here is one of the discriminator. On fewer devices than a pod has,
take the batch in pieces: '--config.stages[0].accumulate=8'. ImageNet must be downloaded by hand first; a folder with
one folder for each class does as well: --config.data.source=folder:DIR, with as many --config.game.num_classes,
--config.game.generator.num_classes and --config.game.discriminator.num_classes. Not yet trained at this size.
"""

import math

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.biggan import biggan
from jgan.types import Stage

BATCH_SIZE, CRITIC_STEPS, DECAY = 2048, 2, 0.9999


def get_config() -> Config:
    """128 x 128 colour images, a thousand classes."""
    half_life = math.log(0.5) / math.log(DECAY) * CRITIC_STEPS * BATCH_SIZE  # DECAY for each of the generator's steps
    return Config(
        game=biggan(resolution=128, num_classes=1000),
        data=DataConfig(source="tfds:imagenet2012"),
        stages=(Stage(steps=200_000 * CRITIC_STEPS, batch_size=BATCH_SIZE, resolution=128),),
        generator_optimizer=AdamConfig(learning_rate=5e-5, b1=0.0, b2=0.999),
        discriminator_optimizer=AdamConfig(learning_rate=2e-4, b1=0.0, b2=0.999),
        ema=EmaConfig(half_life_images=half_life),
        sample_every=5000,
        checkpoint_every=5000,
    )

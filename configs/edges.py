"""Line drawings to photos at 256 x 256: Pix2Pix on any folder, whose images are the targets.

python -m jgan.main --config configs/edges.py --workdir runs/edges --config.data.source=folder:DIR
python -m jgan.translate --workdir runs/edges --input photos --out translated

The inputs are made of the images as they come to the step (jgan/tasks/config.py). Networks and optimizers as in
pix2pix.py, batches of 16 and instance norm in place of a batch's statistics. With six halvings and
--config.stages[0].resolution=64 it trains on two cores: --config.game.generator.downs=6
--config.game.discriminator.receptive_field=16. Not trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig
from jgan.families.pix2pix import pix2pix
from jgan.tasks.config import TaskConfig
from jgan.types import Stage


def get_config() -> Config:
    """The U-Net of 8 halvings against patches of 70 pixels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=pix2pix(norm="instance", test_as_trained=False),
        data=DataConfig(source="folder:data/photos", jitter=286 / 256, flip=True, task=TaskConfig("edges")),
        stages=(Stage(steps=100_000, batch_size=16, resolution=256),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        sample_every=1_000,
        checkpoint_every=1_000,
    )

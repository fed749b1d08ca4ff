"""Gray photos to colour at 32 x 32, which trains on two cores.

python -m jgan.main --config configs/colorization_small.py --workdir runs/colors --config.data.source=folder:DIR
python -m jgan.translate --workdir runs/colors --degrade --input photos --out translated

As colorization.py with half the width and patches of 16 pixels. Images are drawn by running statistics: those of one
image, or instance norm, would leave nothing of what the innermost layers hold, which are a few pixels wide here.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.pix2pix import pix2pix
from jgan.tasks.config import TaskConfig
from jgan.types import Stage


def get_config() -> Config:
    """The U-Net of 5 halvings against patches of 16 pixels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=pix2pix(downs=5, channels=32, receptive_field=16, test_as_trained=False),
        data=DataConfig(source="folder:data/photos", flip=True, task=TaskConfig("colorization")),
        stages=(Stage(steps=2_000, batch_size=16, resolution=32),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

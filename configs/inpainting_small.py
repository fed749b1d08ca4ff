"""Photos with holes to whole ones at 64 x 64, which trains on two cores.

python -m jgan.main --config configs/inpainting_small.py --workdir runs/inpainting_small --config.data.source=folder:DIR
python -m jgan.translate --workdir runs/inpainting_small --degrade --input photos --out translated

As inpainting.py with half the width and patches of 16 pixels, drawn by running statistics as in colorization_small.py.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.pix2pix import pix2pix
from jgan.tasks.config import TaskConfig
from jgan.types import Stage


def get_config() -> Config:
    """The U-Net of 6 halvings against patches of 16 pixels."""
    adam = AdamConfig(learning_rate=2e-4, b1=0.5)
    return Config(
        game=pix2pix(downs=6, channels=32, receptive_field=16, keep_known=True, test_as_trained=False),
        data=DataConfig(
            source="folder:data/photos", jitter=72 / 64, flip=True, task=TaskConfig("inpainting", mask="strokes")
        ),
        stages=(Stage(steps=2_000, batch_size=16, resolution=64),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=2_000.0),
        sample_every=500,
        checkpoint_every=500,
    )

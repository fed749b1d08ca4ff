"""SRResNet x4 without an adversary, as BasicSR trains it (https://github.com/XPixelGroup/BasicSR).

python -m jgan.main --config configs/srresnet.py --workdir runs/srresnet --config.data.source=folder:DIR
python -m jgan.upscale --workdir runs/srresnet --input photos --out large

Mean absolute error alone, 16 patches of 128 x 128, half a million steps from 2e-4 down by a half cosine (BasicSR: four
such periods); its average of weights has a decay of 0.999. srresnet_small.py is one that trains on two cores. Not
trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.srgan import srresnet
from jgan.tasks.config import TaskConfig
from jgan.types import Stage


def get_config() -> Config:
    """MSRResNet with 16 blocks of 64 channels."""
    steps, batch = 500_000, 16
    adam = AdamConfig(learning_rate=2e-4, b1=0.9, b2=0.99, decay="cosine", decay_images=steps * batch, final_scale=1e-3)
    return Config(
        game=srresnet(),
        data=DataConfig(
            source="folder:data/photos",
            fit="patch",
            flip=True,
            rotate=True,
            workers=8,
            task=TaskConfig("super_resolution", scale=4),
        ),
        stages=(Stage(steps=steps, batch_size=batch, resolution=128, adversarial=False),),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=11_000.0),
        sample_every=5_000,
        checkpoint_every=5_000,
    )

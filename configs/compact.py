"""Real-ESRGAN's small network x4 without an adversary (https://github.com/xinntao/Real-ESRGAN, SRVGGNetCompact).

python -m jgan.import_weights --config configs/compact.py --generator realesr-general-x4v3.pth --workdir runs/compact
python -m jgan.main --config configs/compact.py --workdir runs/compact --config.data.source=folder:DIR
python -m jgan.upscale --workdir runs/compact --input photos --out large

The first of them takes published weights, the second trains on images made smaller by the bicubic filter, where its
authors blur, add noise and compress too. Stage and optimizers as in srresnet.py. realesr-animevideov3 has half the
convolutions: --config.game.generator.convolutions=16. Not trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.esrgan import compact
from jgan.tasks.config import TaskConfig
from jgan.types import Stage


def get_config() -> Config:
    """CompactNet with 32 convolutions of 64 channels between the first and the last."""
    steps, batch = 500_000, 16
    adam = AdamConfig(learning_rate=2e-4, b1=0.9, b2=0.99, decay="cosine", decay_images=steps * batch, final_scale=1e-3)
    return Config(
        game=compact(),
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

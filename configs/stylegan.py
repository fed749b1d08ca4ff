"""StyleGAN at 1024 x 1024 on faces such as FFHQ.

Family: stylegan
Paper: Karras et al. 2019, https://arxiv.org/abs/1812.04948
Task: images
Data: folder:ffhq at 1024 x 1024
Parameters: 26.2 M + 23.1 M
Cost: 20 EFLOP

jgan train --config stylegan --workdir runs/stylegan --config.data.source=folder:DIR

The authors' run on FFHQ (FID 4.40): it grows from 8 x 8 on, 600,000 images to fade each resolution in and 600,000 more,
and 25 million in all, with the batch sizes and learning rates that their code has for 8 GPUs. Optimizers begin anew
with each resolution; there also when its layers are in. `stylegan(256)` and `growing_stages(256, ...)` end earlier.
stylegan_digits.py is one that trains on two cores. Not trained at this size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.stylegan import stylegan
from jgan.games.growing import growing_stages


def get_config() -> Config:
    """A stage for each resolution from 8 to 1024; colour images, no labels."""
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.99)
    stages = growing_stages(
        1024,
        batch_sizes={8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32, 512: 32, 1024: 32},
        fade_images=600_000,
        steady_images=600_000,
        last_images=16_000_000,
        learning_rate_scales={128: 1.5, 256: 2.0, 512: 3.0, 1024: 3.0},
        first_resolution=8,
    )
    return Config(
        game=stylegan(1024),
        data=DataConfig(source="folder:ffhq", flip=True),
        stages=stages,
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=10_000.0),
        checkpoint_every=5_000,
        sample_every=5_000,
    )

"""ProGAN at 1024 x 1024 on photos such as CelebA-HQ.

Family: progan
Paper: Karras et al. 2018, https://arxiv.org/abs/1710.10196
Task: images
Data: folder:data/celeba_hq at 1024 x 1024
Parameters: 23.1 M + 23.1 M
Cost: 5.8 EFLOP

jgan train --config progan --workdir runs/progan --config.data.source=folder:DIR

Appendix A.1 with the batch sizes and learning rates that the authors' code has for 8 GPUs, and its 12 million images:
600,000 to fade each resolution in, 600,000 more, and 1,800,000 at the end. `progan(resolution=256)` and
`growing_stages(resolution=256, ...)` end earlier. progan_digits.py is one that trains on two cores. Not trained at this
size.
"""

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.progan import progan
from jgan.games.growing import growing_stages


def get_config() -> Config:
    """A stage for each resolution from 4 to 1024."""
    adam = AdamConfig(learning_rate=1e-3, b1=0.0, b2=0.99)
    stages = growing_stages(
        1024,
        batch_sizes={4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32, 512: 32, 1024: 32},
        fade_images=600_000,
        steady_images=600_000,
        last_images=1_800_000,
        learning_rate_scales={128: 1.5, 256: 2.0, 512: 3.0, 1024: 3.0},
    )
    return Config(
        game=progan(1024),
        data=DataConfig(source="folder:data/celeba_hq", flip=True),
        stages=stages,
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        ema=EmaConfig(half_life_images=22_000.0),
        checkpoint_every=5_000,
        sample_every=5_000,
    )

"""Real-ESRGAN's small network x4 without an adversary (https://github.com/xinntao/Real-ESRGAN, SRVGGNetCompact).

Family: esrgan
Paper: Wang et al. 2021, https://arxiv.org/abs/2107.10833
Task: super-resolution
Data: folder:data/photos at 128 x 128
Parameters: 1.2 M + 3 k
Cost: 57 PFLOP

jgan import-weights --config compact --generator realesr-general-x4v3.pth --workdir runs/compact
jgan train --config compact --workdir runs/compact --config.data.source=folder:DIR
jgan upscale --workdir runs/compact --input photos --out large

The first of them takes published weights, the second trains on images made smaller by the bicubic filter, where its
authors blur, add noise and compress too. Stage and optimizers as in srresnet.py. realesr-animevideov3 has half the
convolutions: --config.game.generator.convolutions=16. Not trained at this size.
"""

from jgan.config import Config
from jgan.families.esrgan import compact
from jgan.recipes.super_resolution import without_adversary


def get_config() -> Config:
    """CompactNet with 32 convolutions of 64 channels between the first and the last."""
    return without_adversary(compact())

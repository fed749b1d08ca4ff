"""SRResNet x4 without an adversary, as BasicSR trains it (https://github.com/XPixelGroup/BasicSR).

Family: srgan
Paper: Ledig et al. 2017, https://arxiv.org/abs/1609.04802
Task: super-resolution
Data: folder:data/photos at 128 x 128
Parameters: 1.5 M + 3 k
Cost: 120 PFLOP

jgan train --config srresnet --workdir runs/srresnet --config.data.source=folder:DIR
jgan upscale --workdir runs/srresnet --input photos --out large

Mean absolute error alone, 16 patches of 128 x 128, half a million steps from 2e-4 down by a half cosine (BasicSR: four
such periods); its average of weights has a decay of 0.999. srresnet_small.py is one that trains on two cores. Not
trained at this size.
"""

from jgan.config import Config
from jgan.families.srgan import srresnet
from jgan.recipes.super_resolution import without_adversary


def get_config() -> Config:
    """MSRResNet with 16 blocks of 64 channels."""
    return without_adversary(srresnet())

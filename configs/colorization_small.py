"""Gray photos to colour at 32 x 32, which trains on two cores.

Family: pix2pix
Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Task: image-to-image
Data: folder:data/photos at 32 x 32
Parameters: 4.2 M + 36 k
Cost: 7.7 TFLOP
Measured: 3,000 steps in 5 processor minutes

jgan train --config colorization_small --workdir runs/colors --config.data.source=folder:DIR
jgan translate --workdir runs/colors --degrade --input photos --out translated

As colorization.py with half the width and patches of 16 pixels. Outputs take running statistics: those of one image, or
instance norm, would leave nothing of what the innermost layers hold, which are a few pixels wide here.
"""

from jgan.config import Config
from jgan.recipes.pix2pix import small_restoration
from jgan.tasks.config import TaskConfig


def get_config() -> Config:
    """The U-Net of 5 halvings against patches of 16 pixels."""
    return small_restoration(TaskConfig("colorization"), halvings=5)

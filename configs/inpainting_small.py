"""Photos with holes to whole ones at 64 x 64, which trains on two cores.

Family: pix2pix
Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Task: image-to-image
Data: folder:data/photos at 64 x 64
Parameters: 7.3 M + 38 k
Cost: 37 TFLOP
Measured: 1,000 steps in 6 processor minutes

jgan train --config inpainting_small --workdir runs/inpainting_small --config.data.source=folder:DIR
jgan translate --workdir runs/inpainting_small --degrade --input photos --out translated

As inpainting.py with half the width and patches of 16 pixels; outputs take running statistics as in
colorization_small.py.
"""

from jgan.config import Config
from jgan.recipes.pix2pix import small_restoration
from jgan.tasks.config import TaskConfig


def get_config() -> Config:
    """The U-Net of 6 halvings against patches of 16 pixels."""
    task = TaskConfig("inpainting", mask="strokes")
    return small_restoration(task, halvings=6, jitter=72 / 64, keep_known=True)

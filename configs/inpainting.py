"""Photos with holes to whole ones at 256 x 256: Pix2Pix on any folder, whose images are the targets.

Family: pix2pix
Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Task: image-to-image
Data: folder:data/photos at 256 x 256
Parameters: 54.4 M + 2.8 M
Cost: 150 PFLOP

jgan train --config inpainting --workdir runs/inpainting --config.data.source=folder:DIR
jgan translate --workdir runs/inpainting --input photos --mask mask.png --out translated

The inputs are made of the images as they come to the step (jgan/tasks/config.py). Networks and optimizers as in
pix2pix.py, batches of 16 and instance norm in place of a batch's statistics. With six halvings and
--config.stages[0].resolution=64 it trains on two cores: --config.game.generator.downs=6
--config.game.discriminator.receptive_field=16. Not trained at this size.
"""

from jgan.config import Config
from jgan.recipes.pix2pix import restoration
from jgan.tasks.config import TaskConfig


def get_config() -> Config:
    """The U-Net of 8 halvings against patches of 70 pixels."""
    return restoration(TaskConfig("inpainting", mask="strokes"), keep_known=True)

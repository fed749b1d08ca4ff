"""StyleGAN2 with adaptive augmentation at 256 x 256, as its authors' code chooses on one GPU.

Family: stylegan2
Paper: Karras et al. 2020, https://arxiv.org/abs/2006.06676
Task: images
Data: folder:photos at 256 x 256
Parameters: 23.2 M + 24.0 M
Cost: 9.8 EFLOP

jgan train --config stylegan2_ada --workdir runs/stylegan2_ada --config.data.source=folder:DIR

For thousands of images where others need tens of thousands: the discriminator sees all images blitted, moved and
recoloured with a probability that holds the mean sign of D(real) at 0.6. It rises by 1 over 500,000 images; a run that
starts from another takes --config.game.ada_images=100000. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.recipes.stylegan2 import auto, published


def get_config() -> Config:
    """256 x 256 colour images, no labels."""
    return published(auto(256), "folder:photos", 256, augment=("ada_geometry", "ada_colors"), ada_target=0.6)

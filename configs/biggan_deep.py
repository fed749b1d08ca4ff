"""BigGAN-deep on ImageNet at 128 x 128.

Family: biggan_deep
Paper: Brock et al. 2019, https://arxiv.org/abs/1809.11096, appendices B and C
Task: images by class
Data: tfds:imagenet2012 at 128 x 128
Parameters: 50.2 M + 34.6 M
Cost: 130 EFLOP

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
jgan train --config biggan_deep --workdir runs/biggan_deep

Trained as configs/biggan.py is: batches of 2048, two discriminator steps for one of the generator, rates of 5e-5 and
2e-4, an average of the generator's weights with a decay of 0.9999. A step here is one of the discriminator. On fewer
devices than a pod has, take the batch in pieces: '--config.stages[0].accumulate=8'; less memory still:
--config.game.generator.remat=True, --config.game.discriminator.remat=True. Not yet trained at this size; the published
generator is read by `jgan import-weights --config biggan_deep`.
"""

from jgan.config import Config
from jgan.families.biggan_deep import biggan_deep
from jgan.recipes.biggan import imagenet_128


def get_config() -> Config:
    """128 x 128 colour images, a thousand classes."""
    return imagenet_128(biggan_deep(resolution=128, num_classes=1000))

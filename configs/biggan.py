"""BigGAN on ImageNet at 128 x 128.

Family: biggan
Paper: Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 3 and appendix C
Task: images by class
Data: tfds:imagenet2012 at 128 x 128
Parameters: 70.4 M + 88.0 M
Cost: 120 EFLOP

pip install "jgan[tfds]" && tfds build imagenet2012 --file_format=array_record
jgan train --config biggan --workdir runs/biggan

Batches of 2048, two discriminator steps for one of the generator, rates of 5e-5 and 2e-4, an average of the
generator's weights with a decay of 0.9999. A step here is one of the discriminator. On fewer devices than a pod has,
take the batch in pieces: '--config.stages[0].accumulate=8'. ImageNet must be downloaded by hand first; a folder with
one folder for each class does as well: --config.data.source=folder:DIR, with as many --config.game.num_classes,
--config.game.generator.num_classes and --config.game.discriminator.num_classes. Not yet trained at this size.
"""

from jgan.config import Config
from jgan.families.biggan import biggan
from jgan.recipes.biggan import imagenet_128


def get_config() -> Config:
    """128 x 128 colour images, a thousand classes."""
    return imagenet_128(biggan(resolution=128, num_classes=1000))

"""Image-to-image runs that were not trained, and photos for them."""

import jax
import numpy as np

from jgan import config as configs
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.data.planned import planned_dataset
from jgan.engine.sharding import make_sharding
from jgan.families.cyclegan import Critics, ResNetGenerator, Translators
from jgan.families.pix2pix import PatchDiscriminator, UNet
from jgan.families.srgan import SRResNet
from jgan.games.paired import PairedGAN
from jgan.games.unpaired import UnpairedGAN
from jgan.photos.photo_files import Photo, encoded
from jgan.rundir.checkpoints import Checkpoints
from jgan.setup import lay_out, shapes_to_data
from jgan.tasks.config import TaskConfig
from jgan.types import Stage

RANDOM = np.random.default_rng(0)


def critic():
    return PatchDiscriminator(4, 16, "none")


def unet(image_channels=3):
    return UNet(image_channels, channels=4, downs=3, norm="none")


CONFIGS = {
    "enlarging": (
        PairedGAN(SRResNet(scale=2, channels=4, blocks=1, norm="none"), critic(), conditional=False),
        DataConfig("folder:x", fit="patch", task=TaskConfig("super_resolution", scale=2)),
    ),
    "filling": (PairedGAN(unet(), critic(), keep_known=True), DataConfig("folder:x", task=TaskConfig("inpainting"))),
    "residual": (PairedGAN(ResNetGenerator(channels=2, blocks=1), critic()), DataConfig("pairs:x")),
    "pairs": (PairedGAN(unet(4), critic()), DataConfig("pairs:x", channels=4, input_channels=1)),
    "both": (
        UnpairedGAN(Translators(unet(), unet()), Critics(critic(), critic()), pool_size=0),
        DataConfig("unpaired:x"),
    ),
}


def make_run(workdir, game, data):
    """A run directory with the first weights, five times as large so that images differ, without training."""
    config = Config(game=game, data=data, stages=(Stage(steps=1, batch_size=2, resolution=32),))
    setup = lay_out(config, planned_dataset(data, None, 0), make_sharding())
    state = setup.create_state()
    params = jax.tree.map(lambda leaf: 5.0 * leaf if "UNet" in str(game.generator) else leaf, state.generator.params)
    state = state.replace(generator=state.generator.replace(params=params, params_ema=params))
    workdir.mkdir()
    configs.save(config, workdir / "config.json")
    checkpoints = Checkpoints(workdir)
    record = {
        "batches": shapes_to_data(setup.batches),
        "window": {"start": 0, "values": {}},
        "rollbacks": 0,
        "data": "planned",
    }
    checkpoints.save(state, 0, record)
    checkpoints.close()
    return workdir


def call(command, **flags):
    """A command's main with `flags`, where True stands for one without a value."""
    return command.main([f"--{name}" if value is True else f"--{name}={value}" for name, value in flags.items()])


def smooth(height, width, channels=3, most=255):
    """A photo-like image: big spots under some noise."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (5 + c) + columns / (9 - c)) for c in range(channels)]
    noisy = 0.5 + 0.4 * np.stack(waves, -1) + RANDOM.uniform(-0.1, 0.1, (height, width, channels))
    return np.rint(noisy * most).astype(np.uint8 if most == 255 else np.uint16)


def save(path, values, alpha=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(path, Photo(values, alpha)))
    return path

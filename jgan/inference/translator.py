"""A run's generator on images of any size, as `translate` and `upscale` use it."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.configuration.ranges import check_seed
from jgan.engine.memory import within_memory
from jgan.games.translation import image_to_image, sides_of
from jgan.inference.weights import NEWEST, Weights, batch_shapes, digest_of, restore_generator
from jgan.layers.bicubic import bicubic
from jgan.photos.photo_files import Photo, of_levels
from jgan.photos.tiles import filled_up
from jgan.rundir.pictures import to_uint8
from jgan.setup import run_seldom
from jgan.tasks.blind import degrade_blindly
from jgan.tasks.degrade import degrade, hide
from jgan.types import Array, UserError

logger = logging.getLogger(__name__)
SMALLER = "give a smaller --tile"


class Translator:
    """A generator that takes images of any size, with the channels that it was trained on."""

    def __init__(
        self,
        config: Config,
        workdir: Path,
        weights: Weights = NEWEST,
        *,
        direction: str | None = None,
        seed: int = 0,
        bicubic: bool = False,
    ) -> None:
        """Restores the generator. `seed` is that of dropout and of `degraded`; `bicubic` stands in for the network.

        Raises:
          UserError: the run does not translate images, has no such direction, or no such checkpoint.
        """
        check_seed(seed)
        game, way = image_to_image(config.game, direction, "--direction")
        self.config, self.seed, self.bicubic, self.direction = config, seed, bicubic, way
        batch = batch_shapes(config, workdir, weights)[-1]
        self.channels = batch[game.input_name(way)].shape[-1]
        generator, self.step = restore_generator(config, workdir, weights)
        self._generator = jax.device_put(generator, jax.devices()[0])
        self._apply = jax.jit(functools.partial(game.translate, direction=way))
        self._apply_to_tile = within_memory(self._apply, "an image, or a tile of it, in the network would", SMALLER)
        self._degrade = jax.jit(functools.partial(degrade, config.data.task), compiler_options=run_seldom())
        self.multiple, self._smallest = sides_of(game)
        # The statistics of a batch of training are, of one image, those of all of it.
        self.is_local = bicubic or (getattr(game.generator, "is_local", False) and not game.test_as_trained)
        self.scale, self.image_channels = self._trace()
        self._said_gray = False
        if bicubic and self.scale == 1:
            raise UserError(
                "--bicubic: this run does not enlarge images, and the filter would leave them; leave it out"
            )

    @property
    def digest(self) -> str:
        """The SHA-256 of the weights that make its images."""
        return "" if self.bicubic else digest_of(self._generator)

    @property
    def fills_masks(self) -> bool:
        """Whether the last channel of its inputs is a mask."""
        return self.config.data.task.name == "inpainting"

    @property
    def background(self) -> int:
        """The gray level, 0 to 255, over which its network sees transparent pixels."""
        return self.config.data.background

    def _trace(self) -> tuple[int, int]:
        """How much larger its images are, and their channels."""
        side = 64 * self.multiple
        inputs = jax.ShapeDtypeStruct((1, side, side, self.channels), jnp.float32)
        made = jax.eval_shape(self._apply, self._generator, inputs, self._key())
        return made.shape[1] // side, made.shape[-1]

    def _key(self) -> Array:
        return jax.random.key(self.seed)

    def as_inputs(self, levels: np.ndarray) -> np.ndarray:
        """What the network is given, float32 [h, w, channels], of what `_inputs` has of a photo, or of a part of it."""
        if levels.dtype == np.float32:
            return levels
        if not self.fills_masks:
            return of_levels(levels, self.channels).with_channels(self.channels)
        colors = of_levels(levels[:, :, :-1], self.channels - 1).with_channels(self.channels - 1)
        return np.asarray(hide(jnp.asarray(colors[None]), jnp.asarray(levels[None, :, :, -1:] > 0, jnp.float32)))[0]

    def render(self, image: np.ndarray) -> np.ndarray:
        """Inputs float32 [h, w, c] in [-1, 1] to images [scale h, scale w, c'].

        Beyond the right and the bottom edge they are mirrored, as far as the network needs.
        """
        height, width = image.shape[:2]
        if self.bicubic:
            return np.asarray(bicubic(jnp.asarray(image[None]), height * self.scale, width * self.scale))[0]
        whole = filled_up(image, self.multiple, self._smallest)
        made = jax.device_get(self._apply_to_tile(self._generator, whole[None], self._key()))[0]
        return made[: height * self.scale, : width * self.scale]

    def say_if_gray(self, photo: Photo) -> None:
        """Warns, once, where colours of a photo get lost in a run of gray images, unless that is its task."""
        gray_inputs = self.channels - self.fills_masks == 1 and self.config.data.task.name != "colorization"
        if self._said_gray or not (gray_inputs or self.image_channels == 1) or not photo.is_colored:
            return
        self._said_gray = True
        if self.image_channels == 1:
            logger.warning("this run was trained on gray images: photos in colour come out gray")
        else:
            logger.warning("this run was trained on gray inputs: of photos in colour it sees the brightness alone")

    def check_degrades(self) -> None:
        """Raises UserError where the run has no task that makes inputs of images."""
        if self.config.data.task.name == "none":
            raise UserError("--degrade: this run has no task (data.task.name) that makes inputs; leave it out")

    def degraded(self, image: np.ndarray, index: int) -> np.ndarray:
        """What the run's task makes of an image [h, w, c] in [-1, 1], cut to what its scale divides."""
        task = self.config.data.task
        if task.name.endswith("super_resolution"):
            height, width = (side - side % task.scale for side in image.shape[:2])
            image = image[:height, :width]
        if task.is_blind:
            small = degrade_blindly(to_uint8(image), task.scale, np.random.default_rng((self.seed, index)))
            return small.astype(np.float32) / 127.5 - 1.0
        rngs = jax.random.split(jax.random.fold_in(self._key(), index), 1)
        return np.asarray(self._degrade(image[None], rngs))[0]


def open_upscaler(
    config: Config, workdir: Path, weights: Weights = NEWEST, seed: int = 0, bicubic: bool = False
) -> Translator:
    """A translator whose images are larger than its inputs. Raises UserError where the run's are not."""
    translator = None
    if not config.game.directions:
        translator = Translator(config, workdir, weights, seed=seed, bicubic=bicubic)
    if translator is None or translator.scale == 1:
        raise UserError(f"--workdir={workdir}: this run does not enlarge images; take jgan translate")
    return translator

"""The table of tasks: from a photo to what a network is given in its place."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jgan.layers.bicubic import bicubic, round_to_bytes
from jgan.tasks.blur import gaussian_blur
from jgan.tasks.config import TaskConfig
from jgan.tasks.edges import edges
from jgan.tasks.masks import sample_masks
from jgan.types import Array, Images, Rngs

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode L
HALF_RANGE = 127.5  # gray levels of 256 for 1 of [-1, 1]


def degrade(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    """Inputs of a task's images [n, h, w, c] in [-1, 1], in [-1, 1] and rounded to 8 bits; see TaskConfig.

    What is random about an image follows from its own key in `rngs` [n] and its size. Super-resolution gives
    [n, h / scale, w / scale, c], of sides that divide; all others keep height and width.
    """
    return round_to_bytes(_TASKS[task.name](task, images, rngs))


def input_channels(task: TaskConfig, channels: int) -> int:
    """Channels of the inputs that a task makes of images with so many."""
    shape = jax.eval_shape(
        lambda images: _TASKS[task.name](task, images, jax.random.split(jax.random.key(0), 1)),
        jax.ShapeDtypeStruct((1, 16 * task.scale, 16 * task.scale, channels), jnp.float32),
    ).shape
    return shape[-1]


def to_gray(images: Images) -> Images:
    """Luma [n, h, w, 1] of RGB or of gray images."""
    if images.shape[-1] == 1:
        return images
    return (images[..., :3] * jnp.array(LUMA, images.dtype).reshape(1, 1, 1, 3)).sum(-1, keepdims=True)


def hide(images: Images, masks: Array) -> Images:
    """Black where the masks [n, h, w, 1] are 1, with the mask as one more channel: 1 hidden, -1 known."""
    return jnp.concatenate([jnp.where(masks > 0, -1.0, images), 2.0 * masks - 1.0], axis=-1)


def _colorization(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    del task, rngs
    return to_gray(images)


def _inpainting(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    return hide(images, sample_masks(task.mask, rngs, *images.shape[1:3]))


def _edges(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    del task, rngs
    return edges(to_gray(images))


def _denoising(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    deviations = _between(rngs, task.least_noise, task.noise) / HALF_RANGE
    noise = jax.vmap(lambda rng: jax.random.normal(jax.random.fold_in(rng, 1), images.shape[1:]))(rngs)
    return images + deviations[:, None, None, None] * noise


def _deblurring(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    return gaussian_blur(images, _between(rngs, task.least_blur, task.blur), task.blur)


def _super_resolution(task: TaskConfig, images: Images, rngs: Rngs) -> Images:
    del rngs
    return bicubic(images, images.shape[1] // task.scale, images.shape[2] // task.scale)


def _between(rngs: Rngs, least: float, most: float) -> Array:
    """A number of each example, uniform."""
    return jax.vmap(lambda rng: jax.random.uniform(jax.random.fold_in(rng, 0), minval=least, maxval=most))(rngs)


_TASKS: dict[str, Callable[[TaskConfig, Images, Rngs], Images]] = {
    "colorization": _colorization,
    "inpainting": _inpainting,
    "edges": _edges,
    "denoising": _denoising,
    "deblurring": _deblurring,
    "super_resolution": _super_resolution,
}

"""DiffAugment: differentiable augmentation of real and fake images (Zhao et al. 2020, https://arxiv.org/abs/2006.10738).

The mathematics is that of the authors' DiffAugment_pytorch.py (https://github.com/mit-han-lab/data-efficient-gans).
"flip" is not among theirs: it is the horizontal mirroring of consistency regularisation (Zhao et al. 2020,
https://arxiv.org/abs/2002.04724). Those whose names begin with "ada" are in ada.py and ada_corruptions.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jgan.augment import ada, ada_corruptions
from jgan.types import Array, Images, Rngs, UserError

Parameters = tuple[Array, ...]
CHOSEN = 1  # what the key of a transform is folded with, to decide whether it takes place


def augment(images: Images, rngs: Rngs, policy: tuple[str, ...], probability: float | Array = 1.0) -> Images:
    """Images [n, h, w, c] transformed in the order of the policy, [n, h, w, c]; colours may leave [-1, 1].

    Each transform, or each part of one that has parts, befalls an image with the `probability` by itself.

    Each example's transform follows from its own key in `rngs` [n] and the image size alone, and not on the rest of the
    policy. Images given the same key, as the real and the fake one, are transformed alike.
    `policy` holds names of AUGMENTATIONS that `check_policy` accepts; an empty one returns the images as they are.
    """
    for name in policy:
        augmentation = AUGMENTATIONS[name]
        keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(rngs, augmentation.purpose)
        sample = functools.partial(augmentation.sample, height=images.shape[1], width=images.shape[2])
        if augmentation.in_parts:
            sample = functools.partial(sample, probability=jnp.float32(probability))
        parameters = jax.vmap(sample)(keys)
        changed = augmentation.apply(images, *parameters)
        always = isinstance(probability, float) and probability == 1.0
        if not (always or augmentation.in_parts):
            chosen = jax.vmap(lambda key: jax.random.bernoulli(jax.random.fold_in(key, CHOSEN), probability))(keys)
            changed = jnp.where(_per_image(chosen), changed, images)
        images = changed
    return images


def check_policy(policy: tuple[str, ...], field: str) -> None:
    """Raises UserError, with the name of the config's field, where a name is unknown or comes twice."""
    names = ", ".join(AUGMENTATIONS)
    for index, name in enumerate(policy):
        if name not in AUGMENTATIONS:
            raise UserError(f"{field}[{index}]={name!r}: expected one of {names}")
        if name in policy[:index]:
            raise UserError(f"{field}[{index}]={name!r}: it is there already; expected each of {names} once at most")


# --- The transforms, given the parameters of each example ---


def color(images: Images, brightness: Array, saturation: Array, contrast: Array) -> Images:
    """Adds `brightness` [n], then scales by `saturation` [n] about each pixel's mean over the channels, then by
    `contrast` [n] about the image's mean.

    Neither scaling moves the mean about which the next one is done, so that the three come in one pass. Reverse-mode
    differentiation only, of any order, and by the images alone.
    """
    return _mix_colors(images, saturation, contrast) + _per_image(brightness)


@jax.custom_vjp
def _mix_colors(images: Images, saturation: Array, contrast: Array) -> Images:
    """The shares of pixel, gray and mean that both scalings leave; they add up to 1."""
    height, channels = images.shape[1], images.shape[3]
    # Sums along contiguous channels, or over a whole image at once, take several times as long on CPU.
    gray = sum(images[..., channel : channel + 1] for channel in range(channels)) / channels
    mean = images.sum(axis=1).mean(axis=(1, 2)) / height
    of_pixel, of_gray, of_mean = contrast * saturation, contrast * (1.0 - saturation), 1.0 - contrast
    return _per_image(of_pixel) * images + _per_image(of_gray) * gray + _per_image(of_mean * mean)


def _mix_colors_fwd(images: Images, saturation: Array, contrast: Array) -> tuple[Images, Parameters]:
    return _mix_colors(images, saturation, contrast), (saturation, contrast)


def _mix_colors_bwd(saved: Parameters, g: Images) -> tuple[Images, None, None]:
    # Both means are orthogonal projections: the map is its own transpose.
    return _mix_colors(g, *saved), None, None


_mix_colors.defvjp(_mix_colors_fwd, _mix_colors_bwd)


@jax.custom_vjp
def translate(images: Images, rows: Array, columns: Array) -> Images:
    """Moves each image down by `rows` [n] and right by `columns` [n], zeros coming in.

    Both are int32, at most `translation_reach` of the image's side in size. Reverse-mode differentiation only, of any
    order.
    """
    height, width = images.shape[1:3]
    down, right = translation_reach(height), translation_reach(width)
    padded = jnp.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))

    def window(image: Array, row: Array, column: Array) -> Array:
        return lax.dynamic_slice(image, (down - row, right - column, 0), images.shape[1:])

    return jax.vmap(window)(padded, rows, columns)


def _translate_fwd(images: Images, rows: Array, columns: Array) -> tuple[Images, Parameters]:
    return translate(images, rows, columns), (rows, columns)


def _translate_bwd(saved: Parameters, g: Images) -> tuple[Images, None, None]:
    # The transpose of the slices, as XLA would write it, is a scatter that takes ten times as long on CPU.
    rows, columns = saved
    return translate(g, -rows, -columns), None, None


translate.defvjp(_translate_fwd, _translate_bwd)


def cut_out(images: Images, row: Array, column: Array) -> Images:
    """Zeros a box of `cutout_size` of either side around pixel (`row` [n], `column` [n]), as far as it is inside."""
    outside_rows = ~_in_box(images.shape[1], row)
    outside_columns = ~_in_box(images.shape[2], column)
    keep = outside_rows[:, :, None, None] | outside_columns[:, None, :, None]
    return images * keep.astype(images.dtype)


def flip(images: Images, mirrored: Array) -> Images:
    """Mirrors left and right where `mirrored` [n] is true."""
    return jnp.where(_per_image(mirrored), images[:, :, ::-1], images)


def translation_reach(side: int) -> int:
    """How many pixels a translation may move an image of this side, at most: an eighth, rounded."""
    return (side + 4) // 8


def cutout_size(side: int) -> int:
    """Side of the box that is cut out: a half, rounded up."""
    return (side + 1) // 2


def _per_image(values: Array) -> Array:
    return values[:, None, None, None]


def _in_box(side: int, centre: Array) -> Array:
    """Which of the `side` rows or columns lie in the box around each centre [n], [n, side]."""
    size = cutout_size(side)
    offset = jnp.arange(side)[None] - centre[:, None] + size // 2
    return (offset >= 0) & (offset < size)


# --- Random parameters of one example ---


def _draw_color(rng: Array, height: int, width: int) -> Parameters:
    del height, width
    brightness, saturation, contrast = jax.random.uniform(rng, (3,))
    return brightness - 0.5, saturation * 2.0, contrast + 0.5


def _draw_translation(rng: Array, height: int, width: int) -> Parameters:
    reach = jnp.array([translation_reach(height), translation_reach(width)])
    rows, columns = jax.random.randint(rng, (2,), -reach, reach + 1)
    return rows, columns


def _draw_cutout(rng: Array, height: int, width: int) -> Parameters:
    # A box of even size may also be centred on the first row or column beyond the image.
    ends = jnp.array([side + 1 - cutout_size(side) % 2 for side in (height, width)])
    row, column = jax.random.randint(rng, (2,), 0, ends)
    return row, column


def _draw_flip(rng: Array, height: int, width: int) -> Parameters:
    del height, width
    return (jax.random.bernoulli(rng),)


class Augmentation(NamedTuple):
    """A random transform: `sample(key, height, width)` of one example, `apply(images, *parameters)` of the batch.

    One that is `in_parts` also takes the probability of each part: `sample(key, height, width, probability)`.
    """

    purpose: int  # what the key of an example is folded with; never change it: seeds would mean other images
    sample: Callable[..., Parameters]
    apply: Callable[..., Images]
    in_parts: bool = False


AUGMENTATIONS = {
    "color": Augmentation(0, _draw_color, color),
    "translation": Augmentation(1, _draw_translation, translate),
    "cutout": Augmentation(2, _draw_cutout, cut_out),
    "flip": Augmentation(3, _draw_flip, flip),
    "ada_geometry": Augmentation(4, ada.sample_geometry, ada.warp, in_parts=True),
    "ada_color": Augmentation(5, ada.sample_colors, ada.recolor, in_parts=True),
    "ada_cutout": Augmentation(6, ada.sample_cutout, ada.cut_box, in_parts=True),
    "ada_blit": Augmentation(7, ada.sample_blit, ada.warp, in_parts=True),
    "ada_moves": Augmentation(8, ada.sample_moves, ada.warp, in_parts=True),
    "ada_colors": Augmentation(9, ada.sample_all_colors, ada.recolor, in_parts=True),
    "ada_filter": Augmentation(10, ada_corruptions.sample_gains, ada_corruptions.filter_bands, in_parts=True),
    "ada_noise": Augmentation(11, ada_corruptions.sample_noise, ada_corruptions.add_noise, in_parts=True),
}

"""How far images are from the photos that are looked for: LPIPS of VGG-16 and, where images are small, their pixels."""

from __future__ import annotations

import jax.numpy as jnp

from jgan.backbones import lpips_jax
from jgan.metrics.lpips import load_lpips, lpips_distance
from jgan.types import Array, Images, PyTree, UserError

LPIPS_SIDE = 256  # larger images are averaged down to it, as in StyleGAN2's projector
LEAST_SIDE = 16  # pixels that VGG-16 takes
PIXELS_UP_TO = 32  # of a side: VGG sees little of such an image, so its squared error counts as well
RGBA = 4


class Distance:
    """The distance between images of one size.

    Attributes:
      params: of LPIPS; None where images are too small for it. An argument of the functions that can be traced.
      title: what is measured, in words.
    """

    def __init__(self, image_shape: tuple[int, int, int], background: int = 255) -> None:
        """Reads the weights of LPIPS. `background` is the gray level behind transparency.

        Raises:
          UserError: the package with these weights is missing.
        """
        side = min(image_shape[:2])
        self._background = background / 127.5 - 1.0
        self._sees_pixels = side <= PIXELS_UP_TO
        self.params = load_vgg_lpips() if side >= LEAST_SIDE else None
        parts = (["LPIPS (VGG)"] if self.params else []) + (["mean squared error"] if self._sees_pixels else [])
        parts += ["mean squared error of the transparency"] if image_shape[2] == RGBA else []
        self.title = " + ".join(parts)

    def __call__(self, params: PyTree, images: Images, targets: Images) -> Array:
        """The distance [n] of images and targets [n, h, w, c] around [-1, 1], differentiable in the images."""
        ours, theirs = (as_rgb(side, self._background) for side in (images, targets))
        distance = jnp.zeros(len(images))
        if params is not None:
            distance += lpips_distance(params, "vgg", averaged_down(ours), averaged_down(theirs))
        if self._sees_pixels:
            distance += jnp.square(ours - theirs).mean((1, 2, 3))
        if images.shape[-1] == RGBA:
            distance += jnp.square(images[..., 3] - targets[..., 3]).mean((1, 2))
        return distance

    def lpips(self, params: PyTree, images: Images, targets: Images) -> Array | None:
        """LPIPS [n] alone, None where images are too small for it."""
        if params is None:
            return None
        ours, theirs = (averaged_down(as_rgb(side, self._background)) for side in (images, targets))
        return lpips_distance(params, "vgg", ours, theirs)


def load_vgg_lpips() -> PyTree:
    """The weights of LPIPS of VGG-16, out of the package lpips-jax. Raises UserError where it is missing."""
    if not lpips_jax.is_installed():
        raise UserError(f"LPIPS needs its weights, which `{lpips_jax.EXTRA}` brings")
    return load_lpips("vgg", None, None)


def as_rgb(images: Images, background: float) -> Images:
    """Gray in all three channels; transparent images seen over a gray level in [-1, 1]."""
    if images.shape[-1] == 1:
        return jnp.repeat(images, 3, axis=-1)
    if images.shape[-1] == RGBA:
        alpha = (images[..., 3:] + 1.0) / 2.0
        return images[..., :3] * alpha + background * (1.0 - alpha)
    return images


def averaged_down(images: Images) -> Images:
    """Images [n, h, w, c] averaged over squares of pixels, to 256 pixels a side where they are larger."""
    factor = min(images.shape[1:3]) // LPIPS_SIDE
    if factor < 2:
        return images
    count, height, width, channels = images.shape
    rows, columns = height // factor, width // factor
    whole = images[:, : rows * factor, : columns * factor]
    return whole.reshape(count, rows, factor, columns, factor, channels).mean((2, 4))

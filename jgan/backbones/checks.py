"""What networks ask of their images; each check raises a UserError that names type and shape."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jgan.types import Array, UserError


def check_rgb(images: Array | np.ndarray) -> None:
    """Images are uint8 [n, h, w, 3], as feature networks take them."""
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise UserError(f"images: {images.dtype} of shape {images.shape}; expected uint8 [n, h, w, 3]")


def check_floats(images: Array, min_side: int = 1) -> None:
    """Images are floats [n, h, w, 3], both sides at least `min_side` pixels; that they lie in [-1, 1] is not read."""
    if images.ndim != 4 or images.shape[3] != 3 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise UserError(f"images: {images.dtype} of shape {images.shape}; expected floats [n, h, w, 3] in [-1, 1]")
    if min(images.shape[1:3]) < min_side:
        raise UserError(f"images: shape {images.shape}; expected sides of at least {min_side} pixels")

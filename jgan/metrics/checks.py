"""What metrics ask of their inputs; each check raises a UserError that names the input and its shape."""

from __future__ import annotations

import numpy as np

from jgan.types import UserError


def check_features(name: str, features: np.ndarray, *, at_least: int = 1, dim: int | None = None) -> None:
    """Features are finite numbers [n, d], n >= `at_least`, d = `dim` where it is given."""
    shape = list(features.shape)
    if features.ndim != 2 or features.shape[1] == 0:
        raise UserError(f"{name}: shape {shape}; expected [n, d], one row of features a sample")
    if dim is not None and features.shape[1] != dim:
        raise UserError(f"{name}: shape {shape}; expected {dim} features a sample, from the network of the other side")
    if len(features) < at_least:
        raise UserError(f"{name}: {len(features)} samples; expected at least {at_least}: use more samples")
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise UserError(f"{name}: row {row} holds NaN or infinity; check the images it comes from")


def check_images(name: str, images: np.ndarray, *, at_least: int = 1, min_side: int = 1) -> None:
    """Images are uint8 [n, h, w, c], n >= `at_least`, both sides at least `min_side` pixels."""
    if images.ndim != 4 or images.dtype != np.uint8:
        raise UserError(f"{name}: {images.dtype} {list(images.shape)}; expected uint8 images [n, h, w, c] in 0..255")
    if len(images) < at_least:
        raise UserError(f"{name}: {len(images)} images; expected at least {at_least}: use more images")
    if min(images.shape[1:3]) < min_side:
        raise UserError(f"{name}: shape {list(images.shape)}; expected sides of at least {min_side} pixels")

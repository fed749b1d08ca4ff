"""SeFa, directions in closed form (Shen and Zhou 2021, https://arxiv.org/abs/2007.06600), equations 3 to 6.

The directions that move the output of a layer y = A x + b most are the eigenvectors of A^T A. As in the authors' code,
https://github.com/genforce/sefa, each row of A - what one output depends on - is first made as long as 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jgan.latents.entered_layers import first_layer, style_layers
from jgan.latents.found import Directions, deviations, new_directions
from jgan.latents.ganspace import chunk
from jgan.latents.points import SAMPLES, points
from jgan.latents.space import LatentSpace
from jgan.types import UserError


def sefa(space: LatentSpace, run: str, components: int = 10, layers: Sequence[int] | None = None) -> Directions:
    """The first directions: of StyleGANs in w, of the layers that take the styles `layers` (None: all), else in z.

    Here all layers that take these styles count, those of colours too, of which the authors' code takes only the last.

    Raises:
      UserError: no such layers, or more components than there are.
    """
    if space.has_styles:
        chosen = check_layers(space, layers)
        found = [layer for layer in style_layers(space) if layer.number in chosen]
        weight, used = np.concatenate([layer.weight for layer in found]), np.ones(space.style_shape[1], bool)
        settings = {"affine_layers": [layer.name for layer in found]}
        within, moved = "w", None if layers is None else tuple(chosen)
    elif layers is not None:
        raise UserError("--layers: this run has no styles; its directions are of the layer that latents enter first")
    else:
        layer = first_layer(space)
        weight, used = layer.weight, layer.used
        settings = {"layer": layer.name, "latents": chunk(used)}
        within, moved = "z", None
    if components > used.sum():
        raise UserError(f"--components={components}: there are {used.sum()}; expected 1 to {used.sum()}")
    eigenvalues, vectors = factorize(weight[:, used])
    whole = np.zeros((components, len(used)))
    whole[:, used] = vectors[:components]
    samples = points(space, within, range(SAMPLES))
    return new_directions(
        space,
        run,
        whole,
        deviations(samples, whole),
        names=tuple(f"eigenvector {index}" for index in range(components)),
        values=tuple(eigenvalues[:components].tolist()),
        settings=settings,
        method="sefa",
        measure="eigenvalue",
        space=within,
        layers=moved,
    )


def factorize(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [d], largest first, and eigenvectors in rows [d, d] of A^T A, for A [outputs, d] of rows of length 1.

    Rows of zeros stay so. The largest entry of each vector is positive.

    Raises:
      UserError: weights that are not finite.
    """
    weight = weight.astype(np.float64)
    if not np.isfinite(weight).all():
        raise UserError("--workdir: the run's weights are not finite; take an earlier checkpoint, by --step")
    lengths = np.linalg.norm(weight, axis=1, keepdims=True)
    weight = weight / np.where(lengths == 0.0, 1.0, lengths)
    eigenvalues, vectors = np.linalg.eigh(weight.T @ weight)
    vectors = vectors.T[::-1]
    largest = np.abs(vectors).argmax(axis=1)[:, None]
    signs = np.where(np.take_along_axis(vectors, largest, axis=1) < 0, -1.0, 1.0)
    return eigenvalues[::-1].clip(0.0), vectors * signs


def check_layers(space: LatentSpace, layers: Sequence[int] | None) -> list[int]:
    """The layers in order, by default all. Raises UserError where the run has no styles, or not so many."""
    space.check_styles("--layers")
    count = space.style_shape[0]
    if layers is None:
        return list(range(count))
    wrong = [layer for layer in layers if not 0 <= layer < count]
    if wrong or not layers:
        raise UserError(
            f"--layers: {f'no layer {wrong[0]}' if wrong else 'none'}; this run's styles are 0 to {count - 1}"
        )
    return sorted(set(layers))

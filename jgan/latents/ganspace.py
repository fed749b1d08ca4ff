"""GANSpace (Haerkoenen, Hertzmann, Lehtinen and Paris 2020, https://arxiv.org/abs/2004.02546), section 3.

Of StyleGANs, the principal components of styles (3.1). Of other generators, those of what the first layer makes of
latents, and for each the step in latents that moves it, by linear regression (3.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jgan.inference.given_captions import GivenCaptions
from jgan.latents.entered_layers import first_layer, first_outputs
from jgan.latents.found import Directions, deviations, new_directions
from jgan.latents.incremental_pca import IncrementalPCA
from jgan.latents.points import SAMPLES, in_parts, points
from jgan.latents.space import LatentSpace
from jgan.types import UserError

NEGLIGIBLE = 1e-10  # of the first component's variance


def ganspace(
    space: LatentSpace,
    run: str,
    components: int = 10,
    num: int = 10_000,
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
) -> Directions:
    """The first directions, in w of StyleGANs, else in z; `num` samples, in parts, of seeds 0 to num - 1.

    Raises:
      UserError: labels or captions that the run does not take, or more components than there are.
    """
    about = {"method": "ganspace", "layers": None, "measure": "share of the variance"}
    names = tuple(f"component {index}" for index in range(components))
    if space.has_styles:
        pca = IncrementalPCA(space.style_shape[1])
        for seeds in in_parts(num, "styles"):
            pca.add(points(space, "w", seeds, labels, captions))
        _check_count(pca, components)
        settings = {"num": num, "labels": None if labels is None else list(labels)}
        vectors, scales = pca.components[:components], np.sqrt(pca.variances[:components])
        values = _shares(pca, components)
        return new_directions(
            space, run, vectors, scales, space="w", names=names, values=values, settings=settings, **about
        )
    layer, outputs = first_layer(space), first_outputs(space)
    pca = IncrementalPCA(min(space.game.latent_dim, num))
    for seeds in in_parts(num, "activations"):
        pca.add(outputs(space.latents(seeds)))
    _check_count(pca, components)
    vectors = _regressed(space, pca, layer.used, components, num)
    samples = space.latents(range(min(num, SAMPLES)))
    settings = {"num": num, "layer": layer.name, "latents": chunk(layer.used)}
    scales, values = deviations(samples, vectors), _shares(pca, components)
    return new_directions(
        space, run, vectors, scales, space="z", names=names, values=values, settings=settings, **about
    )


def chunk(used: np.ndarray) -> list[int]:
    """The first and the last latent that enter a layer, where others go elsewhere, as BigGAN's do."""
    places = np.flatnonzero(used)
    return [int(places[0]), int(places[-1])]


def _regressed(space: LatentSpace, pca: IncrementalPCA, used: np.ndarray, components: int, num: int) -> np.ndarray:
    """Latents [components, z] by coordinates of the layer's output in deviations: least squares over all samples.

    Latents that do not enter the layer would get the noise of the samples alone; they stay 0.
    """
    outputs, deviation = first_outputs(space), np.sqrt(pca.variances[:components])
    gram, product = np.zeros((components, components)), np.zeros((components, space.game.latent_dim))
    for seeds in in_parts(num, "regression"):
        latents = space.latents(seeds)
        coordinates = (outputs(latents) - pca.mean) @ pca.components[:components].T / deviation
        gram += coordinates.T @ coordinates
        product += coordinates.T @ latents
    return np.linalg.lstsq(gram, product)[0] * used


def _shares(pca: IncrementalPCA, components: int) -> tuple[float, ...]:
    return tuple((pca.variances[:components] / pca.total_variance).tolist())


def _check_count(pca: IncrementalPCA, components: int) -> None:
    there = int((pca.variances > NEGLIGIBLE * pca.variances.max(initial=0.0)).sum())
    if not there:
        raise UserError("--workdir: what latents become does not vary, or is not finite; train the run further")
    if components > there:
        raise UserError(f"--components={components}: there are {there} with any variance; expected 1 to {there}")

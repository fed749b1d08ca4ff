"""The networks whose features metrics compare: the table of names, each with its weights and its way to resize."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jgan.backbones import efficientnet_lite
from jgan.interop.weights import read_weights
from jgan.metrics import dinov2, inception
from jgan.metrics.download import INCEPTION, fetch
from jgan.rundir.atomic_files import sha256
from jgan.types import Array, PyTree, UserError

BATCH_SIZE = 64  # images at once on a device


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A network with its weights: `apply(variables, images uint8 [n, h, w, 3])` gives float32 features by name.

    "pool" is what distances are measured in; "class_logits", which classifiers alone have, is what an Inception Score
    is computed from.
    """

    name: str  # in EXTRACTORS
    title: str  # what a result made with it is called after
    resize: str
    dtype: str  # of DTYPES
    weights_sha256: str
    variables: PyTree
    apply: Callable[[PyTree, Array], dict[str, Array]]


def images_at_once() -> int:
    """Images that go through a network together: a batch a device, or one where CPU devices share the same cores."""
    return BATCH_SIZE * (1 if jax.default_backend() == "cpu" else jax.device_count())


def _inception(resize: inception.Resize, weights: Path | None, dtype: str) -> Extractor:
    path = weights or fetch(INCEPTION)
    network, variables = inception.InceptionV3(dtype), inception.variables_from(read_weights(path))
    titles = {
        "tf1": "bilinear as in TensorFlow 1, to 299 x 299",
        "clean": "bicubic, antialiased, clipped, to 299 x 299",
    }

    @jax.jit
    def apply(variables: PyTree, images: Array) -> dict[str, Array]:
        features: Any = network.apply(variables, inception.preprocess(images, resize))
        return {"pool": features["pool"], "class_logits": features["logits_unbiased"]}

    name = "inception" if resize == "tf1" else "inception_clean"
    return Extractor(name, "Inception-v3 (2015-12-05)", titles[resize], dtype, sha256(path), variables, apply)


def _efficientnet_lite0(weights: Path | None, dtype: str) -> Extractor:
    variables = efficientnet_lite.load_efficientnet_lite0() if weights is None else _efficientnet_from(weights)

    def apply(variables: PyTree, images: Array) -> dict[str, Array]:
        features = efficientnet_lite.features(variables, images, dtype)
        return {"pool": features["pool"], "class_logits": features["logits"]}

    digest = efficientnet_lite.SHA256 if weights is None else sha256(weights)
    resize = "bilinear, antialiased, to 224 x 224"
    return Extractor("efficientnet_lite0", "EfficientNet-Lite0", resize, dtype, digest, variables, apply)


def _efficientnet_from(weights: Path) -> PyTree:
    return efficientnet_lite.from_pytorch(read_weights(weights), str(weights))


def _dinov2(name: str, weights: Path | None, dtype: str) -> Extractor:
    if weights is None:
        file = dinov2.url(name).rpartition("/")[2]
        raise UserError(
            f"{name} needs a file: download {dinov2.url(name)} and give --weights={file} (evaluation.weights)"
        )
    network = dinov2.NETWORKS[name](dtype=dtype)
    variables = dinov2.from_pytorch(network, read_weights(weights), str(weights))

    def apply(variables: PyTree, images: Array) -> dict[str, Array]:
        return {"pool": dinov2.features(network, variables, images)}

    title = f"DINOv2 {name.removeprefix('dinov2_')}, normalised class token"
    resize = "bicubic as in Pillow (antialiased, 8 bits after each direction), to 224 x 224"
    return Extractor(name, title, resize, dtype, sha256(weights), variables, apply)


# Each opens its network with the weights of a file, or, without one, the published weights where they can be had
# unasked, to compute in one of DTYPES. Raises UserError.
EXTRACTORS: dict[str, Callable[[Path | None, str], Extractor]] = {
    "inception": functools.partial(_inception, "tf1"),
    "inception_clean": functools.partial(_inception, "clean"),
    "efficientnet_lite0": _efficientnet_lite0,
    **{name: functools.partial(_dinov2, name) for name in dinov2.NETWORKS},
}

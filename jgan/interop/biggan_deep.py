"""BigGAN-deep generators of https://github.com/huggingface/pytorch-pretrained-BigGAN, DeepMind's converted.

What differs from the network of jgan/families/biggan_deep.py, and what becomes of it here:

- Spectral norm: `weight_orig`, with the vectors that PyTorch divides by and no longer moves outside training. The
  kernels come divided, for a generator without spectral norm.
- Batch statistics: tables for truncations from 0 to 1 (jgan/games/truncation.py). That of 1 is the running one too.
- `conv_to_rgb` makes as many channels as it takes, of which the first three are the image: the others are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.residual import numbers
from jgan.interop.state_dict import as_float32
from jgan.types import PyTree, UserError

Leaf = tuple[str, ...]  # the path of a leaf of the Flax variables, its collection first
Shape = tuple[int, ...]

TABLES = 51  # truncations 0, 0.02, ..., 1
BASE = 4  # rows, and columns, of the first features
EMBEDDING, KERNEL = "embeddings.weight", "weight_orig"

_OUTSIDE = {
    "class_vectors": "embeddings",
    "from_latents": "generator.gen_z",
    "norm": "generator.bn",
    "to_image": "generator.conv_to_rgb",
}
_INSIDE = {
    **{f"norm_{index + 1}": f"bn_{index}" for index in range(4)},
    **{f"conv_{index + 1}": f"conv_{index}" for index in range(4)},
    "scale": "scale",
    "bias": "offset",
    "queries": "snconv1x1_theta",
    "keys": "snconv1x1_phi",
    "values": "snconv1x1_g",
    "output": "snconv1x1_o_conv",
}
_LEAVES = {
    "kernel": KERNEL,
    "bias": "bias",
    "embedding": "weight",
    "scale": "weight",
    "gain": "gamma",
    "mean": "running_means",
    "var": "running_vars",
}


def read_generator(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables of a generator with the given `shapes`: "params", "truncation_stats" and "batch_stats", float32.

    `shapes` are those of a generator without spectral norm, with 51 tables of batch statistics. `source` is the file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite; it names the first of each kind.
    """
    wanted: dict[Leaf, Any] = flatten_dict({name: shapes[name] for name in ("params", "truncation_stats")})
    whole = {leaf: tuple(array.shape) for leaf, array in wanted.items()}
    width = whole["params", "to_image", "kernel"][2]
    for leaf in (("params", "to_image", "kernel"), ("params", "to_image", "bias")):
        whole[leaf] = (*whole[leaf][:-1], width)
    names = _names(wanted)
    _check(weights, {name: shape for leaf in names for name, shape in _in_file(names[leaf], whole[leaf])}, source)
    arrays = {}
    for leaf, name in names.items():
        array = _convert(weights, name, whole[leaf])[..., : wanted[leaf].shape[-1]] if whole[leaf] else weights[name][0]
        arrays[leaf] = as_float32(array, name, source)
    variables = unflatten_dict(arrays)
    return {**variables, "batch_stats": jax.tree.map(lambda table: table[-1], variables["truncation_stats"])}


def _names(leaves: Iterable[Leaf]) -> dict[Leaf, str]:
    """The tensor of every leaf, in the order of the network."""
    numbered = sorted({leaf[1] for leaf in leaves} - set(_OUTSIDE), key=_place)
    modules = {"class_vectors": _OUTSIDE["class_vectors"], "from_latents": _OUTSIDE["from_latents"]}
    modules |= {name: f"generator.layers.{index}" for index, name in enumerate(numbered)} | _OUTSIDE
    order = list(modules)
    return {
        leaf: ".".join([modules[leaf[1]], *(_INSIDE[part] for part in leaf[2:-1]), _LEAVES[leaf[-1]]])
        for leaf in sorted(leaves, key=lambda leaf: (order.index(leaf[1]), leaf[2:]))
    }


def _place(module: str) -> tuple[int, int]:
    """At each resolution the block that doubles to it, then attention, then the block that keeps it."""
    kind, resolution = module.split("_")
    return int(resolution), ("up", "attention", "block").index(kind)


def _in_file(name: str, shape: Shape) -> list[tuple[str, Shape]]:
    """Names and shapes of the tensors that a leaf of this shape is made of."""
    if not shape:
        return [(name, (1,))]
    if name == EMBEDDING:
        return [(name, shape[::-1])]
    if not name.endswith(KERNEL):
        return [(name, shape)]
    matrix = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
    stem = name.removesuffix(KERNEL)
    return [(name, matrix), (f"{stem}weight_u", matrix[:1]), (f"{stem}weight_v", (math.prod(matrix[1:]),))]


def _convert(weights: Mapping[str, np.ndarray], name: str, shape: Shape) -> np.ndarray:
    """The array of a leaf; kernels divided by u^T W v, as PyTorch's spectral norm divides them outside training."""
    array = weights[name]
    if name == EMBEDDING:
        return array.T
    if not name.endswith(KERNEL):
        return array
    stem, wide = name.removesuffix(KERNEL), array.astype(np.float64)
    u, v = (weights[f"{stem}weight_{side}"].astype(np.float64) for side in "uv")
    with np.errstate(divide="ignore", invalid="ignore"):
        wide = wide / (u @ (wide.reshape(len(u), -1) @ v))
    return wide.transpose(2, 3, 1, 0) if len(shape) == 4 else wide.T


def _check(weights: Mapping[str, np.ndarray], expected: Mapping[str, Shape], source: str) -> None:
    missing = {name: shape for name, shape in expected.items() if name not in weights}
    unexpected = {name: array.shape for name, array in weights.items() if name not in expected}
    if missing or unexpected:
        raise UserError(
            f"{source}: not the generator of this config: missing {_first(missing)}; unexpected {_first(unexpected)}"
        )
    for name, shape in expected.items():
        if weights[name].shape != shape:
            raise UserError(
                f"{source}: {name} has shape {weights[name].shape}; the generator of this config expects {shape}; "
                "choose the config of its resolution and widths"
            )


def _first(tensors: Mapping[str, Shape]) -> str:
    """The first of them with its shape, and how many more."""
    if not tensors:
        return "none"
    name, shape = next(iter(tensors.items()))
    return f"{name} {tuple(shape)}" + (f" and {len(tensors) - 1} more" if len(tensors) > 1 else "")


def _fields(tensors: Tensors) -> Fields:
    features, classes = (int(size) for size in tensors[EMBEDDING].shape)
    pixels, inputs = tensors["generator.gen_z.weight_orig"].shape
    blocks = numbers(tensors, "generator.layers.", ".conv_0.weight_orig")
    ups = [int(tensors[f"generator.layers.{index}.conv_3.weight_orig"].shape[0]) for index in blocks[1::2]]
    attended = numbers(tensors, "generator.layers.", ".gamma")
    attention = tuple(BASE << sum(block < index for block in blocks) // 2 for index in attended)
    resolution = BASE << len(ups)
    return {
        "resolution": resolution,
        "widths": (pixels // BASE**2, *ups),
        "num_classes": classes,
        "class_features": features,
        "attention": attention,
        "game.latent_dim": int(inputs) - features,
        "game.num_classes": classes,
        "game.discriminator.num_classes": classes,
        "stages.resolution": resolution,
    }


GENERATOR = Format(
    "a BigGAN-deep generator of pytorch-pretrained-BigGAN",
    (EMBEDDING,),
    {EMBEDDING, "generator.gen_z.weight_orig", "generator.conv_to_rgb.weight_orig"}.issubset,
    _fields,
    read_generator,
    always={
        "spectral_norm": False,
        "game.latent_distribution": "truncated_normal",
        "game.truncation_tables": TABLES,
    },
)

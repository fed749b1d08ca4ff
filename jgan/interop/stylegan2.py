"""StyleGAN2's networks under the names of https://github.com/NVlabs/stylegan2-ada-pytorch, read and written.

The state dicts of G, G_ema and D. Their `resample_filter`s are all the same filter, which our layers have built in; the
last hidden layer of D takes features channel by channel, ours pixel by pixel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.state_dict import as_float32
from jgan.types import PyTree, UserError

CONSTANT, LAST_HIDDEN, LABELS = "synthesis.b4.const", "b4.fc.weight", "mapping.embed.weight"
Leaf = tuple[str, ...]  # the path of a leaf of the Flax variables, its collection first
Shape = tuple[int, ...]

FILTER = (np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64).astype(np.float32)
LAYERS = {"conv_0": "conv0", "conv_1": "conv1", "to_image": "torgb", "skip": "skip"}
LAST_LAYERS = {"conv_4": "b4.conv", "dense": "b4.fc", "to_logit": "b4.out"}  # of the discriminator
FILTERED = r"((?:synthesis\.)?b\d+)\.(?:fromrgb|skip|conv|conv0|conv1)\."  # tensors of layers with a filter beside them


class Tensor(NamedTuple):
    """What a leaf is called in a state dict, its shape there, and how one becomes the other."""

    name: str
    shape: Shape
    to_leaf: Callable[[np.ndarray], np.ndarray]
    from_leaf: Callable[[np.ndarray], np.ndarray]


def read(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables, float32, of a generator or a discriminator with the given `shapes`; `source` is the file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape or not finite, or a filter is another one.
    """
    table = _table(shapes)
    check_tensors(weights, tensors(shapes), source)
    for name in _filters(table):
        if not np.allclose(weights[name], FILTER, atol=1e-6):
            raise UserError(f"{source}: {name} is another filter than (1, 3, 3, 1), which jgan's layers have built in")
    return unflatten_dict(
        {leaf: as_float32(to_leaf(weights[name]), name, source) for leaf, (name, _, to_leaf, _) in table.items()}
    )


def write(variables: PyTree) -> dict[str, np.ndarray]:
    """The state dict of variables as `read` gives them: name to float32 array."""
    leaves: dict[Leaf, Any] = flatten_dict(variables)
    table = _table(variables)
    arrays = {name: from_leaf(np.asarray(leaves[leaf])) for leaf, (name, _, _, from_leaf) in table.items()}
    return {name: np.asarray(array, order="C") for name, array in arrays.items()} | {
        name: FILTER.copy() for name in _filters(table)
    }


def tensors(shapes: PyTree) -> dict[str, Shape]:
    """Name and shape of every tensor in the state dict of networks with these shapes."""
    table = _table(shapes)
    return {tensor.name: tensor.shape for tensor in table.values()} | dict.fromkeys(_filters(table), FILTER.shape)


def _table(shapes: PyTree) -> dict[Leaf, Tensor]:
    """The tensor of every leaf."""
    arrays: dict[Leaf, Any] = flatten_dict(shapes)
    leaves: dict[Leaf, Shape] = {leaf: tuple(array.shape) for leaf, array in arrays.items()}
    generator = any("synthesis" in leaf for leaf in leaves)
    largest = max(int(number) for leaf in leaves for number in re.findall(r"block_(\d+)", "/".join(leaf)))
    name_of = _generator_name if generator else lambda leaf: _discriminator_name(leaf, largest)
    return {leaf: _tensor(name_of(leaf), leaf, shape) for leaf, shape in leaves.items()}


def _generator_name(leaf: Leaf) -> str:
    if "mapping" in leaf:
        return _mapping_name(leaf)
    inside = leaf[2:]
    if inside == ("constant",):
        return "synthesis.b4.const"
    block, rest = _block_of(inside)
    layer, *end = rest
    tail = {"noise": "noise_const", "noise_strength": "noise_strength", "bias": "bias", "kernel": "weight"}[end[-1]]
    styled = "affine." if "style" in end else ""
    return f"synthesis.{block}.{LAYERS[layer]}.{styled}{tail}"


def _block_of(inside: Leaf) -> tuple[str, Leaf]:
    """The block's name in a state dict, and the path within it: the first block's layers have their names from it."""
    kind, _, resolution = inside[0].rpartition("_")
    if kind == "block":
        return f"b{resolution}", inside[1:]
    return "b4", ({"conv": "conv_1", "to_image": "to_image"}[kind], *inside[1:])


def _mapping_name(leaf: Leaf) -> str:
    if leaf[-1] == "style":
        return "mapping.w_avg"
    layer = leaf[-2]
    return f"mapping.{layer.replace('dense_', 'fc')}.{'weight' if leaf[-1] == 'kernel' else 'bias'}"


def _discriminator_name(leaf: Leaf, largest: int) -> str:
    if "mapping" in leaf:
        return _mapping_name(leaf)
    layer, end = leaf[1], "weight" if leaf[-1] == "kernel" else "bias"
    if layer == "from_image":
        return f"b{largest}.fromrgb.{end}"
    if layer in LAST_LAYERS:
        return f"{LAST_LAYERS[layer]}.{end}"
    return f"b{layer.removeprefix('block_')}.{LAYERS[leaf[2]]}.{end}"


def _tensor(name: str, leaf: Leaf, shape: Shape) -> Tensor:
    if name == "b4.fc.weight":
        side, wide = 4, shape[0] // 16
        return Tensor(
            name,
            shape[::-1],
            lambda array: array.reshape(-1, wide, side, side).transpose(2, 3, 1, 0).reshape(shape),
            lambda array: array.reshape(side, side, wide, -1).transpose(3, 2, 0, 1).reshape(shape[::-1]),
        )
    if leaf[-1] == "kernel" and len(shape) == 4:
        return turned(name, shape, (2, 3, 1, 0))
    if leaf[-1] == "kernel":
        return turned(name, shape, (1, 0))
    return turned(name, shape, (1, 2, 0) if leaf[-1] == "constant" else tuple(range(len(shape))))


def turned(name: str, shape: Shape, axes: Shape) -> Tensor:
    """A tensor whose axes, in the order `axes`, are those of the leaf."""
    back = tuple(int(axis) for axis in np.argsort(axes))
    official = tuple(shape[axis] for axis in back)
    return Tensor(name, official, lambda array: array.transpose(axes), lambda array: array.transpose(back))


def _filters(table: Mapping[Leaf, Tensor]) -> list[str]:
    """The names of the filters: one for each convolution that could resample, and one for its block."""
    found: dict[str, None] = {}
    for tensor in table.values():
        if match := re.match(FILTERED, tensor.name):
            layer = match[0].removesuffix(".")
            found[f"{layer}.resample_filter"] = None
            if not layer.endswith("b4.conv"):  # the discriminator's last block has none
                found[f"{match[1]}.resample_filter"] = None
    return list(found)


def check_tensors(weights: Mapping[str, np.ndarray], wanted: Mapping[str, Shape], source: str) -> None:
    """Raises UserError where the tensors of a file have other names or shapes than these."""
    missing, unexpected = sorted(wanted.keys() - weights.keys()), sorted(weights.keys() - wanted.keys())
    if missing or unexpected:
        first = f"missing {missing[:3]}" if missing else f"unexpected {unexpected[:3]}"
        raise UserError(f"{source}: not the networks of this config: {first} ({len(missing)} and {len(unexpected)})")
    for name, shape in wanted.items():
        if tuple(weights[name].shape) != shape:
            found = tuple(weights[name].shape)
            raise UserError(f"{source}: {name} has the shape {found}; this config expects {shape}")


# --- What a file's network is like ---


def generator_fields(tensors: Tensors) -> Fields:
    """The fields of a generator with these tensors, and what goes with them."""
    widths = _widths(tensors, r"synthesis\.b(\d+)\.conv1\.weight", 0)
    channels, classes = int(tensors["synthesis.b4.torgb.weight"].shape[0]), _classes(tensors)
    style, latents = (int(size) for size in tensors["mapping.fc0.weight"].shape)
    rows, columns = (int(size) for size in tensors[CONSTANT].shape[1:])
    return {
        "widths": widths,
        "image_channels": channels,
        "num_classes": classes,
        "style_units": style,
        "mapping_layers": _mapping_layers(tensors),
        "first_shape": (rows, columns),
        "data.channels": channels,
        "stages.resolution": rows << (len(widths) - 1),
        "game.latent_dim": latents - (style if classes else 0),
        "game.num_classes": classes,
        "game.discriminator.num_classes": classes,
        "game.discriminator.widths": widths,
    }


def _discriminator_fields(tensors: Tensors) -> Fields:
    halved = _widths(tensors, r"b(\d+)\.conv1\.weight", 0)  # a block's last layer has the width of the next
    highest = max(int(number) for name in tensors for number in re.findall(r"^b(\d+)\.fromrgb\.weight", name))
    classes = _classes(tensors)
    return {
        "widths": (*halved, int(tensors[f"b{highest}.fromrgb.weight"].shape[0])),
        "num_classes": classes,
        "architecture": "residual" if f"b{highest}.skip.weight" in tensors else "plain",
        **({"mapping_layers": _mapping_layers(tensors)} if classes else {}),
    }


def _widths(tensors: Tensors, pattern: str, axis: int) -> tuple[int, ...]:
    """Of tensors of such names, by the resolution in them, the size along an axis."""
    found = {
        int(match[1]): array.shape[axis] for name, array in tensors.items() if (match := re.fullmatch(pattern, name))
    }
    return tuple(int(found[resolution]) for resolution in sorted(found))


def _classes(tensors: Tensors) -> int:
    return int(tensors[LABELS].shape[1]) if LABELS in tensors else 0


def _mapping_layers(tensors: Tensors) -> int:
    return sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in tensors)


GENERATOR = Format(
    "a generator of StyleGAN2",
    (CONSTANT,),
    {CONSTANT, "synthesis.b8.conv0.weight", "mapping.fc0.weight"}.issubset,
    generator_fields,
    read,
    always={"game.latent_distribution": "normal"},
)
DISCRIMINATOR = Format(
    "a discriminator of StyleGAN2",
    (LAST_HIDDEN,),
    {LAST_HIDDEN, "b8.conv0.weight", "b8.conv1.weight"}.issubset,
    _discriminator_fields,
    read,
)

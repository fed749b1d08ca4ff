"""StyleGAN's networks under the names of https://github.com/NVlabs/stylegan, read and written.

The variables of G, Gs and D, as TensorFlow has them: kernels are [h, w, in, out], as ours, but the constant, its noise
and what the discriminator's first dense layer takes go channel by channel. `lod` says how many doublings a network in
training has before it; one that has all its layers has 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.state_dict import as_float32
from jgan.interop.stylegan2 import Leaf, Shape, Tensor, check_tensors
from jgan.types import PyTree, UserError

CONSTANT, LAST_HIDDEN, LABELS = "G_synthesis/4x4/Const/const", "4x4/Dense0/weight", "G_mapping/LabelConcat/weight"
SIDE = 4  # pixels of the first resolution
TRUNCATED_LAYERS = 8  # that the authors' code truncates

LAYERS = {"0": "Conv0_up", "1": "Conv1"}  # of the generator
FIRST_LAYERS = {"0": "Const", "1": "Conv"}
ENDS = {"kernel": "weight", "bias": "bias", "noise_strength": "Noise/weight"}
DISCRIMINATOR_LAYERS = {"conv_0": "Conv0", "conv_1": "Conv1_down"}
LAST_LAYERS = {"conv_4": "4x4/Conv", "dense": "4x4/Dense0", "to_logit": "4x4/Dense1"}


def read(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables, float32, of a generator or a discriminator with the given `shapes`; `source` is the file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape or not finite, or layers are not faded in yet.
    """
    table, counters = _table(shapes), _counters(shapes)
    for name in counters & weights.keys():
        if weights[name].size != 1 or weights[name].item() != 0:
            raise UserError(f"{source}: {name} is not 0: its newest layers are not faded in yet; expected a later file")
    known = {name: array for name, array in weights.items() if name not in counters}
    check_tensors(known, {tensor.name: tensor.shape for tensor in table.values()}, source)
    return unflatten_dict(
        {leaf: as_float32(to_leaf(known[name]), name, source) for leaf, (name, _, to_leaf, _) in table.items()}
    )


def write(variables: PyTree) -> dict[str, np.ndarray]:
    """The tensors of variables as `read` gives them: name to float32 array."""
    leaves: dict[Leaf, Any] = flatten_dict(variables)
    arrays = {name: from_leaf(np.asarray(leaves[leaf])) for leaf, (name, _, _, from_leaf) in _table(variables).items()}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()} | {
        name: np.zeros((), np.float32) for name in _counters(variables)
    }


def tensors(shapes: PyTree) -> dict[str, Shape]:
    """Name and shape of every tensor of networks with these shapes."""
    found = {tensor.name: tensor.shape for tensor in _table(shapes).values()}
    return found | dict.fromkeys(_counters(shapes), ())


def _counters(shapes: PyTree) -> set[str]:
    return {"lod", "G_synthesis/lod"} if "synthesis" in shapes["params"] else {"lod"}


def _table(shapes: PyTree) -> dict[Leaf, Tensor]:
    """The tensor of every leaf."""
    arrays: dict[Leaf, Any] = flatten_dict(shapes)
    largest = max(int(number) for leaf in arrays for number in re.findall(r"block_(\d+)", "/".join(leaf)))
    generator = "synthesis" in shapes["params"]
    name_of = _generator_name if generator else _discriminator_name
    return {leaf: _tensor(name_of(leaf, largest), leaf, tuple(array.shape)) for leaf, array in arrays.items()}


def _generator_name(leaf: Leaf, largest: int) -> str:
    _, network, *inside = leaf
    if network == "mapping":
        return _mapping_name(inside)
    if inside == ["constant"]:
        return CONSTANT
    kind, _, side = inside[0].rpartition("_")
    if kind == "to_image":
        return f"G_synthesis/ToRGB_lod{_doublings(int(side), largest)}/{ENDS[inside[-1]]}"
    layer = inside[1].rpartition("_")[2]
    if inside[-1] == "noise":
        return f"G_synthesis/noise{2 * _doublings(SIDE, int(side)) + int(layer)}"
    names = FIRST_LAYERS if int(side) == SIDE else LAYERS
    styled = "StyleMod/" if "style" in inside else ""
    return f"G_synthesis/{side}x{side}/{names[layer]}/{styled}{ENDS[inside[-1]]}"


def _mapping_name(inside: list[str]) -> str:
    if inside == ["style"]:
        return "dlatent_avg"
    layer, end = inside
    return LABELS if layer == "embed" else f"G_mapping/{layer.replace('dense_', 'Dense')}/{ENDS[end]}"


def _discriminator_name(leaf: Leaf, largest: int) -> str:
    _, layer, *inside = leaf
    end = ENDS[leaf[-1]]
    if layer in LAST_LAYERS:
        return f"{LAST_LAYERS[layer]}/{end}"
    kind, _, side = layer.rpartition("_")
    if kind == "from_image":
        return f"FromRGB_lod{_doublings(int(side), largest)}/{end}"
    return f"{side}x{side}/{DISCRIMINATOR_LAYERS[inside[0]]}/{end}"


def _doublings(low: int, high: int) -> int:
    """How often `low` is doubled to become `high`."""
    return high.bit_length() - low.bit_length()


def _tensor(name: str, leaf: Leaf, shape: Shape) -> Tensor:
    if leaf[-1] == "constant":
        official = (1, shape[2], *shape[:2])
        return Tensor(name, official, lambda x: x[0].transpose(1, 2, 0), lambda x: x.transpose(2, 0, 1)[None])
    if leaf[-1] == "noise":
        return Tensor(name, (1, 1, *shape), lambda x: x[0, 0], lambda x: x[None, None])
    if name == LAST_HIDDEN:
        return Tensor(
            name,
            shape,
            lambda x: x.reshape(-1, SIDE, SIDE, shape[1]).transpose(1, 2, 0, 3).reshape(shape),
            lambda x: x.reshape(SIDE, SIDE, -1, shape[1]).transpose(2, 0, 1, 3).reshape(shape),
        )
    return Tensor(name, shape, lambda x: x, lambda x: x)


# --- What a file's network is like ---


def _generator_fields(tensors: Tensors) -> Fields:
    """The fields of a generator with these tensors, and what goes with them."""
    widths = _widths(tensors, r"G_synthesis/ToRGB_lod(\d+)/weight", 2)
    channels = int(tensors["G_synthesis/ToRGB_lod0/weight"].shape[3])
    latents, style = (int(size) for size in tensors["G_mapping/Dense0/weight"].shape)
    classes, latents = (int(size) for size in tensors[LABELS].shape) if LABELS in tensors else (0, latents)
    return {
        "widths": widths,
        "image_channels": channels,
        "num_classes": classes,
        "style_units": style,
        "mapping_layers": sum(bool(re.fullmatch(r"G_mapping/Dense\d+/weight", name)) for name in tensors),
        "data.channels": channels,
        "stages.resolution": SIDE << (len(widths) - 1),
        "game.latent_dim": latents,
        "game.num_classes": classes,
        "game.truncation_cutoff": min(TRUNCATED_LAYERS, 2 * len(widths)),
        "game.discriminator.num_classes": classes,
        "game.discriminator.widths": widths,
    }


def _discriminator_fields(tensors: Tensors) -> Fields:
    classes = int(tensors["4x4/Dense1/weight"].shape[1])
    return {"widths": _widths(tensors, r"FromRGB_lod(\d+)/weight", 3), "num_classes": classes if classes > 1 else 0}


def _widths(tensors: Tensors, pattern: str, axis: int) -> tuple[int, ...]:
    """Of tensors of such names, from the most doublings to come to none, the size along an axis."""
    found = {
        int(match[1]): array.shape[axis] for name, array in tensors.items() if (match := re.fullmatch(pattern, name))
    }
    return tuple(int(found[lod]) for lod in sorted(found, reverse=True))


GENERATOR = Format(
    "a generator of StyleGAN",
    (CONSTANT,),
    {CONSTANT, "G_mapping/Dense0/weight", "G_synthesis/8x8/Conv0_up/weight"}.issubset,
    _generator_fields,
    read,
    always={"game.latent_distribution": "normal"},
)
DISCRIMINATOR = Format(
    "a discriminator of StyleGAN",
    (LAST_HIDDEN,),
    {LAST_HIDDEN, "4x4/Dense1/weight", "FromRGB_lod0/weight", "8x8/Conv1_down/weight"}.issubset,
    _discriminator_fields,
    read,
)

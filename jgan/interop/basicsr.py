"""Weights of https://github.com/XPixelGroup/BasicSR, of Real-ESRGAN and of the first release of ESRGAN.

The networks of jgan/families/esrgan.py and `srgan.MSRResNet`. ESRGAN's own repository
(https://github.com/xinntao/ESRGAN) called the layers of its generator by other names, in two ways; both are known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from jgan.interop.recognition import Fields, Format, OneOf, Tensors
from jgan.interop.state_dict import BLOCKS, LEAVES, to_variables
from jgan.types import PyTree

_SCALES = {1: 4, 4: 2, 16: 1}  # pixels that became channels of an RRDBNet's inputs: its scale
_LAYERS = {"from_image": "conv_first", "after_blocks": "conv_body", "last": "conv_hr", "to_image": "conv_last"}
_OLD = (  # patterns of ESRGAN's names, and BasicSR's
    (r"model\.0\.", "conv_first."),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"model\.1\.sub\.\d+\.", "conv_body."),
    (r"model\.3\.", "conv_up1."),
    (r"model\.6\.", "conv_up2."),
    (r"model\.8\.", "conv_hr."),
    (r"model\.10\.", "conv_last."),
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)\.", r"body.\1.rdb\2.conv\3."),
    (r"trunk_conv\.", "conv_body."),
    (r"upconv(\d)\.", r"conv_up\1."),
    (r"HRconv\.", "conv_hr."),
)


def read_rrdb(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `RRDBNet` with the given `shapes`, float32, out of a file's tensors.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    return _read(tensors, shapes, source, "generator", _rrdb)


def read_msrresnet(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `MSRResNet`, as `read_rrdb`."""
    return _read(tensors, shapes, source, "generator", _msrresnet)


def read_compact(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `CompactNet`, as `read_rrdb`."""
    convolutions = sum(layer.startswith("conv_") for layer in shapes["params"])
    return _read(tensors, shapes, source, "generator", _compact(convolutions))


def read_vgg(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `VGGDiscriminator`, as `read_rrdb`."""
    return _read(tensors, shapes, source, "discriminator", _vgg)


def read_unet(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `UNetDiscriminator`, as `read_rrdb`.

    Of PyTorch's two vectors of spectral norm, u is the one that is kept here; the other follows from it.
    """
    tensors = {name: array for name, array in tensors.items() if not name.endswith(".weight_v")}
    return _read(tensors, shapes, source, "discriminator", _unet)


def _read(tensors: Tensors, shapes: PyTree, source: str, player: str, name_of: Callable[..., str]) -> PyTree:
    return to_variables(tensors, shapes, name_of, source=source, expected=f"the {player} of this config")


def _with_new_names(tensors: Tensors) -> Tensors:
    return {_new_name(name): array for name, array in tensors.items()}


def _new_name(name: str) -> str:
    for pattern, replacement in _OLD:
        new, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return new
    return name


def _rrdb(_: str, *path: str) -> str:
    layer, leaf = path[0], LEAVES[path[-1]]
    if layer.startswith(BLOCKS):
        index, dense, place = (part.rpartition("_")[2] for part in path[:3])
        return f"body.{index}.rdb{dense}.conv{place}.{leaf}"
    return f"{_LAYERS.get(layer, layer.replace('up_', 'conv_up'))}.{leaf}"


def _msrresnet(_: str, *path: str) -> str:
    layer, leaf = path[0], LEAVES[path[-1]]
    if layer.startswith(BLOCKS):
        return f"body.{layer.rpartition('_')[2]}.conv{1 if path[1] == 'first' else 2}.{leaf}"
    return f"{_LAYERS.get(layer, layer.replace('up_', 'upconv'))}.{leaf}"


def _compact(convolutions: int) -> Callable[..., str]:
    """A list of convolutions, each followed by its PReLU, and the last one."""

    def name(_: str, *path: str) -> str:
        layer, leaf = path
        kind, _, index = layer.partition("_")
        place = 2 * convolutions if layer == "to_image" else 2 * int(index) + (kind == "prelu")
        return f"body.{place}.{LEAVES[leaf]}"

    return name


def _vgg(_: str, *path: str) -> str:
    layer, leaf = path[0], LEAVES[path[-1]]
    if layer.startswith("block_"):
        _, level, which = layer.split("_")
        return f"{'bn' if path[1] == 'norm' else 'conv'}{level}_{0 if which == 'first' else 1}.{leaf}"
    return f"{'linear1' if layer == 'dense' else 'linear2'}.{leaf}"


def _unet(_: str, *path: str) -> str:
    """conv0 to conv9, in the order of their use."""
    layer, leaf = path
    order = ("from_image", "down_1", "down_2", "down_3", "up_3", "up_2", "up_1", "last_1", "last_2", "to_logits")
    normed = layer not in (order[0], order[-1])
    return f"conv{order.index(layer)}.{'weight_u' if leaf == 'u' else LEAVES[leaf] + '_orig' * normed}"


# --- The numbers of a file's network ---


def _blocks(tensors: Tensors) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith("body.")})


def _rrdb_fields(tensors: Tensors) -> Fields:
    (channels, inputs), images = tensors["conv_first.weight"].shape[:2], tensors["conv_last.weight"].shape[0]
    scale = _SCALES.get(inputs // images, 4)
    growth = int(tensors["body.0.rdb1.conv1.weight"].shape[0])
    fields = {"scale": scale, "channels": int(channels), "blocks": _blocks(tensors), "growth": growth}
    return {**fields, "data.task.scale": scale, "data.channels": int(images)}


def _msrresnet_fields(tensors: Tensors) -> Fields:
    channels, images = (int(size) for size in tensors["conv_first.weight"].shape[:2])
    shuffles = [int(tensors[f"upconv{i}.weight"].shape[0]) for i in (1, 2, 3) if f"upconv{i}.weight" in tensors]
    scale = math.prod(math.isqrt(size // channels) for size in shuffles)
    fields = {"scale": scale, "channels": channels, "blocks": _blocks(tensors)}
    return {**fields, "data.task.scale": scale, "data.channels": images}


def _compact_fields(tensors: Tensors) -> Fields:
    """Slopes alone tell PReLUs from the activations that have none."""
    places = sorted(int(name.split(".")[1]) for name in tensors if tensors[name].ndim == 4)
    channels, images = (int(size) for size in tensors["body.0.weight"].shape[:2])
    scale = math.isqrt(tensors[f"body.{places[-1]}.weight"].shape[0] // images)
    slopes = any(name.endswith(".weight") and tensors[name].ndim == 1 for name in tensors)
    fields: Fields = {"scale": scale, "channels": channels, "convolutions": len(places) - 2}
    fields["activation"] = "prelu" if slopes else OneOf(("relu", "leaky_relu"))
    return {**fields, "data.task.scale": scale, "data.channels": images}


def _vgg_fields(tensors: Tensors) -> Fields:
    return {"channels": int(tensors["conv0_0.weight"].shape[0]), "hidden": int(tensors["linear1.weight"].shape[0])}


def _unet_fields(tensors: Tensors) -> Fields:
    return {"channels": int(tensors["conv0.weight"].shape[0])}


def _is_compact(tensors: Tensors) -> bool:
    layers = [re.fullmatch(r"body\.\d+\.(weight|bias)", name) for name in tensors]
    return all(layers) and "body.0.weight" in tensors and tensors["body.0.weight"].ndim == 4


RRDB = Format(
    "an RRDBNet of BasicSR, ESRGAN or Real-ESRGAN",
    ("conv_first.weight", "model.0.weight"),
    {"conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"}.issubset,
    _rrdb_fields,
    read_rrdb,
    clean=_with_new_names,
)
MSRRESNET = Format(
    "an MSRResNet of BasicSR",
    ("conv_first.weight",),
    {"conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_hr.weight"}.issubset,
    _msrresnet_fields,
    read_msrresnet,
)
COMPACT = Format("an SRVGGNetCompact of Real-ESRGAN", ("body.0.weight",), _is_compact, _compact_fields, read_compact)
VGG = Format(
    "a VGGStyleDiscriminator of BasicSR",
    ("conv0_0.weight",),
    {"conv0_0.weight", "bn0_1.weight", "linear1.weight"}.issubset,
    _vgg_fields,
    read_vgg,
)
UNET = Format(
    "a UNetDiscriminatorSN of Real-ESRGAN",
    ("conv0.weight",),
    {"conv0.weight", "conv1.weight_orig", "conv9.weight"}.issubset,
    _unet_fields,
    read_unet,
)

"""Weights of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix: `*_net_G*.pth` and `*_net_D*.pth`.

Its modules are numbered by their place in `models/networks.py`, activations and paddings included. Running averages of
instance norms, which old files carry, have no place here; the official code deletes them too.
"""

from __future__ import annotations

from collections.abc import Callable

from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.state_dict import LEAVES, count_blocks, to_variables
from jgan.types import PyTree

RUNNING = (".running_mean", ".running_var")

Layer = Callable[[str, str], str]  # (name of a layer's module, its part: "conv" or "norm") to the official module


def read_unet(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `UNet` with the given `shapes`, float32. `source` is the file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    return _read(tensors, shapes, source, "generator", _unet(max(_numbers(set(shapes["params"]), "down"))))


def read_resnet(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `ResNetGenerator`, as `read_unet`."""
    return _read(tensors, shapes, source, "generator", _resnet(count_blocks(shapes), _has_dropout(tensors)))


def read_discriminator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `PatchDiscriminator` with the given `shapes`, without spectral norm, as `read_unet`."""
    pixel = shapes["params"]["to_logits"]["kernel"].shape[0] == 1
    names = _patches("net" if pixel else "model", max(_numbers(set(shapes["params"]), "block")))
    return _read(tensors, shapes, source, "discriminator", names)


def _without_averages(tensors: Tensors) -> Tensors:
    """All but running averages of norms without weights."""
    running = [name for name in tensors if name.endswith(RUNNING)]
    if any(f"{name.rpartition('.')[0]}.weight" in tensors for name in running):
        return tensors
    return {name: array for name, array in tensors.items() if name not in running}


def _read(tensors: Tensors, shapes: PyTree, source: str, player: str, name_of: Layer) -> PyTree:
    def name(*path: str) -> str:
        layer, part = path[1], path[-2] if path[-2] == "norm" else "conv"
        if "first" in path or "second" in path:
            layer = f"{layer}/{path[2]}"
        return f"{name_of(layer, part)}.{LEAVES[path[-1]]}"

    return to_variables(tensors, shapes, name, source=source, expected=f"the {player} of this config")


def _numbers(layers: set[str], kind: str) -> list[int]:
    """The numbers of the layers called kind_1, kind_2 and so on."""
    return [int(layer.rpartition("_")[2]) for layer in layers if layer.rpartition("_")[0] == kind]


def _unet(downs: int) -> Layer:
    """UnetSkipConnectionBlock: each holds the next one between its own convolutions."""

    def name(layer: str, part: str) -> str:
        kind, _, number = layer.partition("_")
        level = 1 if layer == "to_image" else int(number)
        inside = "model.model" + ".1.model" * (level > 1) + ".3.model" * (level - 2)
        places = {"conv": 1, "norm": 2} if kind == "down" else {"conv": 5, "norm": 6}
        if level == 1:
            places = {"conv": 0 if kind == "down" else 3}
        elif level == downs and kind == "up":  # nothing stands between its convolutions
            places = {"conv": 3, "norm": 4}
        return f"{inside}.{places[part]}"

    return name


def _resnet(blocks: int, dropout: bool) -> Layer:
    """ResnetGenerator: a list of layers, the blocks lists within it."""
    after = 10 + blocks
    starts = {"from_image": 1, "down_1": 4, "down_2": 7, "up_2": after, "up_1": after + 3, "to_image": after + 7}

    def name(layer: str, part: str) -> str:
        offset = 1 if part == "norm" else 0
        if layer in starts:
            return f"model.{starts[layer] + offset}"
        block, _, which = layer.partition("/")
        start = 1 if which == "first" else 5 + dropout
        return f"model.{10 + int(block.rpartition('_')[2])}.conv_block.{start + offset}"

    return name


def _patches(root: str, blocks: int) -> Layer:
    """NLayerDiscriminator and PixelDiscriminator: convolution, norm but in the first one, leaky ReLU."""

    def name(layer: str, part: str) -> str:
        number = blocks + 1 if layer == "to_logits" else int(layer.rpartition("_")[2])
        return f"{root}.{max(3 * number - 4, 0) + (part == 'norm')}"

    return name


# --- The numbers of a file's network ---


def _has_dropout(tensors: Tensors) -> bool:
    """Whether one stands within the blocks: it moves what follows on by one."""
    return "model.10.conv_block.5.weight" not in tensors


def _norm(tensors: Tensors, convolution: str, norm: str) -> str:
    """By what the tensors of these two modules show of it."""
    if f"{norm}.running_mean" in tensors:
        return "batch"
    if f"{norm}.weight" in tensors:
        return "affine_instance"
    return "instance" if f"{convolution}.bias" in tensors else "none"


def _unet_fields(tensors: Tensors) -> Fields:
    downs, inner = 1, "model.model.1.model"
    while f"{inner}.1.weight" in tensors:
        downs, inner = downs + 1, f"{inner}.3.model"
    channels, inputs = (int(size) for size in tensors["model.model.0.weight"].shape[:2])
    images = int(tensors["model.model.3.weight"].shape[1])
    norm = _norm(tensors, "model.model.1.model.1", "model.model.1.model.2")
    return {"downs": downs, "channels": channels, "image_channels": images, "norm": norm, **_of_data(inputs, images)}


def _resnet_fields(tensors: Tensors) -> Fields:
    blocks = len({name.split(".")[1] for name in tensors if ".conv_block." in name})
    channels, inputs = (int(size) for size in tensors["model.1.weight"].shape[:2])
    images = int(tensors[f"model.{17 + blocks}.weight"].shape[0])
    norm = _norm(tensors, "model.1", "model.2")
    return {"blocks": blocks, "channels": channels, "image_channels": images, "norm": norm, **_of_data(inputs, images)}


def _of_data(inputs: int, images: int) -> Fields:
    return {"data.channels": images, "data.input_channels": inputs}


def _patch_fields(tensors: Tensors) -> Fields:
    layers = sum(array.ndim == 4 for array in tensors.values()) - 1
    receptive = {2: 16, 3: 34, 4: 70, 5: 142, 6: 286}.get(layers, 70)
    norm = _norm(tensors, "model.2", "model.3")
    return {"channels": int(tensors["model.0.weight"].shape[0]), "receptive_field": receptive, "norm": norm}


def _pixel_fields(tensors: Tensors) -> Fields:
    norm = _norm(tensors, "net.2", "net.3")
    return {"channels": int(tensors["net.0.weight"].shape[0]), "receptive_field": 1, "norm": norm}


UNET = Format(
    "a U-Net of pytorch-CycleGAN-and-pix2pix",
    ("model.model.0.weight",),
    {"model.model.0.weight", "model.model.3.weight"}.issubset,
    _unet_fields,
    read_unet,
    clean=_without_averages,
)
RESNET = Format(
    "a residual generator of pytorch-CycleGAN-and-pix2pix",
    ("model.1.weight",),
    {"model.1.weight", "model.4.weight", "model.10.conv_block.1.weight"}.issubset,
    _resnet_fields,
    read_resnet,
    clean=_without_averages,
)
PATCH = Format(
    "a discriminator of pytorch-CycleGAN-and-pix2pix",
    ("model.0.weight",),
    {"model.0.weight", "model.0.bias", "model.2.weight", "model.5.weight"}.issubset,
    _patch_fields,
    read_discriminator,
    clean=_without_averages,
)
PIXEL = Format(
    "a discriminator of pixels of pytorch-CycleGAN-and-pix2pix",
    ("net.0.weight",),
    {"net.0.weight", "net.0.bias", "net.2.weight", "net.5.weight"}.issubset,
    _pixel_fields,
    read_discriminator,
    clean=_without_averages,
)

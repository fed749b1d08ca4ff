"""Weights of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix: `*_net_G*.pth` and `*_net_D*.pth`.

Its modules are numbered by their place in `models/networks.py`, activations and paddings included. Two things in its
files have no place here: counters of batches, and running averages of instance norms, which old files carry and the
official code deletes too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from jgan.interop.state_dict import BLOCKS, LEAVES, count_blocks, to_variables, without_counters, without_prefix
from jgan.types import PyTree, UserError

DATA_PARALLEL = "module."  # what PyTorch puts before all names of a network on several devices
RUNNING = (".running_mean", ".running_var")

Layer = Callable[[str, str], str]  # (name of a layer's module, its part: "conv" or "norm") to the official module


def read_generator(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables of a `UNet` or a `ResNetGenerator` with the given `shapes`, float32. `source` is the file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite; or `shapes` are of another network.
    """
    weights = without_prefix(weights, DATA_PARALLEL)
    layers = set(shapes["params"])
    if BLOCKS in layers and "down_2" in layers:
        dropout = "model.10.conv_block.5.weight" not in weights  # it moves what follows in a block on by one
        return _read(weights, shapes, source, "generator", _resnet(count_blocks(shapes), dropout))
    if "down_1" in layers:
        return _read(weights, shapes, source, "generator", _unet(max(_numbers(layers, "down"))))
    raise UserError(f"{source}: read into a U-Net or a residual generator, and the generator of this config is neither")


def read_discriminator(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables of a `PatchDiscriminator` with the given `shapes`, without spectral norm, as `read_generator`."""
    layers = set(shapes["params"])
    if "to_logits" not in layers or set(shapes) - {"params", "batch_stats"}:
        raise UserError(
            f"{source}: read into a discriminator of patches without spectral norm, and that of this config is none"
        )
    pixel = shapes["params"]["to_logits"]["kernel"].shape[0] == 1
    names = _patches("net" if pixel else "model", max(_numbers(layers, "block")))
    return _read(without_prefix(weights, DATA_PARALLEL), shapes, source, "discriminator", names)


def _read(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str, player: str, name_of: Layer) -> PyTree:
    weights = without_counters(weights)
    running = [name for name in weights if name.endswith(RUNNING)]
    if not any(f"{name.rpartition('.')[0]}.weight" in weights for name in running):  # of norms without weights
        weights = {name: array for name, array in weights.items() if name not in running}

    def name(*path: str) -> str:
        layer, part = path[1], path[-2] if path[-2] == "norm" else "conv"
        if "first" in path or "second" in path:
            layer = f"{layer}/{path[2]}"
        return f"{name_of(layer, part)}.{LEAVES[path[-1]]}"

    return to_variables(weights, shapes, name, source=source, expected=f"the {player} of this config")


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

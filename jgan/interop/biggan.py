"""BigGAN of https://github.com/ajbrock/BigGAN-PyTorch, `G.pth`, `G_ema.pth` and `D.pth`.

With a vector for each class that all blocks share (`--G_shared`, `biggan.Generator`), or norms that have their own
(`sngan.Generator`, as its scripts for CIFAR-10, SAGAN and SNGAN train it). Spectral norm stays: like ours, it goes one
iteration on from its vector wherever it is used.
"""

from __future__ import annotations

import numpy as np

from jgan.interop import residual
from jgan.interop.recognition import Fields, Format, Tensors
from jgan.types import PyTree

_ATTENTION = {"queries": "theta", "keys": "phi", "values": "g", "output": "o"}
_IN_BLOCKS = {"conv_1": "conv1", "conv_2": "conv2", "shortcut": "conv_sc"}
_STATISTICS = {"mean": "stored_mean", "var": "stored_var"}
_NORMS = {"norm_1": "bn1", "norm_2": "bn2"}


def read_generator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `biggan.Generator`, or an `sngan.Generator` with classes, with the given `shapes`, float32.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    blocks = [name for name in shapes["params"] if name.startswith("block_")]
    places = {name.rpartition("_")[2]: index for index, name in enumerate(sorted(blocks, key=_number))}
    outside = {"class_vectors": "shared", "from_latents": "linear", "to_image": "output_layer.2"}

    def name(layer: str, *path: str) -> str:
        leaf = path[-1]
        if layer in outside:
            return f"{outside[layer]}.{residual.leaf_name(leaf)}"
        if layer == "norm":
            return f"output_layer.0.{_STATISTICS.get(leaf, {'scale': 'gain'}.get(leaf, leaf))}"
        kind, _, number = layer.rpartition("_")
        if kind == "attention":
            return f"blocks.{places[number]}.1.{_of_attention(path)}"
        return f"blocks.{places[number]}.0.{_of_block(path)}"

    expected = "the generator of this config"
    return residual.read(_with_scales(tensors), shapes, source, expected, name, first="linear")


def _of_block(path: tuple[str, ...]) -> str:
    part, leaf = path[0], path[-1]
    if part in _IN_BLOCKS:
        return f"{_IN_BLOCKS[part]}.{residual.leaf_name(leaf)}"
    norm = _NORMS[part]
    if leaf in _STATISTICS:
        return f"{norm}.{_STATISTICS[leaf]}"
    if len(path) == 2:  # a table of a scale or a bias for each class
        return f"{norm}.{'gain' if leaf == 'scale' else 'bias'}.weight"
    return f"{norm}.{'gain' if path[1] == 'scale' else 'bias'}.{residual.leaf_name(leaf)}"


def _of_attention(path: tuple[str, ...]) -> str:
    return "gamma" if path[0] == "gain" else f"{_ATTENTION[path[0]]}.{residual.leaf_name(path[-1])}"


def _with_scales(tensors: Tensors) -> Tensors:
    """Tables of scales whole, where the file has what they add to 1, and as the vectors of a class, by rows."""
    if "shared.weight" in tensors:
        return tensors
    made = dict(tensors)
    for name, array in tensors.items():
        if name.endswith((".gain.weight", ".bias.weight")):
            made[name] = (array + 1.0 if name.endswith(".gain.weight") else array).T
    return made


def read_discriminator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `sngan.Discriminator`, as `read_generator`."""
    outside = {"to_logit": "linear", "projection": "embed"}
    params = shapes["params"]
    attended = dict(zip(_attentions(params), _attended(tensors), strict=False))

    def name(layer: str, *path: str) -> str:
        if layer in outside:
            return f"{outside[layer]}.{residual.leaf_name(path[-1])}"
        if layer in attended:
            return f"blocks.{attended[layer]}.1.{_of_attention(path)}"
        return f"blocks.{_number(layer) - 1}.0.{_of_block(path)}"

    return residual.read(tensors, shapes, source, "the discriminator of this config", name)


def _attentions(params: PyTree) -> list[str]:
    """Those of a discriminator, from the image on."""
    return sorted((name for name in params if name.startswith("attention_")), key=_number, reverse=True)


def _attended(tensors: Tensors) -> list[int]:
    """The blocks that attention follows."""
    return [index for index in _places(tensors) if f"blocks.{index}.1.gamma" in tensors]


def _places(tensors: Tensors) -> list[int]:
    return residual.numbers(tensors, "blocks.", ".0.conv1.weight")


def _number(layer: str) -> int:
    return int(layer.rpartition("_")[2])


def _clean(tensors: Tensors) -> Tensors:
    """As `residual.clean`; statistics of all three of its batch norms under one name."""
    names = {".bn.stored_mean": ".stored_mean", ".bn.stored_var": ".stored_var"}
    names |= {".bn.running_mean": ".stored_mean", ".bn.running_var": ".stored_var"}
    cleaned = {}
    for name, array in residual.clean(tensors).items():
        end = next((end for end in names if name.endswith(end)), "")
        cleaned[name.removesuffix(end) + names.get(end, "") if end else name] = array
    return cleaned


def _blocks(tensors: Tensors) -> list[str]:
    return [f"blocks.{index}.0.conv1.weight" for index in _places(tensors)]


def _generator_fields(tensors: Tensors) -> Fields:
    sizes = residual.widths(tensors, _blocks(tensors))
    resolution, attended = residual.resolution(tensors, "linear", sizes), _attended(tensors)
    latents, channels = int(tensors["linear.weight"].shape[1]), int(tensors["output_layer.2.weight"].shape[0])
    fields = {
        "resolution": resolution,
        "widths": sizes,
        "image_channels": channels,
        "attention": tuple(resolution >> (len(sizes) - 2 - index) for index in attended),
        "spectral_norm": "linear.u" in tensors,
        "data.channels": channels,
        "stages.resolution": resolution,
    }
    gain = tensors["blocks.0.0.bn1.gain.weight"]
    if "shared.weight" not in tensors:
        return {**fields, "game.latent_dim": latents, "upsampling": "nearest", **_classes(gain)}
    vectors = tensors["shared.weight"]
    hierarchical = gain.shape[1] > vectors.shape[1]
    fields |= {"class_features": int(vectors.shape[1]), "hierarchical": hierarchical, **_classes(vectors)}
    return {**fields, "game.latent_dim": latents * len(sizes) if hierarchical else latents}


def _classes(table: np.ndarray) -> Fields:
    count = int(table.shape[0])
    return {"num_classes": count, "game.num_classes": count, "game.discriminator.num_classes": count}


def _discriminator_fields(tensors: Tensors) -> Fields:
    widths = tuple(int(tensors[name].shape[0]) for name in _blocks(tensors))
    small = len(widths) == 4 and len(set(widths)) == 1  # that of 32 x 32, which halves twice; others down to 4 x 4
    downsamples, resolution = (2, 32) if small else (len(widths) - 1, 4 << (len(widths) - 1))
    wide = tensors["blocks.1.0.conv1.weight"].shape[0] == tensors["blocks.1.0.conv2.weight"].shape[0]
    return {
        "widths": widths,
        "downsamples": downsamples,
        "attention": tuple(resolution >> (index + 1) for index in _attended(tensors)),
        "spectral_norm": "linear.u" in tensors,
        "wide": wide,
        "pool": "sum",
        **_projection(tensors),
    }


def _projection(tensors: Tensors) -> Fields:
    return {"label_input": "projection", "num_classes": int(tensors["embed.weight"].shape[0])}


_NAMES = {"linear.weight", "blocks.0.0.conv1.weight", "blocks.0.0.conv2.weight"}
_OF_GENERATOR = {*_NAMES, "blocks.0.0.bn1.gain.weight", "output_layer.2.weight"}
_DEEP = "blocks.0.0.conv3.weight"
LANDMARKS = ("blocks.0.0.conv1.weight",)

GENERATOR = Format(
    "a generator of BigGAN-PyTorch with shared vectors of classes",
    LANDMARKS,
    lambda tensors: {*_OF_GENERATOR, "shared.weight"}.issubset(tensors) and _DEEP not in tensors,
    _generator_fields,
    read_generator,
    clean=_clean,
    always={"game.latent_distribution": "normal"},
)
UNSHARED = Format(
    "a generator of BigGAN-PyTorch whose norms have classes of their own",
    LANDMARKS,
    lambda tensors: _OF_GENERATOR.issubset(tensors) and not {"shared.weight", _DEEP} & set(tensors),
    _generator_fields,
    read_generator,
    clean=_clean,
    always={"game.latent_distribution": "normal"},
)
DISCRIMINATOR = Format(
    "a discriminator of BigGAN-PyTorch",
    LANDMARKS,
    lambda tensors: {*_NAMES, "embed.weight"}.issubset(tensors) and _DEEP not in tensors,
    _discriminator_fields,
    read_discriminator,
    clean=_clean,
)

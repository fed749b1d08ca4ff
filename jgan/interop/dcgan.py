"""DCGAN of PyTorch's tutorial and example (https://github.com/pytorch/examples, dcgan/main.py), netG and netD.

Both are one `nn.Sequential`, whose layers are numbered with their activations: `main.0.weight`. Whatever it is called,
files without a name before the numbers included, it is read. The latents are normal, where the paper's are uniform.
"""

from __future__ import annotations

import itertools

from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.state_dict import LEAVES, to_variables
from jgan.types import PyTree

BEHIND = 3  # convolution, norm, activation: from one hidden layer to the next


def _layers(tensors: Tensors) -> list[int]:
    """The places of the convolutions, or nothing where some name is no number and leaf."""
    split = [name.split(".") for name in tensors]
    if not all(len(parts) == 2 and parts[0].isdigit() for parts in split):
        return []
    return sorted({int(place) for place, leaf in split if leaf == "weight" and tensors[f"{place}.weight"].ndim == 4})


def _is_generator(tensors: Tensors) -> bool:
    layers = _layers(tensors)
    places = [BEHIND * index for index in range(len(layers))]
    return len(layers) > 2 and layers == places and "1.weight" in tensors and _chained(tensors, layers, 1, 0)


def _is_discriminator(tensors: Tensors) -> bool:
    layers = _layers(tensors)
    places = [max(BEHIND * index - 1, 0) for index in range(len(layers))]
    others = {"0.bias", "1.weight"} & set(tensors)  # a discriminator of patches, a generator
    return len(layers) > 2 and layers == places and not others and _chained(tensors, layers, 0, 1)


def _chained(tensors: Tensors, layers: list[int], out: int, into: int) -> bool:
    """Whether each layer takes what the one before makes, by 4 x 4 pixels, with these axes of its weights."""
    shapes = [tensors[f"{place}.weight"].shape for place in layers]
    return all(shape[2:] == (4, 4) for shape in shapes) and all(
        before[out] == after[into] for before, after in itertools.pairwise(shapes)
    )


def _generator_fields(tensors: Tensors) -> Fields:
    layers = _layers(tensors)
    latents, (width, channels) = tensors["0.weight"].shape[0], tensors[f"{layers[-1]}.weight"].shape[:2]
    resolution = 2 ** (len(layers) + 1)
    return {
        "resolution": resolution,
        "channels": int(width),
        "image_channels": int(channels),
        "game.latent_dim": int(latents),
        "game.discriminator.resolution": resolution,
        "data.channels": int(channels),
        "stages.resolution": resolution,
    }


def _discriminator_fields(tensors: Tensors) -> Fields:
    layers = _layers(tensors)
    width, channels = tensors["0.weight"].shape[:2]
    return {"resolution": 2 ** (len(layers) + 1), "channels": int(width), "data.channels": int(channels)}


def read_generator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `dcgan.Generator` with the given `shapes`, float32.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    order = sorted(name for name in shapes["params"] if name != "to_image")
    order = [*sorted(order, key=lambda name: int(name.rpartition("_")[2])), "to_image"]

    def name(_: str, layer: str, *path: str) -> str:
        place = BEHIND * order.index(layer) + (path[0] == "norm")
        return f"{place}.{LEAVES[path[-1]]}"

    return to_variables(tensors, shapes, name, source=source, expected="the generator of this config")


def read_discriminator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `dcgan.Discriminator`, as `read_generator`; its sigmoid is part of the loss here."""
    blocks = [name for name in shapes["params"] if name.startswith("block_")]
    order = [*sorted(blocks, key=lambda name: -int(name.rpartition("_")[2])), "to_logit"]

    def name(_: str, layer: str, *path: str) -> str:
        place = max(BEHIND * order.index(layer) - 1, 0) + (path[0] == "norm")
        return f"{place}.{LEAVES[path[-1]]}"

    return to_variables(tensors, shapes, name, source=source, expected="the discriminator of this config")


GENERATOR = Format(
    "a generator of PyTorch's DCGAN",
    ("0.weight",),
    _is_generator,
    _generator_fields,
    read_generator,
    always={"game.latent_distribution": "normal"},
)
DISCRIMINATOR = Format(
    "a discriminator of PyTorch's DCGAN", ("0.weight",), _is_discriminator, _discriminator_fields, read_discriminator
)

"""R3GAN of https://github.com/brownvc/R3GAN: state dicts of G, D and G_ema, under `Model`."""

from __future__ import annotations

import numpy as np

from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.state_dict import to_variables
from jgan.types import PyTree, UserError

_FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64  # of its resampling, the one here
_KERNEL = ".Resampler.Kernel"
BASE = 4  # rows, and columns, of the lowest features
_OUTSIDE = {
    "to_image": "AggregationLayer.Layer",
    "from_image": "ExtractionLayer.Layer",
    "class_vectors": "EmbeddingLayer",
}


def read_generator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `r3gan.Generator` with the given `shapes`, float32.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite; or it resamples by another filter.
    """
    return _read(tensors, shapes, source, "generator")


def read_discriminator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `r3gan.Discriminator`, as `read_generator`."""
    return _read(tensors, shapes, source, "discriminator")


def _read(tensors: Tensors, shapes: PyTree, source: str, player: str) -> PyTree:
    place = _Places(shapes["params"], up=player == "generator")
    expected = f"the {player} of this config"
    return to_variables(_prepared(tensors, source), shapes, place.name, source=source, expected=expected)


class _Places:
    """Where the layers of a network of ours are in the official one."""

    def __init__(self, params: PyTree, *, up: bool) -> None:
        sides = {int(layer.split("_")[1]) for layer in params if layer.startswith("block_")}
        self.sides = sorted(sides, reverse=not up)
        blocks = sum(layer.startswith("block_4_") for layer in params)
        self.up, self.of_transition = up, 0 if up else blocks  # it comes before the blocks of a stage, or after them

    def name(self, _: str, layer: str, *path: str) -> str:
        """Of a leaf's tensor, by its path."""
        if layer in _OUTSIDE:
            return f"{_OUTSIDE[layer]}.weight"
        if layer in ("from_latents", "to_logit", "basis"):
            stage = f"MainLayers.{self.sides.index(BASE)}.Layers.{self.of_transition}"
            return f"{stage}.LinearLayer.weight" if layer != "basis" else f"{stage}.Basis" + ".weight" * (not self.up)
        kind, side, *index = layer.split("_")
        level = self.sides.index(int(side))
        if kind == "to":  # the transition to this resolution
            level -= not self.up
            return f"MainLayers.{level}.Layers.{self.of_transition}.LinearLayer.Layer.weight"
        number = path[0].removeprefix("conv_")
        end = f"NonLinearity{number}.Bias" if path[-1] == "bias" else f"LinearLayer{number}.Layer.weight"
        return f"MainLayers.{level}.Layers.{int(index[0]) - (not self.up)}.{end}"


def _prepared(tensors: Tensors, source: str) -> Tensors:
    """Without the filters, which are ours, and with the basis as [rows, columns, channels]."""
    made = {}
    for name, array in tensors.items():
        if name.endswith(_KERNEL):
            if array.shape != _FILTER.shape or not np.allclose(array.astype(np.float64), _FILTER, atol=1e-3):
                raise UserError(f"{source}: {name} is another filter than the published networks'; it is not read")
        elif name.endswith((".Basis", ".Basis.weight")):
            made[name] = array.reshape(-1, *array.shape[-2:]).transpose(1, 2, 0)
        else:
            made[name] = array
    return made


def _stages(tensors: Tensors) -> list[int]:
    return sorted({int(name.split(".")[1]) for name in tensors if name.startswith("MainLayers.")})


def _blocks(tensors: Tensors, first: int) -> dict[str, object]:
    """What the blocks of all stages have in common, and what each has; `first` is the place of a stage's first one."""
    widths, groups, expansion = [], [], 1
    for stage in _stages(tensors):
        name = f"MainLayers.{stage}.Layers.{first}"
        hidden, width = (int(size) for size in tensors[f"{name}.LinearLayer1.Layer.weight"].shape[:2])
        widths.append(width)
        groups.append(hidden // int(tensors[f"{name}.LinearLayer2.Layer.weight"].shape[1]))
        expansion = hidden // width
    blocks = len([n for n in tensors if n.startswith("MainLayers.0.") and n.endswith("LinearLayer1.Layer.weight")])
    return {"widths": tuple(widths), "groups": tuple(groups), "expansion": expansion, "blocks": blocks}


def _generator_fields(tensors: Tensors) -> Fields:
    fields: Fields = _blocks(tensors, 1)
    features, classes = tensors["EmbeddingLayer.weight"].shape if "EmbeddingLayer.weight" in tensors else (0, 0)
    channels = int(tensors["AggregationLayer.Layer.weight"].shape[0])
    latents = int(tensors["MainLayers.0.Layers.0.LinearLayer.weight"].shape[1]) - int(features)
    fields |= {"image_channels": channels, "num_classes": int(classes), "game.latent_dim": latents}
    fields |= {"class_features": int(features)} if classes else {}
    fields |= {"game.num_classes": int(classes), "game.discriminator.num_classes": int(classes)}
    fields |= {f"game.discriminator.{name}": fields[name][::-1] for name in ("widths", "groups")}
    return {**fields, "data.channels": channels, "stages.resolution": BASE << (len(fields["widths"]) - 1)}


def _discriminator_fields(tensors: Tensors) -> Fields:
    fields: Fields = _blocks(tensors, 0)
    features, classes = tensors["EmbeddingLayer.weight"].shape if "EmbeddingLayer.weight" in tensors else (0, 0)
    return {**fields, "num_classes": int(classes), **({"class_features": int(features)} if classes else {})}


_BLOCK = ("MainLayers.0.Layers.1.LinearLayer1.Layer.weight", "MainLayers.0.Layers.0.LinearLayer1.Layer.weight")

GENERATOR = Format(
    "a generator of R3GAN",
    ("AggregationLayer.Layer.weight",),
    {"AggregationLayer.Layer.weight", "MainLayers.0.Layers.0.Basis", _BLOCK[0]}.issubset,
    _generator_fields,
    read_generator,
    always={"game.latent_distribution": "normal"},
)
DISCRIMINATOR = Format(
    "a discriminator of R3GAN",
    ("ExtractionLayer.Layer.weight",),
    {"ExtractionLayer.Layer.weight", _BLOCK[1]}.issubset,
    _discriminator_fields,
    read_discriminator,
)

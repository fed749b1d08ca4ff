"""StyleGAN3's generators under the names of https://github.com/NVlabs/stylegan3, read and written.

The state dicts of G and G_ema; D is StyleGAN2's (stylegan2.py). Names hold the size and the channels of a layer, and
its filters stand beside its weights: they follow from the sizes, and our layers have them built in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict

from jgan.interop import stylegan2
from jgan.interop.recognition import Fields, Format, Tensors
from jgan.interop.state_dict import to_variables
from jgan.layers.bands import bands_of, resampling_of
from jgan.types import PyTree, UserError

INPUT = {"kernel": "weight", "transform": "transform", "frequencies": "freqs", "phases": "phases"}
LAYER = {"kernel": "weight", "bias": "bias", "magnitude": "magnitude_ema"}
DENSE = {"kernel": "weight", "bias": "bias"}
TURNED = ("freqs", "transform")  # [rows, columns] as ours, though they are no matrices of weights


def read(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables, float32, of a generator with the given `shapes`; `source` is the file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape or not finite, or a filter is another one.
    """
    names = _Names(shapes)
    filters = names.filters()
    plain = {}
    for name, array in weights.items():
        if name in filters:
            if array.shape != filters[name].shape or not np.allclose(array, filters[name], atol=1e-6):
                raise UserError(f"{source}: {name} is another filter than that of its layer, which jgan has built in")
        else:
            plain[name] = array.T if name.endswith(TURNED) else array
    missing = sorted(filters.keys() - weights.keys())
    if missing:
        raise UserError(f"{source}: not the generator of this config: missing {missing[:3]} ({len(missing)})")
    return to_variables(plain, shapes, names.name, source=source, expected="the generator of this config")


def write(variables: PyTree) -> dict[str, np.ndarray]:
    """The state dict of variables as `read` gives them, or of a discriminator: name to float32 array."""
    if "synthesis" not in variables["params"]:
        return stylegan2.write(variables)
    names = _Names(variables)
    leaves: dict[tuple[str, ...], Any] = flatten_dict(variables)
    arrays = {
        names.name(*leaf): np.asarray(_as_pytorch(leaf[-1], np.asarray(array)), order="C")
        for leaf, array in leaves.items()
    }
    return arrays | names.filters()


def tensors(shapes: PyTree) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in the state dict of a generator with these shapes."""
    names = _Names(shapes)
    leaves: dict[tuple[str, ...], Any] = flatten_dict(shapes)
    found = {
        names.name(*leaf): _as_pytorch(leaf[-1], np.broadcast_to(0, array.shape)).shape
        for leaf, array in leaves.items()
    }
    return found | {name: array.shape for name, array in names.filters().items()}


class _Names:
    """What the leaves of a generator's variables are called."""

    def __init__(self, shapes: PyTree) -> None:
        layers = {name: part for name, part in shapes["params"]["synthesis"].items() if name != "input"}
        self.order = sorted(layers, key=lambda name: int(name.split("_")[1]))
        self.kernels: dict[str, Sequence[int]] = {name: layers[name]["kernel"].shape for name in self.order}

    def name(self, _: str, network: str, layer: str, *path: str) -> str:
        """Of a leaf's tensor, by its path."""
        if network == "mapping":
            return f"mapping.{layer.replace('dense_', 'fc')}.{DENSE[path[-1]]}" if path else "mapping.w_avg"
        place, own = ("input", INPUT) if layer == "input" else (self._layer(layer), LAYER)
        leaf = own[path[-1]] if len(path) == 1 else f"affine.{DENSE[path[-1]]}"
        return f"synthesis.{place}.{leaf}"

    def filters(self) -> dict[str, np.ndarray]:
        """The filters of all layers but the last, which has none, float32."""
        sizes = [int(name.split("_")[2]) for name in self.order]
        channels = self.kernels[self.order[-1]][-1]
        bands = bands_of(sizes[-1], len(self.order) - 1, base=2, most=1, image_channels=channels)
        found = {}
        for index, name in enumerate(self.order[:-1]):
            before, kernel = bands[max(index - 1, 0)], self.kernels[name][0]
            resampling = resampling_of(before, bands[index], before.size + kernel - 1, rotations=kernel == 1)
            prefix = f"synthesis.{self._layer(name)}"
            found[f"{prefix}.up_filter"] = resampling.up_taps.astype(np.float32)
            found[f"{prefix}.down_filter"] = resampling.down_taps.astype(np.float32)
        return found

    def _layer(self, name: str) -> str:
        _, index, size = name.split("_")
        return f"L{index}_{size}_{self.kernels[name][-1]}"


def _as_pytorch(kind: str, array: np.ndarray) -> np.ndarray:
    """An array of a leaf as its tensor."""
    if kind != "kernel":
        return array
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


# --- What a file's generator is like ---


def _fields(tensors: Tensors) -> Fields:
    """The fields of a generator with these tensors, and what goes with them."""
    names = [re.fullmatch(r"synthesis\.L(\d+)_(\d+)_\d+\.weight", name) for name in tensors]
    found = sorted((int(match[1]), int(match[2]), match[0]) for match in names if match)
    *layers, (_, resolution, colours) = found
    channels, kernel = int(tensors[colours].shape[0]), int(tensors[layers[0][2]].shape[-1])
    style, latents = (int(size) for size in tensors["mapping.fc0.weight"].shape)
    classes = int(tensors[LABELS].shape[1]) if LABELS in tensors else 0
    widths = [int(tensors[name].shape[0]) for _, _, name in layers]
    base, most, wider = _base(resolution, widths), max(widths), 2 if kernel == 1 else 1  # than the discriminator
    levels = range(int(resolution).bit_length() - 2)
    return {
        "resolution": resolution,
        "image_channels": channels,
        "num_classes": classes,
        "base": base,
        "most": most,
        "rotations": kernel == 1,
        "layers": len(layers),
        "style_units": style,
        "mapping_layers": sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in tensors),
        "data.channels": channels,
        "stages.resolution": resolution,
        "game.latent_dim": latents - (style if classes else 0),
        "game.num_classes": classes,
        "game.discriminator.num_classes": classes,
        "game.discriminator.widths": tuple(min(max(base // wider >> level + 2, 1), most // wider) for level in levels),
    }


def _base(resolution: int, widths: list[int]) -> int:
    """The roundest `base` of `bands_of` that gives layers of these widths, of which the largest is `most`."""
    bands = bands_of(resolution, len(widths), base=2, most=1, image_channels=1)
    narrow = [(2 * band.cutoff, width) for band, width in zip(bands, widths, strict=False) if width < max(widths)]
    lowest = max(
        (max(widths) - 0.5) * 2 * band.cutoff
        for band, width in zip(bands, widths, strict=False)
        if width == max(widths)
    )
    least = max([lowest, *((width - 0.5) * scale for scale, width in narrow)])
    beyond = min(((width + 0.5) * scale for scale, width in narrow), default=2 * least)
    step = 1 << int(beyond).bit_length()
    while step > 1 and step * math.ceil(least / step) >= beyond:
        step //= 2
    return step * math.ceil(least / step)


LABELS, FREQUENCIES = "mapping.embed.weight", "synthesis.input.freqs"
GENERATOR = Format(
    "a generator of StyleGAN3",
    (FREQUENCIES,),
    {FREQUENCIES, "mapping.fc0.weight"}.issubset,
    _fields,
    read,
    always={"game.latent_distribution": "normal"},
)

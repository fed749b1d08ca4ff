"""Generators of https://github.com/rosinality/stylegan2-pytorch: `g_ema` and `g` of its checkpoints.

The same network as the official one under other names, without filters of its own. The average style stands beside the
network in converted files (`latent_avg`); where there is none it is that of latents drawn here, as its `generate.py`
takes that of 4,096.
"""

from __future__ import annotations

import re

import numpy as np

from jgan.interop import stylegan2
from jgan.interop.recognition import Format, Tensors
from jgan.layers.style import GAIN, MAPPING_RATE, SLOPE
from jgan.types import PyTree

INPUT, AVERAGE = "input.input", "latent_avg"
DRAWN = 10_000  # latents whose mean style stands in for the average
LAYER = {  # of a styled convolution and of one to colours: our ends of names, and the official ones
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}
FILTER = re.compile(r"\.(blur|upsample)\.kernel$")


def official_names(tensors: Tensors) -> Tensors:
    """The tensors under the official names, without the filters; others as they are."""
    if INPUT not in tensors:
        return tensors
    made = {}
    for name, array in tensors.items():
        if name == AVERAGE:
            made["mapping.w_avg"] = np.asarray(array).reshape(-1)
        elif not FILTER.search(name):
            made[_official_name(name)] = _official_shape(_official_name(name), np.asarray(array))
    return made


def _official_name(name: str) -> str:
    if name == INPUT:
        return stylegan2.CONSTANT
    if match := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}"  # number 0 normalises
    if match := re.fullmatch(r"noises\.noise_(\d+)", name):
        return f"{_layer(int(match[1]))}.noise_const"
    if match := re.fullmatch(r"(conv1|to_rgb1|convs\.(\d+)|to_rgbs\.(\d+))\.(.+)", name):
        kind, convolution, colours, end = match.groups()
        layer = _layer(int(convolution) + 1) if convolution else "synthesis.b4.conv1"
        if kind.startswith("to_rgb"):
            layer = f"synthesis.b{8 << int(colours) if colours else 4}.torgb"
        return f"{layer}.{LAYER.get(end, end)}"
    return name


def _layer(number: int) -> str:
    """The official name of the styled convolution with this number: one at 4 x 4, two at each resolution after it."""
    return f"synthesis.b{4 << (number + 1) // 2}.conv{1 - number % 2}"


def _official_shape(name: str, array: np.ndarray) -> np.ndarray:
    """Without the axes of one batch that it keeps."""
    if name.endswith("noise_const") and array.ndim == 4:
        return array[0, 0]
    if name.endswith("noise_strength"):
        return array.reshape(())
    if name.endswith("torgb.bias"):
        return array.reshape(-1)
    return array[0] if name.endswith(".const") or array.ndim == 5 else array


def read(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of a `stylegan2.Generator` with the given `shapes`, float32. Raises UserError as stylegan2.read."""
    filters = {name: stylegan2.FILTER for name in stylegan2.tensors(shapes) if name.endswith("resample_filter")}
    average = {} if "mapping.w_avg" in tensors else {"mapping.w_avg": _mean_style(tensors)}
    return stylegan2.read({**tensors, **filters, **average}, shapes, source)


def _mean_style(tensors: Tensors) -> np.ndarray:
    """The mean style of latents that are drawn."""
    x = np.random.default_rng(0).standard_normal((DRAWN, tensors["mapping.fc0.weight"].shape[1])).astype(np.float32)
    x /= np.sqrt(np.square(x).mean(1, keepdims=True) + 1e-8)
    for index in range(sum(name.endswith(".weight") and name.startswith("mapping.fc") for name in tensors)):
        kernel, bias = (tensors[f"mapping.fc{index}.{end}"].astype(np.float32) for end in ("weight", "bias"))
        x = x @ (kernel.T * (MAPPING_RATE / np.sqrt(kernel.shape[1]))) + MAPPING_RATE * bias
        x = np.where(x >= 0, x, SLOPE * x) * np.float32(GAIN)
    return x.mean(0)


GENERATOR = Format(
    "a generator of rosinality's StyleGAN2",
    (INPUT,),
    {stylegan2.CONSTANT, "synthesis.b8.conv0.weight", "mapping.fc0.weight"}.issubset,
    stylegan2.generator_fields,
    read,
    always={"game.latent_distribution": "normal"},
    clean=official_names,
    beside=(AVERAGE,),
)

"""Writes stylegan.json: numbers of small PyTorch networks with the layers of StyleGAN.

    python tests/golden/stylegan.py

Those of https://github.com/NVlabs/stylegan (training/networks_stylegan.py), written anew as functions of its tensors by
their official names, doubling, convolution and filter one after the other, and run in float64. The file keeps names and
shapes of each network's tensors; `draw` makes them, and the tests draw the same ones.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

BATCH, LATENT, STYLE = 4, 7, 9
SHARE, MOST = 7, 120  # of the numbers that a network makes, one in so many is kept, and at most MOST


class Case(NamedTuple):
    """A pair of networks, and the resolutions at which they run, each with the share of its newest layers."""

    widths: tuple[int, ...]  # at 4 x 4, 8 x 8, ...
    channels: int
    classes: int
    layers: int  # of the mapping
    growths: tuple[tuple[int, float | None], ...]


CASES = {
    "labels": Case((8, 6, 4), 1, 5, 2, ((16, 0.3), (8, None))),
    "colours": Case((10, 8, 8, 6), 3, 0, 8, ((32, None), (32, 0.6), (16, None), (8, 0.2))),
}
TRUNCATIONS = {"images": (1.0, 99), "truncated": (0.7, 99), "cut_off": (0.5, 3)}  # psi, and how many layers it moves


def shapes(case: str) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Names and shapes of the generator's and the discriminator's tensors."""
    widths, channels, classes, layers, _ = CASES[case]
    generator: dict[str, list[int]] = {"lod": [], "dlatent_avg": [STYLE], "G_synthesis/lod": []}
    discriminator: dict[str, list[int]] = {"lod": []}
    if classes:
        generator["G_mapping/LabelConcat/weight"] = [classes, LATENT]
    for index in range(layers):
        inside = STYLE if index else (2 * LATENT if classes else LATENT)
        generator |= _dense(f"G_mapping/Dense{index}", inside, STYLE)
    for level, width in enumerate(widths):
        side, lod, before = 4 << level, len(widths) - 1 - level, widths[max(level - 1, 0)]
        names = [
            f"G_synthesis/{side}x{side}/{name}" for name in (("Conv0_up", "Conv1") if level else ("Const", "Conv"))
        ]
        generator |= {f"G_synthesis/noise{2 * level + index}": [1, 1, side, side] for index in range(2)}
        generator |= {f"{names[0]}/weight": [3, 3, before, width]} if level else {f"{names[0]}/const": [1, width, 4, 4]}
        generator[f"{names[1]}/weight"] = [3, 3, width, width]
        for name in names:
            generator |= {f"{name}/Noise/weight": [width], f"{name}/bias": [width]}
            generator |= _dense(f"{name}/StyleMod", STYLE, 2 * width)
        generator |= {f"G_synthesis/ToRGB_lod{lod}/weight": [1, 1, width, channels]}
        generator |= {f"G_synthesis/ToRGB_lod{lod}/bias": [channels]}
        discriminator |= {f"FromRGB_lod{lod}/weight": [1, 1, channels, width], f"FromRGB_lod{lod}/bias": [width]}
        if level:
            block = f"{side}x{side}"
            discriminator |= {f"{block}/Conv0/weight": [3, 3, width, width], f"{block}/Conv0/bias": [width]}
            discriminator |= {f"{block}/Conv1_down/weight": [3, 3, width, before], f"{block}/Conv1_down/bias": [before]}
    wide = widths[0]
    discriminator |= {"4x4/Conv/weight": [3, 3, wide + 1, wide], "4x4/Conv/bias": [wide]}
    discriminator |= _dense("4x4/Dense0", 16 * wide, wide) | _dense("4x4/Dense1", wide, max(classes, 1))
    return generator, discriminator


def _dense(name: str, inside: int, outside: int) -> dict[str, list[int]]:
    return {f"{name}/weight": [inside, outside], f"{name}/bias": [outside]}


def draw(named: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Weights, float32, each from a generator seeded by its name, of about the sizes that training gives them."""
    weights = {}
    for name, shape in named.items():
        normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        slow = "/Dense" in name and "G_mapping" in name
        if name.endswith("lod"):
            normal = np.zeros(shape)
        elif name.endswith("const"):
            normal = 1.0 + 0.5 * normal
        elif name.endswith(("bias", "dlatent_avg", "Noise/weight")):
            normal = (10.0 if slow else 0.2) * normal
        else:
            normal = (100.0 if slow else 1.0) * normal
        weights[name] = np.asarray(normal, np.float32)
    return weights


def draw_inputs(case: str) -> dict[str, np.ndarray]:
    """Latents [n, z], labels [n], real images NHWC at the largest resolution, and noise [n, pixels] of all layers."""
    widths, channels, classes, *_ = CASES[case]
    random, side = np.random.default_rng(len(case)), 4 << (len(widths) - 1)
    return {
        "latents": random.standard_normal((BATCH, LATENT)).astype(np.float32),
        "labels": random.integers(0, max(classes, 1), BATCH),
        "images": random.uniform(-1, 1, (BATCH, side, side, channels)).astype(np.float32),
        "noise": random.standard_normal((BATCH, 2 * sum(16 << 2 * level for level in range(len(widths))))).astype("f4"),
    }


def part(numbers: np.ndarray) -> list[float]:
    """Those that are kept."""
    return [float(f"{number:.8g}") for number in np.ravel(numbers)[::SHARE][:MOST]]


class Networks:
    """Both networks as functions of their tensors."""

    def __init__(self, case: str) -> None:
        import torch

        self.case = CASES[case]
        self.top = len(self.case.widths) - 1
        generator, discriminator = (draw(named) for named in shapes(case))
        self.g, self.d = (
            {name: torch.from_numpy(array).double() for name, array in drawn.items()}
            for drawn in (generator, discriminator)
        )

    def style(self, z: Any, labels: Any) -> Any:
        """The mapping network."""
        import torch
        from torch.nn.functional import leaky_relu, one_hot

        x = z
        if self.case.classes:
            table = self.g["G_mapping/LabelConcat/weight"]
            x = torch.cat([x, one_hot(labels, self.case.classes).to(table) @ table], 1)
        x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for index in range(self.case.layers):
            weight, bias = (self.g[f"G_mapping/Dense{index}/{name}"] for name in ("weight", "bias"))
            x = leaky_relu(x @ weight * (0.01 * math.sqrt(2 / weight.shape[0])) + 0.01 * bias, 0.2)
        return x

    def styles(self, z: Any, labels: Any, resolution: int, psi: float, cutoff: int) -> Any:
        """One for each layer that is there, the first of them truncated."""
        layers = 2 * (resolution.bit_length() - 2)
        w = self.style(z, labels)[:, None].repeat(1, layers, 1)
        average = self.g["dlatent_avg"]
        w[:, :cutoff] = average + psi * (w[:, :cutoff] - average)
        return w

    def synthesize(self, styles: Any, resolution: int, fade: float | None, noises: list[Any] | None) -> Any:
        """Images NCHW; `noises` [n, 1, h, w] in place of the constant ones."""
        import torch
        from torch.nn.functional import conv2d, interpolate, leaky_relu

        def finish(x: Any, name: str, index: int) -> Any:
            layer = {end: self.g[f"G_synthesis/{name}/{end}"] for end in ("bias", "Noise/weight", "StyleMod/weight")}
            noise = self.g[f"G_synthesis/noise{index}"] if noises is None else noises[index]
            x = leaky_relu(x + noise * as_map(layer["Noise/weight"]) + as_map(layer["bias"]), 0.2)
            x = x - x.mean([2, 3], keepdim=True)
            x = x / (x.square().mean([2, 3], keepdim=True) + 1e-8).sqrt()
            modulation = layer["StyleMod/weight"]
            style = styles[:, index] @ modulation / math.sqrt(modulation.shape[0])
            style = style + self.g[f"G_synthesis/{name}/StyleMod/bias"]
            scale, shift = style.reshape(len(x), 2, -1, 1, 1).unbind(1)
            return x * (scale + 1) + shift

        def colours(x: Any, level: int) -> Any:
            name = f"G_synthesis/ToRGB_lod{self.top - level}"
            return conv2d(x, kernel(self.g[f"{name}/weight"], 1.0)) + as_map(self.g[f"{name}/bias"])

        last = resolution.bit_length() - 3
        x = self.g["G_synthesis/4x4/Const/const"].repeat(len(styles), 1, 1, 1)
        x = finish(x, "4x4/Const", 0)
        x = finish(conv2d(x, kernel(self.g["G_synthesis/4x4/Conv/weight"]), padding=1), "4x4/Conv", 1)
        images = [colours(x, 0)]
        for level in range(1, last + 1):
            block = f"{4 << level}x{4 << level}"
            x = interpolate(x, scale_factor=2, mode="nearest")
            x = low_pass(conv2d(x, kernel(self.g[f"G_synthesis/{block}/Conv0_up/weight"]), padding=1))
            x = finish(x, f"{block}/Conv0_up", 2 * level)
            x = conv2d(x, kernel(self.g[f"G_synthesis/{block}/Conv1/weight"]), padding=1)
            x = finish(x, f"{block}/Conv1", 2 * level + 1)
            images.append(colours(x, level))
        if fade is None:
            return images[-1]
        return torch.lerp(interpolate(images[-2], scale_factor=2, mode="nearest"), images[-1], fade)

    def judge(self, images: Any, labels: Any, resolution: int, fade: float | None) -> Any:
        """Logits [n] of images NCHW."""
        import torch
        from torch.nn.functional import avg_pool2d, conv2d, leaky_relu

        def layer(x: Any, name: str, *, halve: bool = False) -> Any:
            weight, bias = (self.d[f"{name}/{end}"] for end in ("weight", "bias"))
            x = conv2d(x, kernel(weight), padding=weight.shape[0] // 2)
            return leaky_relu((avg_pool2d(x, 2) if halve else x) + as_map(bias), 0.2)

        def dense(x: Any, name: str, gain: float) -> Any:
            weight = self.d[f"{name}/weight"]
            return x @ weight * (gain / math.sqrt(weight.shape[0])) + self.d[f"{name}/bias"]

        last = resolution.bit_length() - 3
        x = layer(images, f"FromRGB_lod{self.top - last}")
        for level in range(last, 0, -1):
            block = f"{4 << level}x{4 << level}"
            x = layer(low_pass(layer(x, f"{block}/Conv0")), f"{block}/Conv1_down", halve=True)
            if level == last and fade is not None:
                x = torch.lerp(layer(avg_pool2d(images, 2), f"FromRGB_lod{self.top - level + 1}"), x, fade)
        deviation = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()  # the batch is one group
        x = layer(torch.cat([x, deviation.expand(len(x), 1, 4, 4)], 1), "4x4/Conv")
        x = dense(leaky_relu(dense(x.flatten(1), "4x4/Dense0", math.sqrt(2)), 0.2), "4x4/Dense1", 1.0)
        return x[:, 0] if not self.case.classes else x.gather(1, labels[:, None])[:, 0]


def as_map(vector: Any) -> Any:
    """[c] to [1, c, 1, 1]."""
    return vector.reshape(1, -1, 1, 1)


def kernel(weight: Any, gain: float = math.sqrt(2)) -> Any:
    """TensorFlow's [h, w, in, out], as it is used, to PyTorch's [out, in, h, w]."""
    return weight.permute(3, 2, 0, 1) * (gain / math.sqrt(weight[..., 0].numel()))


def low_pass(x: Any) -> Any:
    """The filter (1, 2, 1) along both axes, a channel at a time."""
    from torch.nn.functional import conv2d

    taps = x.new_tensor([0.25, 0.5, 0.25])
    return conv2d(x, (taps[:, None] * taps[None]).expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])


def channels_last(image: Any) -> list[float]:
    """The numbers that are kept of images NCHW."""
    return part(image.detach().permute(0, 2, 3, 1).numpy())


def run(case: str) -> dict[str, Any]:
    """Numbers of both networks at each growth."""
    import torch

    networks, drawn = Networks(case), draw_inputs(case)
    inputs = {name: torch.from_numpy(array) for name, array in drawn.items()}
    latents, labels = inputs["latents"].double(), inputs["labels"]
    whole = inputs["images"].double().permute(0, 3, 1, 2)
    numbers: dict[str, Any] = {"shapes": shapes(case)}
    for resolution, fade in CASES[case].growths:
        growth, found = (resolution, fade), {}
        numbers[f"{resolution} {fade}"] = found
        for name, truncation in TRUNCATIONS.items():
            styles = networks.styles(latents, labels, resolution, *truncation)
            found[name] = channels_last(networks.synthesize(styles, *growth, noises=None))
        styles = networks.styles(latents, labels, resolution, *TRUNCATIONS["images"])
        sides = [4 << level for level in range(resolution.bit_length() - 2) for _ in range(2)]
        planes = inputs["noise"].double()[:, : sum(side * side for side in sides)].split([s * s for s in sides], 1)
        given = [plane.reshape(BATCH, 1, side, side) for plane, side in zip(planes, sides, strict=True)]
        affine = networks.g["G_synthesis/4x4/Conv/StyleMod/weight"].requires_grad_(True)
        images = networks.synthesize(styles, *growth, noises=given)
        found["noisy"] = channels_last(images)
        (slope,) = torch.autograd.grad(images.square().mean(), affine)
        found["style_gradient"] = part(slope.numpy())
        images = whole[:, :, :resolution, :resolution].clone().requires_grad_(True)
        first = networks.d["4x4/Conv/weight"].requires_grad_(True)
        logits = networks.judge(images, labels, *growth)
        found["logits"] = logits.detach().tolist()
        (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        penalty = slopes.square().sum([1, 2, 3])
        found["r1"] = penalty.detach().tolist()
        found["r1_gradient"] = part(torch.autograd.grad(penalty.mean(), first)[0].numpy())
    return numbers


def main() -> None:
    """Runs all cases."""
    import torch

    numbers: dict[str, Any] = {"torch": torch.__version__} | {case: run(case) for case in CASES}
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

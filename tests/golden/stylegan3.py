"""Writes stylegan3.json: numbers of small PyTorch generators with the layers of StyleGAN3.

    python tests/golden/stylegan3.py

The maths of https://github.com/NVlabs/stylegan3 (Karras et al. 2021), written anew in modules whose state dicts have
the official names, and run in float64: a kernel for each image, zeros between pixels, and filters as they are designed.
The file keeps names and shapes of each state dict; `draw` makes the weights, and the tests draw the same ones.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

STYLE, LATENT, BATCH = 24, 20, 3
SHARE, MOST = 11, 120  # of the numbers that a network makes, one in so many is kept, and at most MOST
CASES = {  # resolution, layers, channels at a cutoff of 1/2 and at most, R or T, image channels, classes
    "t": (32, 5, 160, 14, False, 3, 0),
    "r_labels": (32, 5, 192, 12, True, 1, 4),
    "t_64": (64, 14, 256, 12, False, 3, 4),
    "r_64": (64, 14, 256, 16, True, 3, 0),
}
TURN, MOVE = 0.4, (0.1, -0.07)  # what the user's transform does in every case


def draw(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Weights of a state dict but its filters, float32, each from a generator seeded by its name."""
    weights = {}
    for name, shape in shapes.items():
        normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if name.endswith("_filter"):
            continue
        if name.endswith("transform"):
            array = [[math.cos(TURN), math.sin(TURN), MOVE[0]], [-math.sin(TURN), math.cos(TURN), MOVE[1]], [0, 0, 1]]
        elif name.endswith("freqs"):
            array = normal  # a disc of about the first cutoff, and some beyond it
        elif name.endswith("magnitude_ema"):
            array = 0.5 + np.abs(normal)
        elif name.endswith("input.affine.bias"):
            array = np.array([1.0, 0, 0, 0]) + 0.1 * normal
        elif name.endswith("input.affine.weight"):
            array = 0.2 * normal
        elif name.endswith("affine.bias"):
            array = 1 + 0.2 * normal
        elif name.startswith("mapping.fc"):
            array = (10.0 if name.endswith("bias") else 100.0) * normal
        elif name.endswith(("bias", "w_avg", "phases")):
            array = 0.2 * normal
        else:
            array = normal
        weights[name] = np.asarray(array, np.float32)
    return weights


def draw_inputs(case: str) -> dict[str, np.ndarray]:
    """Latents [n, z] and labels [n]."""
    random = np.random.default_rng(len(case))
    return {
        "latents": random.standard_normal((BATCH, LATENT)).astype(np.float32),
        "labels": random.integers(0, max(CASES[case][-1], 1), BATCH),
    }


def part(numbers: np.ndarray) -> list[float]:
    """Those that are kept."""
    return [float(f"{number:.8g}") for number in np.ravel(numbers)[::SHARE][:MOST]]


def module(case: str) -> Any:
    """The generator."""
    import scipy.signal
    import scipy.special
    import torch
    from torch import nn
    from torch.nn import functional

    resolution, count, base, most, radial, image_channels, classes = CASES[case]
    kernel = 1 if radial else 3

    cutoffs, stopbands = [], []
    for index in range(count + 1):
        share = min(index / (count - 2), 1)
        cutoffs.append(2 * (resolution / 2 / 2) ** share)
        stopbands.append(2**2.1 * (resolution / 2 * 2**0.3 / 2**2.1) ** share)
    rates = [2 ** math.ceil(math.log2(min(2 * stopband, resolution))) for stopband in stopbands]
    half_widths = [max(t, s / 2) - c for t, s, c in zip(stopbands, rates, cutoffs, strict=True)]
    sizes = [rate + 20 for rate in rates[:-2]] + [resolution, resolution]
    widths = [round(min(base / 2 / cutoff, most)) for cutoff in cutoffs[:-1]] + [image_channels]

    def lowpass(taps: int, cutoff: float, half_width: float, rate: int, jinc: bool = False) -> Any:
        if not jinc:
            return torch.from_numpy(scipy.signal.firwin(taps, cutoff, width=2 * half_width, fs=rate))
        axis = (np.arange(taps) - (taps - 1) / 2) / rate
        radius = np.hypot(axis[None], axis[:, None])
        beta = scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(taps, 2 * half_width / (rate / 2)))
        window = scipy.signal.windows.kaiser(taps, beta)
        array = scipy.special.j1(2 * np.pi * cutoff * radius) / (np.pi * radius) * window[None] * window[:, None]
        return torch.from_numpy(array / array.sum())

    def filtered(x: Any, taps: Any) -> Any:
        """Every channel by itself, nothing beyond the edges."""
        taps = taps if taps.ndim == 2 else taps[:, None] * taps[None]
        return functional.conv2d(x, taps.flip([0, 1])[None, None].repeat(x.shape[1], 1, 1, 1), groups=x.shape[1])

    class Full(nn.Module):
        def __init__(self, inside: int, outside: int, rate: float = 1.0, active: bool = False) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.zeros(outside, inside)), nn.Parameter(torch.zeros(outside))
            self.rate, self.active = rate, active

        def forward(self, x: Any) -> Any:
            x = x @ (self.weight * (self.rate / math.sqrt(self.weight.shape[1]))).T + self.bias * self.rate
            return functional.leaky_relu(x, 0.2) * math.sqrt(2) if self.active else x

    def second_moment(x: Any) -> Any:
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()

    class Mapping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            if classes:
                self.embed = Full(classes, STYLE)
            self.fc0 = Full(LATENT + (STYLE if classes else 0), STYLE, 0.01, active=True)
            self.fc1 = Full(STYLE, STYLE, 0.01, active=True)
            self.register_buffer("w_avg", torch.zeros(STYLE))

        def forward(self, z: Any, labels: Any) -> Any:
            parts = [second_moment(z)]
            if classes:
                parts.append(second_moment(self.embed(functional.one_hot(labels, classes).to(z))))
            return self.fc1(self.fc0(torch.cat(parts, 1)))

    class Input(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            wide = widths[0]
            self.weight, self.affine = nn.Parameter(torch.zeros(wide, wide)), Full(STYLE, 4)
            for name, shape in (("transform", (3, 3)), ("freqs", (wide, 2)), ("phases", (wide,))):
                self.register_buffer(name, torch.zeros(shape))

        def forward(self, w: Any) -> Any:
            images = []
            for c, s, x, y in self.affine(w):  # image by image, as the paper says it (appendix F)
                length = torch.hypot(c, s)
                c, s, x, y = c / length, s / length, x / length, y / length
                turn, move = torch.eye(3, dtype=w.dtype), torch.eye(3, dtype=w.dtype)
                turn[0, 0], turn[0, 1], turn[1, 0], turn[1, 1] = c, -s, s, c
                move[0, 2], move[1, 2] = -x, -y
                matrix = turn @ move @ self.transform
                freqs = self.freqs @ matrix[:2, :2]
                phases = self.phases + self.freqs @ matrix[:2, 2]
                fade = 1 - (freqs.norm(dim=1) - cutoffs[0]) / (rates[0] / 2 - cutoffs[0])
                places = (torch.arange(sizes[0], dtype=w.dtype) + 0.5 - sizes[0] / 2) / rates[0]
                rows, columns = torch.meshgrid(places, places, indexing="ij")
                waves = torch.stack([columns, rows], -1) @ freqs.T + phases
                images.append(torch.sin(2 * math.pi * waves) * fade.clamp(0, 1))
            x = torch.stack(images) @ self.weight.T / math.sqrt(widths[0])
            return x.permute(0, 3, 1, 2)

    class Layer(nn.Module):
        def __init__(self, index: int) -> None:
            super().__init__()
            before = max(index - 1, 0)
            self.colours = index == count
            size = 1 if self.colours else kernel
            self.affine = Full(STYLE, widths[before])
            self.weight = nn.Parameter(torch.zeros(widths[index], widths[before], size, size))
            self.bias = nn.Parameter(torch.zeros(widths[index]))
            self.register_buffer("magnitude_ema", torch.ones([]))
            if self.colours:
                return
            rate = 2 * max(rates[before], rates[index])
            self.up, self.down = rate // rates[before], rate // rates[index]
            up = lowpass(6 * self.up, cutoffs[before], half_widths[before], rate)
            jinc = radial and index < count - 2
            down = lowpass(6 * self.down, cutoffs[index], half_widths[index], rate, jinc)
            self.register_buffer("up_filter", up)
            self.register_buffer("down_filter", down)
            total = (sizes[index] - 1) * self.down + 1 - (sizes[before] + size - 1) * self.up
            total += 6 * self.up + 6 * self.down - 2
            self.low = (total + self.up) // 2
            self.high = total - self.low

        def forward(self, x: Any, w: Any) -> Any:
            styles, weight = self.affine(w), self.weight
            if self.colours:
                kernels = weight[None] * (styles / math.sqrt(weight.shape[1]))[:, None, :, None, None]
            else:
                weight = weight / weight.square().mean([1, 2, 3], keepdim=True).sqrt()
                styles = styles / styles.square().mean().sqrt()  # over the whole batch
                kernels = weight[None] * styles[:, None, :, None, None]
                kernels = kernels / (kernels.square().sum([2, 3, 4], keepdim=True) + 1e-8).sqrt()
            kernels = kernels / self.magnitude_ema.sqrt()
            pads = kernels.shape[-1] - 1
            x = torch.cat([functional.conv2d(x[i : i + 1], kernels[i], padding=pads) for i in range(len(x))])
            x = x + self.bias[:, None, None]
            if self.colours:
                return x.clamp(-256, 256)
            wide = x.new_zeros(*x.shape[:2], x.shape[2] * self.up, x.shape[3] * self.up)
            wide[:, :, :: self.up, :: self.up] = x
            x = filtered(functional.pad(wide, [self.low, self.high] * 2), self.up_filter) * self.up**2
            x = (functional.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-256, 256)
            return filtered(x, self.down_filter)[:, :, :: self.down, :: self.down]

    class Synthesis(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = Input()
            self.names = [f"L{index}_{sizes[index]}_{widths[index]}" for index in range(count + 1)]
            for index, name in enumerate(self.names):
                setattr(self, name, Layer(index))

        def forward(self, styles: Any) -> Any:
            x = self.input(styles[:, 0])
            for index, name in enumerate(self.names):
                x = getattr(self, name)(x, styles[:, index + 1])
            return x * 0.25

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synthesis, self.mapping = Synthesis(), Mapping()

        def styles(self, z: Any, labels: Any, psi: float = 1.0, cutoff: int | None = None) -> Any:
            styles = self.mapping(z, labels)[:, None].repeat(1, count + 2, 1)
            moved = self.mapping.w_avg.lerp(styles[:, :cutoff], psi)
            return moved if cutoff is None else torch.cat([moved, styles[:, cutoff:]], 1)

    return Generator()


def run(case: str) -> dict[str, Any]:
    """Numbers of the generator."""
    import torch

    generator = module(case).double()
    state = generator.state_dict()
    shapes = {name: list(array.shape) for name, array in state.items()}
    drawn = {name: torch.from_numpy(array) for name, array in draw(shapes).items()}
    generator.load_state_dict({**state, **drawn})
    inputs = {name: torch.from_numpy(array) for name, array in draw_inputs(case).items()}
    latents, labels = inputs["latents"].double(), inputs["labels"]
    numbers: dict[str, Any] = {"shapes": shapes}
    filters = {name: array for name, array in state.items() if name.endswith("_filter")}
    numbers["filters"] = {name: part(array.numpy()) for name, array in filters.items()}
    styles = generator.styles(latents, labels)
    numbers["styles"] = part(styles[:, 0].detach().numpy())
    for name, psi, cutoff in (("images", 1.0, None), ("truncated", 0.7, None), ("cut_off", 0.5, 3)):
        image = generator.synthesis(generator.styles(latents, labels, psi, cutoff))
        numbers[name] = part(image.detach().permute(0, 2, 3, 1).numpy())
    return numbers


def main() -> None:
    """Runs all cases."""
    import torch

    numbers: dict[str, Any] = {"torch": torch.__version__} | {case: run(case) for case in CASES}
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

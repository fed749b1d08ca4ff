"""Writes stylegan2.json: numbers of small PyTorch networks with the layers of StyleGAN2.

    python tests/golden/stylegan2.py

Those of https://github.com/NVlabs/stylegan2-ada-pytorch (training/networks.py and torch_utils/ops, the reference
versions without compiled kernels), written anew in modules whose state dicts have the official names, and run in
float64. The file keeps names and shapes of each state dict; `draw` makes the weights, and the tests draw the same ones.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

STYLE, LATENT, BATCH = 24, 20, 4
SHARE, MOST = 11, 120  # of the numbers that a network makes, one in so many is kept, and at most MOST
CASES = {  # widths at 4 x 4, 8 x 8, ..., channels, classes, mapping layers, the discriminator's blocks, its group
    "plain_labels": ((16, 12, 10, 6), 3, 5, 2, "orig", 4),
    "residual": ((12, 10, 8, 6, 6), 1, 0, 8, "resnet", 2),
    "residual_256": ((8, 8, 8, 6, 6, 4, 4), 3, 0, 2, "resnet", 4),
}


def draw(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Weights of a state dict, float32, each from a generator seeded by its name, of about their first sizes."""
    weights = {}
    for name, shape in shapes.items():
        normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        slow = ".fc" in f".{name}" and "mapping" in name
        if name.endswith("resample_filter"):
            array = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
        elif name.endswith("affine.bias"):
            array = 1 + 0.2 * normal
        elif name.endswith(("bias", "w_avg", "noise_strength")):
            array = (10.0 if slow else 0.2) * normal
        else:
            array = (100.0 if slow else 1.0) * normal
        weights[name] = np.asarray(array, np.float32)
    return weights


def draw_inputs(case: str) -> dict[str, np.ndarray]:
    """Latents [n, z], labels [n], images NHWC and the noise of the path length, float32."""
    widths, channels, classes, *_ = CASES[case]
    random, side = np.random.default_rng(len(case)), 4 << (len(widths) - 1)
    shape = (BATCH, side, side, channels)
    return {
        "latents": random.standard_normal((BATCH, LATENT)).astype(np.float32),
        "labels": random.integers(0, max(classes, 1), BATCH),
        "images": random.uniform(-1, 1, shape).astype(np.float32),
        "path_noise": (random.standard_normal(shape) / side).astype(np.float32),
    }


def part(numbers: np.ndarray) -> list[float]:
    """Those that are kept."""
    return [float(f"{number:.8g}") for number in np.ravel(numbers)[::SHARE][:MOST]]


def modules(case: str) -> tuple[Any, Any]:
    """The generator and the discriminator."""
    import torch
    from torch import nn
    from torch.nn import functional

    widths, image_channels, classes, layers, architecture, group = CASES[case]

    def upfirdn(x: Any, kernel: Any, up: int, down: int, pad: Sequence[int], gain: float = 1.0) -> Any:
        n, c, h, w = x.shape
        x = functional.pad(x.reshape(n, c, h, 1, w, 1), [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
        x = functional.pad(x, list(pad))
        kernel = (kernel * gain).flip([0, 1])[None, None].repeat(c, 1, 1, 1)
        return functional.conv2d(x, kernel, groups=c)[:, :, ::down, ::down]

    def activated(x: Any, bias: Any, gain: float = 1.0, clamp: float | None = 256.0) -> Any:
        x = x + bias.reshape([1, -1] + [1] * (x.ndim - 2))
        x = functional.leaky_relu(x, 0.2) * math.sqrt(2) * gain
        return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)

    class Filtered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("resample_filter", torch.zeros(4, 4))

    class Full(nn.Module):
        def __init__(self, inside: int, outside: int, rate: float = 1.0, active: bool = False) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.zeros(outside, inside)), nn.Parameter(torch.zeros(outside))
            self.rate, self.active = rate, active

        def forward(self, x: Any) -> Any:
            x = x @ (self.weight * (self.rate / math.sqrt(self.weight.shape[1]))).T
            bias = self.bias * self.rate
            return activated(x, bias, clamp=None) if self.active else x + bias

    def second_moment(x: Any) -> Any:
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()

    class Mapping(nn.Module):
        def __init__(self, latent: int, width: int, count: int, averaged: bool) -> None:
            super().__init__()
            if classes:
                self.embed = Full(classes, width)
            inside = latent + (width if classes else 0)
            for index in range(count):
                setattr(self, f"fc{index}", Full(inside if index == 0 else width, width, 0.01, active=True))
            self.count = count
            if averaged:
                self.register_buffer("w_avg", torch.zeros(width))

        def forward(self, z: Any, labels: Any) -> Any:
            parts = [] if z is None else [second_moment(z)]
            if classes:
                parts.append(second_moment(self.embed(functional.one_hot(labels, classes).to(self.fc0.weight))))
            x = torch.cat(parts, 1)
            for index in range(self.count):
                x = getattr(self, f"fc{index}")(x)
            return x

    def modulated(x: Any, weight: Any, styles: Any, demodulate: bool = True) -> Any:
        """A kernel for each image, as the grouped convolution of the original: its other form than ours."""
        n, out = x.shape[0], weight.shape[0]
        w = weight[None] * styles.reshape(n, 1, -1, 1, 1)
        if demodulate:
            w = w * (w.square().sum([2, 3, 4]) + 1e-8).rsqrt().reshape(n, out, 1, 1, 1)
        return w

    class Layer(Filtered):
        def __init__(self, inside: int, outside: int, side: int, up: bool) -> None:
            super().__init__()
            self.affine, self.up = Full(STYLE, inside), up
            self.weight = nn.Parameter(torch.zeros(outside, inside, 3, 3))
            self.bias, self.noise_strength = nn.Parameter(torch.zeros(outside)), nn.Parameter(torch.zeros([]))
            self.register_buffer("noise_const", torch.zeros(side, side))

        def forward(self, x: Any, w: Any) -> Any:
            kernels = modulated(x, self.weight, self.affine(w))
            n, out, inside = kernels.shape[:3]
            x = x.reshape(1, -1, *x.shape[2:])
            if self.up:
                grouped = kernels.transpose(1, 2).reshape(n * inside, out, 3, 3)
                x = functional.conv_transpose2d(x, grouped, stride=2, groups=n)
                x = x.reshape(n, out, *x.shape[2:])
                x = upfirdn(x, self.resample_filter, 1, 1, [1, 1, 1, 1], gain=4)
            else:
                x = functional.conv2d(x, kernels.reshape(n * out, inside, 3, 3), padding=1, groups=n)
                x = x.reshape(n, out, *x.shape[2:])
            return activated(x + self.noise_const * self.noise_strength, self.bias)

    class ToRGB(nn.Module):
        def __init__(self, inside: int) -> None:
            super().__init__()
            self.affine = Full(STYLE, inside)
            self.weight = nn.Parameter(torch.zeros(image_channels, inside, 1, 1))
            self.bias = nn.Parameter(torch.zeros(image_channels))

        def forward(self, x: Any, w: Any) -> Any:
            styles = self.affine(w) / math.sqrt(self.weight.shape[1])
            kernels = modulated(x, self.weight, styles, demodulate=False)
            y = torch.einsum("nihw,noi->nohw", x, kernels[..., 0, 0]) + self.bias.reshape(1, -1, 1, 1)
            return y.clamp(-256, 256)

    class Block(Filtered):
        def __init__(self, inside: int, outside: int, side: int) -> None:
            super().__init__()
            if inside:
                self.conv0 = Layer(inside, outside, side, up=True)
            else:
                self.const = nn.Parameter(torch.zeros(outside, side, side))
            self.conv1, self.torgb = Layer(outside, outside, side, up=False), ToRGB(outside)
            self.inside = inside

        def forward(self, x: Any, image: Any, styles: Any) -> Any:
            if self.inside:
                x = self.conv1(self.conv0(x, styles[:, 0]), styles[:, 1])
                return x, upfirdn(image, self.resample_filter, 2, 1, [2, 1, 2, 1], gain=4) + self.torgb(x, styles[:, 2])
            x = self.conv1(self.const[None].repeat(len(styles), 1, 1, 1), styles[:, 0])
            return x, self.torgb(x, styles[:, 1])

    class Synthesis(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for level, width in enumerate(widths):
                setattr(self, f"b{4 << level}", Block(widths[level - 1] if level else 0, width, 4 << level))

        def forward(self, styles: Any) -> Any:
            x = image = None
            for level in range(len(widths)):
                first = 2 * level - 1 if level else 0
                x, image = getattr(self, f"b{4 << level}")(x, image, styles[:, first : first + 3])
            return image

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synthesis, self.mapping = Synthesis(), Mapping(LATENT, STYLE, layers, averaged=True)

        def styles(self, z: Any, labels: Any, psi: float = 1.0, cutoff: int | None = None) -> Any:
            styles = self.mapping(z, labels)[:, None].repeat(1, 2 * len(widths), 1)
            cutoff = styles.shape[1] if cutoff is None else cutoff
            moved = self.mapping.w_avg.lerp(styles[:, :cutoff], psi)
            return torch.cat([moved, styles[:, cutoff:]], 1)

    class Conv(Filtered):
        def __init__(self, inside: int, outside: int, size: int, down: int = 1, active: bool = True) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(outside, inside, size, size))
            if active:
                self.bias = nn.Parameter(torch.zeros(outside))
            self.down, self.active = down, active

        def forward(self, x: Any, gain: float = 1.0) -> Any:
            size = self.weight.shape[2]
            weight = self.weight / math.sqrt(self.weight[0].numel())
            if self.down == 2 and size == 1:
                x = functional.conv2d(upfirdn(x, self.resample_filter, 1, 2, [1, 1, 1, 1]), weight)
            elif self.down == 2:
                x = functional.conv2d(upfirdn(x, self.resample_filter, 1, 1, [2, 2, 2, 2]), weight, stride=2)
            else:
                x = functional.conv2d(x, weight, padding=size // 2)
            return activated(x, self.bias, gain) if self.active else x * gain

    class DiscriminatorBlock(Filtered):
        def __init__(self, inside: int, width: int, outside: int) -> None:
            super().__init__()
            if inside:
                self.fromrgb = Conv(inside, width, 1)
            self.conv0, self.conv1 = Conv(width, width, 3), Conv(width, outside, 3, down=2)
            if architecture == "resnet":
                self.skip = Conv(width, outside, 1, down=2, active=False)
            self.first = inside > 0

        def forward(self, x: Any) -> Any:
            x = self.fromrgb(x) if self.first else x
            if architecture == "orig":
                return self.conv1(self.conv0(x))
            y = self.skip(x, math.sqrt(0.5))
            return y + self.conv1(self.conv0(x), math.sqrt(0.5))

    class Epilogue(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            wide = widths[0]
            self.conv, self.fc = Conv(wide + 1, wide, 3), Full(16 * wide, wide, active=True)
            self.out = Full(wide, wide if classes else 1)

        def forward(self, x: Any, mapped: Any) -> Any:
            n, c, h, w = x.shape
            y = x.reshape(group, n // group, c, h, w)
            y = (y - y.mean(0, keepdim=True)).square().mean(0)
            y = (y + 1e-8).sqrt().mean([1, 2, 3]).repeat(group).reshape(n, 1, 1, 1)
            x = self.conv(torch.cat([x, y.expand(n, 1, h, w)], 1))
            x = self.out(self.fc(x.flatten(1)))
            return x[:, 0] if mapped is None else (x * mapped).sum(1) / math.sqrt(mapped.shape[1])

    class Discriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for level in range(len(widths) - 1, 0, -1):
                first = image_channels if level == len(widths) - 1 else 0
                setattr(self, f"b{4 << level}", DiscriminatorBlock(first, widths[level], widths[level - 1]))
            if classes:
                self.mapping = Mapping(0, widths[0], 8, averaged=False)
            self.b4 = Epilogue()

        def forward(self, x: Any, labels: Any) -> Any:
            for level in range(len(widths) - 1, 0, -1):
                x = getattr(self, f"b{4 << level}")(x)
            return self.b4(x, self.mapping(None, labels) if classes else None)

    return Generator(), Discriminator()


def channels_last(image: Any) -> list[float]:
    """The numbers that are kept of an image NCHW."""
    return part(image.detach().permute(0, 2, 3, 1).numpy())


def run(case: str) -> dict[str, Any]:
    """Numbers of both networks."""
    import torch

    generator, discriminator = modules(case)
    shapes = []
    for module in (generator, discriminator):
        shapes.append({name: list(array.shape) for name, array in module.state_dict().items()})
        module.load_state_dict({name: torch.from_numpy(array) for name, array in draw(shapes[-1]).items()})
        module.double()
    inputs = {name: torch.from_numpy(array) for name, array in draw_inputs(case).items()}
    latents, labels, images = inputs["latents"].double(), inputs["labels"], inputs["images"].double()
    images = images.permute(0, 3, 1, 2).requires_grad_(True)
    styles = generator.styles(latents, labels)
    made = generator.synthesis(styles)
    logits = discriminator(images, labels)
    numbers = {
        "shapes": shapes,
        "styles": part(styles[:, 0].detach().numpy()),
        "images": channels_last(made),
        "truncated": channels_last(generator.synthesis(generator.styles(latents, labels, psi=0.7))),
        "cut_off": channels_last(generator.synthesis(generator.styles(latents, labels, psi=0.5, cutoff=3))),
        "logits": logits.detach().numpy().tolist(),
    }
    if case == "residual_256":  # XLA takes its time over the gradients of as many layers
        return numbers
    (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    r1 = slopes.square().sum([1, 2, 3])
    first = getattr(discriminator, f"b{images.shape[-1]}")
    (r1_gradient,) = torch.autograd.grad(r1.mean(), first.fromrgb.weight)
    noise = inputs["path_noise"].double().permute(0, 3, 1, 2)
    (path,) = torch.autograd.grad((made * noise).sum(), styles, create_graph=True)
    lengths = path.square().sum(2).mean(1).sqrt()
    penalty = (lengths - 0.5).square().mean()
    path_gradient, affine_gradient = torch.autograd.grad(
        penalty, [generator.synthesis.b8.conv0.weight, generator.synthesis.b4.conv1.affine.weight]
    )

    return numbers | {
        "r1": r1.detach().numpy().tolist(),
        "r1_gradient": part(r1_gradient.permute(2, 3, 1, 0).numpy()),
        "path_lengths": lengths.detach().numpy().tolist(),
        "path_gradient": part(path_gradient.permute(2, 3, 1, 0).numpy()),
        "affine_gradient": part(affine_gradient.T.numpy()),
    }


def main() -> None:
    """Runs all cases."""
    import torch

    numbers: dict[str, Any] = {"torch": torch.__version__} | {case: run(case) for case in CASES}
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

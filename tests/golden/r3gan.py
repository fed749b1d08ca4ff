"""Writes r3gan.json: numbers of a small PyTorch R3GAN, which tests/families/test_r3gan.py holds ours against.

    python tests/golden/r3gan.py

The networks are those of https://github.com/brownvc/R3GAN, class-conditional and at small widths, in float64. They
resample by torch's convolutions with the filter (1, 2, 1) convolved with (1, 1). `draw` makes the weights, and the test
draws the same ones. `sizes` counts the published networks, layer by layer.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np

WIDTHS, GROUPS, NUM_CLASSES, LATENT_DIM, BATCH = (12, 8, 8), (4, 2, 4), 3, 5, 4
LABEL_FEATURES, CLASS_FEATURES, BLOCKS, EXPANSION, CHANNELS, GAMMA = 6, 12, 1, 2, 3, 0.7
ADAM_BATCH, ADAM_IMAGES = 8, 30
ADAM_GRADIENTS = (
    [0.3, -1.0, 2.0],
    [-0.2, 0.5, 1.0],
    [0.1, 0.0, -3.0],
    [0.4, 0.7, 0.2],
    [-1.0, 2.0, 0.5],
    [0.3, 0.1, -1.0],
)
SHARE = 7  # of the entries of images and gradients, one in so many is kept
PUBLISHED_BLOCKS = 2
PUBLISHED = {  # widths, groups and classes, from 4 x 4 upwards
    "cifar10": ([768] * 4, [96] * 4, 10),
    "ffhq64": ([768] * 4 + [384], [96] * 4 + [48], 0),
    "ffhq256": ([768] * 4 + [384, 192, 96], [96] * 4 + [48, 24, 12], 0),
    "imagenet32": ([1536] * 4, [96] * 4, 1000),
    "imagenet64": ([1536] * 5, [96] * 5, 1000),
}


def draw() -> dict[str, np.ndarray]:
    """Inputs and weights in PyTorch's layout, float32, from one seeded generator."""
    random = np.random.default_rng(2024)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype(np.float32)

    side = 4 << (len(WIDTHS) - 1)
    arrays = {
        "latents": normal(BATCH, LATENT_DIM),
        "labels": random.integers(0, NUM_CLASSES, BATCH),
        "images": np.tanh(normal(BATCH, CHANNELS, side, side)),
    }
    for network in ("generator", "discriminator"):
        for name, shape in _weights(network):
            is_vector = len(shape) == 1
            scale = 0.1 if is_vector else float(np.prod(shape[1:])) ** -0.5
            arrays[f"{network}/{name}"] = normal(*shape, scale=scale)
    return arrays


def _weights(network: str) -> list[tuple[str, tuple[int, ...]]]:
    """Names as jgan has them, shapes as torch has them."""
    up = network == "generator"
    widths, groups = (WIDTHS, GROUPS) if up else (WIDTHS[::-1], GROUPS[::-1])
    sides = [4 << level for level in range(len(WIDTHS))]
    sides = sides if up else sides[::-1]
    if up:
        layers = [("class_vectors", (NUM_CLASSES, LABEL_FEATURES)), ("basis", (widths[0], 4, 4))]
        layers += [
            ("from_latents", (widths[0], LATENT_DIM + LABEL_FEATURES)),
            ("to_image", (CHANNELS, widths[-1], 1, 1)),
        ]
    else:
        layers = [("class_vectors", (NUM_CLASSES, CLASS_FEATURES)), ("basis", (widths[-1], 4, 4))]
        layers += [("to_logit", (CLASS_FEATURES, widths[-1])), ("from_image", (widths[0], CHANNELS, 1, 1))]
    for (before, _), (after, side) in itertools.pairwise(zip(widths, sides, strict=True)):
        if before != after:
            layers.append((f"to_{side}", (after, before, 1, 1)))
    for width, count, side in zip(widths, groups, sides, strict=True):
        hidden = EXPANSION * width
        for index in range(1, BLOCKS + 1):
            name = f"block_{side}_{index}"
            layers += [(f"{name}/conv_1", (hidden, width, 1, 1)), (f"{name}/conv_1/bias", (hidden,))]
            layers += [(f"{name}/conv_2", (hidden, hidden // count, 3, 3)), (f"{name}/conv_2/bias", (hidden,))]
            layers.append((f"{name}/conv_3", (width, hidden, 1, 1)))
    return layers


def main() -> None:
    """Runs both networks, and differentiates the discriminator's whole loss and the generator's."""
    import torch
    from torch.nn import functional

    arrays = {name: torch.from_numpy(array) for name, array in draw().items()}
    weights = {name: array.double() for name, array in arrays.items() if name != "labels"}
    labels = arrays["labels"]
    edge = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64)
    kernel = (edge[:, None] * edge / 64)[None, None]

    def twice(x: torch.Tensor) -> torch.Tensor:
        maps = x.flatten(0, 1)[:, None]
        made = functional.conv_transpose2d(maps, 4 * kernel, stride=2, padding=1)
        return made.reshape(*x.shape[:2], *made.shape[2:])

    def half(x: torch.Tensor) -> torch.Tensor:
        made = functional.conv2d(x.flatten(0, 1)[:, None], kernel, stride=2, padding=1)
        return made.reshape(*x.shape[:2], *made.shape[2:])

    def block(x: torch.Tensor, name: str, groups: int) -> torch.Tensor:
        y = functional.conv2d(x, weights[f"{name}/conv_1"], weights[f"{name}/conv_1/bias"])
        y = functional.leaky_relu(y, 0.2)
        y = functional.conv2d(y, weights[f"{name}/conv_2"], weights[f"{name}/conv_2/bias"], padding=1, groups=groups)
        return x + functional.conv2d(functional.leaky_relu(y, 0.2), weights[f"{name}/conv_3"])

    def run(x: torch.Tensor, network: str) -> torch.Tensor:
        """The stages of either network."""
        groups = GROUPS if network == "generator" else GROUPS[::-1]
        for level, count in enumerate(groups):
            side = 4 << (level if network == "generator" else len(GROUPS) - 1 - level)
            if level:
                x = half(x) if network == "discriminator" else x
                if f"{network}/to_{side}" in weights:
                    x = functional.conv2d(x, weights[f"{network}/to_{side}"])
                x = twice(x) if network == "generator" else x
            for index in range(1, BLOCKS + 1):
                x = block(x, f"{network}/block_{side}_{index}", count)
        return x

    def generate() -> torch.Tensor:
        x = torch.cat([weights["latents"], weights["generator/class_vectors"][labels]], dim=1)
        x = functional.linear(x, weights["generator/from_latents"])[:, :, None, None] * weights["generator/basis"]
        return functional.conv2d(run(x, "generator"), weights["generator/to_image"])

    def discriminate(images: torch.Tensor) -> torch.Tensor:
        x = run(functional.conv2d(images, weights["discriminator/from_image"]), "discriminator")
        basis = weights["discriminator/basis"][:, None]
        x = functional.conv2d(x, basis, groups=len(basis)).flatten(1)
        x = functional.linear(x, weights["discriminator/to_logit"])
        return (x * weights["discriminator/class_vectors"][labels]).sum(1)

    def squared_slope(images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return slope.square().sum((1, 2, 3))

    learned = ("generator/block_4_1/conv_2", "generator/basis", "discriminator/block_8_1/conv_2")
    learned += ("discriminator/block_16_1/conv_1/bias", "discriminator/basis")
    for name in learned:
        weights[name].requires_grad_()
    fake = generate()
    real, seen = weights["images"].requires_grad_(), fake.detach().requires_grad_()
    logits_real, logits_fake = discriminate(real), discriminate(seen)
    penalties = squared_slope(real, logits_real), squared_slope(seen, logits_fake)
    discriminator_loss = (functional.softplus(logits_fake - logits_real) + GAMMA / 2 * sum(penalties)).mean()
    generator_loss = functional.softplus(discriminate(real) - discriminate(fake)).mean()

    def part(x: torch.Tensor) -> list[float]:
        """Some entries in our layout: NHWC images, kernels [height, width, in, out], vectors as they are."""
        if x.ndim == 4:
            x = x.permute(2, 3, 1, 0)
        elif x.ndim == 3:
            x = x.permute(1, 2, 0)
        return x.flatten()[::SHARE].tolist()

    gradients = {}
    for name in learned:
        loss = generator_loss if name.startswith("generator") else discriminator_loss
        gradients[name] = part(torch.autograd.grad(loss, weights[name], retain_graph=True)[0])
    numbers = {
        "torch": torch.__version__,
        "images": fake.permute(0, 2, 3, 1).flatten()[::SHARE].tolist(),
        "logits": logits_real.tolist(),
        "losses": [discriminator_loss.item(), generator_loss.item()],
        "penalties": [penalty.mean().item() for penalty in penalties],
        "gradients": gradients,
        "sizes": sizes(),
        "adam": adam(),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


def adam() -> list[list[float]]:
    """A vector after each step of torch.optim.Adam, its rate and second beta set anew before every step."""
    import math

    import torch

    weight = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    optimizer = torch.optim.Adam([weight], betas=(0.0, 0.9), eps=1e-8)
    found = []
    for step, gradient in enumerate(ADAM_GRADIENTS):
        progress = 0.5 * (1.0 - math.cos(math.pi * min(step * ADAM_BATCH / ADAM_IMAGES, 1.0)))
        optimizer.param_groups[0]["lr"] = 0.2 + progress * (0.05 - 0.2)
        optimizer.param_groups[0]["betas"] = (0.0, 0.9 + progress * (0.99 - 0.9))
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        found.append(weight.tolist())
    return found


def sizes() -> dict[str, list[int]]:
    """Parameters of generator and discriminator of every published network, as torch's modules hold them."""
    from torch import nn

    def blocks(widths: list[int], groups: list[int]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for width, count in zip(widths, groups, strict=True):
            hidden = EXPANSION * width
            for _ in range(PUBLISHED_BLOCKS):
                layers += [nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, hidden, 3, padding=1, groups=count)]
                layers.append(nn.Conv2d(hidden, width, 1, bias=False))
        pairs = (pair for pair in itertools.pairwise(widths) if pair[0] != pair[1])
        return layers + [nn.Conv2d(*pair, 1, bias=False) for pair in pairs]

    counts = {}
    for name, (widths, groups, classes) in PUBLISHED.items():
        first, features = widths[0], 64 if classes else 0
        shared = [*blocks(widths, groups), nn.Conv2d(widths[-1], 3, 1, bias=False)]  # from or to images
        generator = [nn.Linear(64 + features, first, bias=False), nn.Linear(classes, features, bias=False)]
        generator.append(nn.Conv2d(first, first, 4, groups=first, bias=False))  # as large as its constant basis
        judge = [
            nn.Conv2d(first, first, 4, groups=first, bias=False),
            nn.Linear(first, first if classes else 1, bias=False),
        ]
        judge.append(nn.Linear(classes, first if classes else 0, bias=False))
        counts[name] = [
            sum(weight.numel() for layer in shared + own for weight in layer.parameters()) for own in (generator, judge)
        ]
    return counts


if __name__ == "__main__":
    main()

"""Writes backbones.json: numbers of PyTorch, for tests/backbones/test_backbones.py and tests/metrics/test_lpips.py.

    python tests/golden/backbones.py

AlexNet, VGG-16 and VGG-19 have torchvision's layers, in torchvision's order, and drawn weights; LPIPS is written after
https://github.com/richzhang/PerceptualSimilarity (`lpips/lpips.py`, `lpips/pretrained_networks.py`), with drawn heads.
All runs in float64, and once in float32: the difference is how far a correct float32 network is off.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

POOL = "pool"
ALEXNET = ((64, 11, 4, 2), POOL, (192, 5, 1, 2), POOL, (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1), POOL)
VGG_CHANNELS = (64, 128, 256, 512, 512)


def vgg(*counts: int) -> tuple:
    """Channels, kernel, stride and padding of the convolutions."""
    layers = []
    for count, channels in zip(counts, VGG_CHANNELS, strict=True):
        layers += [(channels, 3, 1, 1)] * count + [POOL]
    return tuple(layers)


NETWORKS = {"alexnet": ALEXNET, "vgg16": vgg(2, 2, 3, 3, 3), "vgg19": vgg(2, 2, 4, 4, 4)}
# LPIPS: its network, and the places in `features` whose outputs it takes, all of them ReLUs.
LPIPS = {"alex": ("alexnet", (1, 4, 7, 9, 11)), "vgg": ("vgg16", (3, 8, 15, 22, 29))}
TAPS = {"relu1_2": 3, "conv4_1": 19, "conv5_4": 34, "relu5_4": 35}  # of VGG-19's `features`
SIZES = ((64, 49), (31, 80))


def images() -> list[np.ndarray]:
    """Pairs of noisy waves, uint8 [2, h, w, 3], of each size."""
    random = np.random.default_rng(2018)
    pairs = []
    for height, width in SIZES:
        y, x = np.mgrid[:height, :width] / 16.0
        waves = np.stack([np.sin(a * x + b * y + c) for a, b, c in random.uniform(-3, 3, (3, 3))], -1)
        noisy = 128 + 90 * waves + random.normal(0, [[[[8]]], [[[30]]]], (2, height, width, 3))
        pairs.append(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return pairs


def draw(network: str) -> dict[str, np.ndarray]:
    """A state dict with torchvision's names, float32, whose signal neither dies nor blows up."""
    random = np.random.default_rng(len(network))
    arrays, index, inside = {"classifier.1.weight": np.zeros((2, 2), np.float32)}, 0, 3
    for layer in NETWORKS[network]:
        if layer == POOL:
            index += 1
            continue
        outside, kernel, _, _ = layer
        deviation = np.float32(math.sqrt(2 / (inside * kernel**2)))
        shape = (outside, inside, kernel, kernel)
        arrays[f"features.{index}.weight"] = deviation * random.standard_normal(shape, np.float32)
        arrays[f"features.{index}.bias"] = np.float32(0.1) * random.standard_normal(outside, np.float32)
        index, inside = index + 2, outside
    return arrays


def draw_heads(backbone: str) -> dict[str, np.ndarray]:
    """A state dict of LPIPS, not negative, float32."""
    random = np.random.default_rng(5)
    channels = (64, 192, 384, 256, 256) if backbone == "alex" else VGG_CHANNELS
    return {
        f"lin{index}.model.1.weight": random.random((1, count, 1, 1), np.float32)
        for index, count in enumerate(channels)
    }


def sample(array: np.ndarray) -> np.ndarray:
    """What is stored of features or gradients [n, h, w, c]."""
    return array.reshape(-1)[:: max(1, array.size // 24)]


def main() -> None:
    """Runs the networks."""
    import torch
    from torch import nn

    def sequential(network: str) -> nn.Sequential:
        layers, inside = [], 3
        for layer in NETWORKS[network][:-1]:  # the last pool comes after all that is taken
            if layer == POOL:
                layers.append(nn.MaxPool2d(3 if network == "alexnet" else 2, 2))
            else:
                outside, kernel, stride, padding = layer
                layers += [nn.Conv2d(inside, outside, kernel, stride, padding), nn.ReLU()]
                inside = outside
        module = nn.Sequential(*layers)
        used = {name.removeprefix("features."): array for name, array in draw(network).items() if "features" in name}
        module.load_state_dict({name: torch.from_numpy(array) for name, array in used.items()})
        return module

    def outputs(module: nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
        results = []
        for layer in module:
            x = layer(x)
            results.append(x)
        return results

    def row(values: tuple[float, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype).reshape(1, 3, 1, 1)

    def lpips(backbone: str, dtype: torch.dtype) -> np.ndarray:
        network, places = LPIPS[backbone]
        module = sequential(network).to(dtype)
        heads = [torch.from_numpy(head).to(dtype) for head in draw_heads(backbone).values()]
        shift, scale = row((-0.030, -0.088, -0.188), dtype), row((0.458, 0.448, 0.450), dtype)
        distances = []
        for pair in images():
            x = torch.from_numpy(pair).to(dtype).permute(0, 3, 1, 2) / (255 / 2) - 1
            features = outputs(module, (x - shift) / scale)
            total = 0.0
            for place, head in zip(places, heads, strict=True):
                length = torch.sqrt(torch.sum(features[place] ** 2, dim=1, keepdim=True))
                first, second = features[place] / (length + 1e-10)
                total += nn.functional.conv2d((first - second)[None] ** 2, head).mean().item()
            distances.append(total)
        return np.array(distances)

    def vgg19(dtype: torch.dtype) -> dict[str, np.ndarray]:
        module = sequential("vgg19").to(dtype)
        x = torch.from_numpy(images()[0]).to(dtype).permute(0, 3, 1, 2) / 127.5 - 1
        x.requires_grad_()
        normal = ((x + 1) / 2 - row((0.485, 0.456, 0.406), dtype)) / row((0.229, 0.224, 0.225), dtype)
        features = outputs(module, normal)
        features[TAPS["conv5_4"]].square().mean().backward()
        named = {name: features[place] for name, place in TAPS.items()} | {"gradient": x.grad}
        return {name: tensor.detach().permute(0, 2, 3, 1).double().numpy() for name, tensor in named.items()}

    numbers = {"torch": torch.__version__}
    for backbone in LPIPS:
        exact, rounded = lpips(backbone, torch.float64), lpips(backbone, torch.float32)
        numbers[f"lpips/{backbone}"] = exact.tolist()
        numbers[f"lpips/{backbone}_error"] = float(np.abs(rounded - exact).max())
    exact, rounded = vgg19(torch.float64), vgg19(torch.float32)
    for name, array in exact.items():
        numbers[f"vgg19/{name}"] = sample(array).tolist()
        numbers[f"vgg19/{name}_shape"] = list(array.shape)
        numbers[f"vgg19/{name}_error"] = float(np.sqrt(np.square(rounded[name] - array).mean()))
        numbers[f"vgg19/{name}_deviation"] = float(array.std())
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()

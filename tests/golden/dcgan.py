"""Writes dcgan.json: numbers of a small PyTorch DCGAN, which tests/families/test_dcgan.py holds ours against.

    python tests/golden/dcgan.py

The networks are those of the PyTorch DCGAN example (https://github.com/pytorch/examples/tree/main/dcgan) at a width
of 4 and 16 x 16 pixels. `draw` makes the weights, and the test draws the same ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

RESOLUTION, CHANNELS, LATENT_DIM, BATCH = 16, 4, 5, 6
BLOCKS = (4, 8)  # resolutions of the hidden layers


def draw() -> dict[str, np.ndarray]:
    """Inputs and weights in PyTorch's layout, float32, from one seeded generator."""
    random = np.random.default_rng(2016)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype(np.float32)

    arrays = {"latents": normal(BATCH, LATENT_DIM), "images": np.tanh(normal(BATCH, 3, RESOLUTION, RESOLUTION))}
    wide = 2 * CHANNELS
    kernels = {
        "generator/block_4": (LATENT_DIM, wide, 4, 4),
        "generator/block_8": (wide, CHANNELS, 4, 4),
        "generator/to_image": (CHANNELS, 3, 4, 4),
        "discriminator/block_8": (CHANNELS, 3, 4, 4),
        "discriminator/block_4": (wide, CHANNELS, 4, 4),
        "discriminator/to_logit": (1, wide, 4, 4),
    }
    for name, shape in kernels.items():
        arrays[f"{name}/conv"] = normal(*shape, scale=0.2)
    for name, size in {"generator/block_4": wide, "generator/block_8": CHANNELS, "discriminator/block_4": wide}.items():
        arrays[f"{name}/scale"] = 1.0 + normal(size, scale=0.1)
        arrays[f"{name}/bias"] = normal(size, scale=0.1)
        arrays[f"{name}/mean"] = normal(size, scale=0.1)
        arrays[f"{name}/var"] = np.exp(normal(size, scale=0.1))
    return arrays


def main() -> None:
    """Runs both networks, with batch statistics and with the running ones."""
    import torch
    from torch.nn import functional

    arrays = {name: torch.from_numpy(array) for name, array in draw().items()}

    def norm(x: torch.Tensor, name: str, train: bool) -> torch.Tensor:
        mean, var, scale, bias = (arrays[f"{name}/{part}"] for part in ("mean", "var", "scale", "bias"))
        return functional.batch_norm(x, mean.clone(), var.clone(), scale, bias, training=train, eps=1e-5)

    def generate(train: bool) -> torch.Tensor:
        x = arrays["latents"][:, :, None, None]
        for resolution in BLOCKS:
            name = f"generator/block_{resolution}"
            stride, padding = (1, 0) if resolution == BLOCKS[0] else (2, 1)
            x = functional.conv_transpose2d(x, arrays[f"{name}/conv"], stride=stride, padding=padding)
            x = functional.relu(norm(x, name, train))
        return torch.tanh(functional.conv_transpose2d(x, arrays["generator/to_image/conv"], stride=2, padding=1))

    def discriminate(train: bool) -> torch.Tensor:
        x = functional.conv2d(arrays["images"], arrays["discriminator/block_8/conv"], stride=2, padding=1)
        x = functional.leaky_relu(x, 0.2)
        x = functional.conv2d(x, arrays["discriminator/block_4/conv"], stride=2, padding=1)
        x = functional.leaky_relu(norm(x, "discriminator/block_4", train), 0.2)
        return functional.conv2d(x, arrays["discriminator/to_logit/conv"]).flatten()

    numbers = {"torch": torch.__version__}
    for mode, train in {"train": True, "eval": False}.items():
        images = generate(train).permute(0, 2, 3, 1)
        numbers[f"images_{mode}"] = images[0, ::5, ::5].flatten().tolist()  # NHWC
        numbers[f"mean_square_{mode}"] = images.square().mean().item()
        numbers[f"logits_{mode}"] = discriminate(train).tolist()
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()

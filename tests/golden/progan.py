"""Writes progan.json: numbers of a small PyTorch ProGAN, which tests/families/test_progan.py holds ours against.

    python tests/golden/progan.py

The networks are those of https://github.com/tkarras/progressive_growing_of_gans (networks.py), with classes, at 8 x 8
pixels while the second block fades in. `draw` makes the weights, and the test draws the same ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

NUM_CLASSES, LATENT_DIM, BATCH = 3, 5, 8
WIDTHS, RESOLUTION, FADE = (6, 5), 8, 0.3
SHARE = 3  # of the entries of images and gradients, one in so many is kept


def draw() -> dict[str, np.ndarray]:
    """Inputs and weights in PyTorch's layout, float32, from one seeded generator."""
    random = np.random.default_rng(2017)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype(np.float32)

    arrays = {
        "latents": normal(BATCH, LATENT_DIM),
        "labels": random.integers(0, NUM_CLASSES, BATCH),
        "images": np.tanh(normal(BATCH, 3, RESOLUTION, RESOLUTION)),
    }
    for name, shape in _weights().items():
        arrays[f"{name}/weight"] = normal(*shape)
        # The bias that follows the first layer is one for each of its channels.
        arrays[f"{name}/bias"] = normal(WIDTHS[0] if name == "generator/from_latents" else shape[0], scale=0.1)
    return arrays


def _weights() -> dict[str, tuple[int, ...]]:
    low, high = WIDTHS
    return {
        "generator/from_latents": (16 * low, LATENT_DIM + NUM_CLASSES),
        "generator/conv_4": (low, low, 3, 3),
        "generator/block_8/conv_1": (high, low, 3, 3),
        "generator/block_8/conv_2": (high, high, 3, 3),
        "generator/to_image_4": (3, low, 1, 1),
        "generator/to_image_8": (3, high, 1, 1),
        "discriminator/from_image_8": (high, 3, 1, 1),
        "discriminator/from_image_4": (low, 3, 1, 1),
        "discriminator/block_8/conv_1": (high, high, 3, 3),
        "discriminator/block_8/conv_2": (low, high, 3, 3),
        "discriminator/conv_4": (low, low + 1, 3, 3),
        "discriminator/dense": (low, 16 * low),
        "discriminator/to_logit": (1, low),
        "discriminator/to_classes": (NUM_CLASSES, low),
    }


def main() -> None:
    """Runs both networks, and differentiates them once and twice."""
    import torch
    from torch.nn import functional

    arrays = {name: torch.from_numpy(array) for name, array in draw().items()}
    for name, array in arrays.items():
        array.requires_grad_(name.endswith("/weight"))

    def layer(x: torch.Tensor, name: str, gain: float = 2**0.5) -> torch.Tensor:
        weight, bias = arrays[f"{name}/weight"], arrays[f"{name}/bias"]
        weight = weight * (gain / np.prod(weight.shape[1:]) ** 0.5)
        if weight.ndim == 2:
            return functional.linear(x, weight, bias)
        return functional.conv2d(x, weight, bias, padding=weight.shape[2] // 2)

    def pixel_norm(x: torch.Tensor) -> torch.Tensor:
        return x / torch.sqrt(x.square().mean(1, keepdim=True) + 1e-8)

    def activate(x: torch.Tensor) -> torch.Tensor:
        return functional.leaky_relu(x, 0.2)

    def double(x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=2, mode="nearest")

    def generate() -> torch.Tensor:
        one_hot = functional.one_hot(arrays["labels"], NUM_CLASSES).float()
        x = pixel_norm(torch.cat([arrays["latents"], one_hot], 1))
        weight = arrays["generator/from_latents/weight"]
        x = functional.linear(x, weight * (2**0.5 / 4 / weight.shape[1] ** 0.5))
        x = x.reshape(BATCH, 4, 4, WIDTHS[0]).permute(0, 3, 1, 2)  # ours are NHWC
        x = pixel_norm(activate(x + arrays["generator/from_latents/bias"][:, None, None]))
        x = pixel_norm(activate(layer(x, "generator/conv_4")))
        before = layer(x, "generator/to_image_4", gain=1.0)
        x = pixel_norm(activate(layer(double(x), "generator/block_8/conv_1")))
        x = pixel_norm(activate(layer(x, "generator/block_8/conv_2")))
        return torch.lerp(double(before), layer(x, "generator/to_image_8", gain=1.0), FADE)

    def discriminate(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = activate(layer(images, "discriminator/from_image_8"))
        x = activate(layer(x, "discriminator/block_8/conv_1"))
        x = activate(functional.avg_pool2d(layer(x, "discriminator/block_8/conv_2"), 2))
        before = activate(layer(functional.avg_pool2d(images, 2), "discriminator/from_image_4"))
        x = torch.lerp(before, x, FADE)
        groups = x.reshape(4, BATCH // 4, *x.shape[1:])
        deviation = torch.sqrt(groups.var(0, unbiased=False) + 1e-8).mean((1, 2, 3)).repeat(4)
        x = torch.cat([x, deviation[:, None, None, None].expand(-1, 1, 4, 4)], 1)
        x = activate(layer(x, "discriminator/conv_4")).permute(0, 2, 3, 1).flatten(1)  # as ours are flattened
        x = activate(layer(x, "discriminator/dense"))
        return (
            layer(x, "discriminator/to_logit", gain=1.0)[:, 0],
            layer(x, "discriminator/to_classes", gain=1.0),
        )

    def gradient(loss: torch.Tensor, name: str) -> list[float]:
        """Some entries of a kernel's, in our layout [height, width, in, out]."""
        (slope,) = torch.autograd.grad(loss, arrays[f"{name}/weight"], retain_graph=True)
        return slope.permute(2, 3, 1, 0).flatten()[::SHARE].tolist()

    made = generate()
    images = arrays["images"].requires_grad_()
    logits, class_logits = discriminate(images)
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    penalty = (slope.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
    numbers = {
        "torch": torch.__version__,
        "images": made.permute(0, 2, 3, 1).flatten()[::SHARE].tolist(),
        "generator_gradient": gradient(made.square().mean(), "generator/block_8/conv_1"),
        "logits": logits.tolist(),
        "class_logits": class_logits.flatten().tolist(),
        "penalty": penalty.item(),
        "penalty_gradient": gradient(penalty, "discriminator/block_8/conv_2"),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()

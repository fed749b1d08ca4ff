"""Writes sngan.json: numbers of a small PyTorch SNGAN, which tests/families/test_sngan.py holds ours against.

    python tests/golden/sngan.py

The networks are the class-conditional ones of https://github.com/pfnet-research/sngan_projection, at small widths and
16 x 16 pixels, with torch.nn.utils.spectral_norm in the discriminator. `draw` makes the weights, and the test draws the
same ones.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np

RESOLUTION, NUM_CLASSES, LATENT_DIM, BATCH = 16, 3, 5, 6
GENERATOR_WIDTHS, DISCRIMINATOR_WIDTHS, DOWNSAMPLES = (8, 8, 6), (6, 8, 8, 10), 2
SHARE = 7  # of the entries of images and gradients, one in so many is kept


def draw() -> dict[str, np.ndarray]:
    """Inputs and weights in PyTorch's layout, float32, from one seeded generator."""
    random = np.random.default_rng(2018)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype(np.float32)

    arrays = {
        "latents": normal(BATCH, LATENT_DIM),
        "labels": random.integers(0, NUM_CLASSES, BATCH),
        "images": np.tanh(normal(BATCH, 3, RESOLUTION, RESOLUTION)),
    }
    for name, shape in _weights():
        arrays[f"{name}/weight"] = normal(*shape, scale=np.prod(shape[1:]) ** -0.5)
        if not name.endswith("projection"):
            arrays[f"{name}/bias"] = normal(shape[0], scale=0.1)
        if name.startswith("discriminator"):
            u = normal(shape[0])
            arrays[f"{name}/u"] = u / np.linalg.norm(u)
    for name, shape in _norms():
        arrays[f"{name}/scale"] = 1.0 + normal(*shape, scale=0.1)
        arrays[f"{name}/bias"] = normal(*shape, scale=0.1)
    return arrays


def _weights() -> list[tuple[str, tuple[int, ...]]]:
    first, last = GENERATOR_WIDTHS[0], GENERATOR_WIDTHS[-1]
    layers = [("generator/from_latents", (16 * first, LATENT_DIM)), ("generator/to_image", (3, last, 3, 3))]
    for index, (before, after) in enumerate(itertools.pairwise(GENERATOR_WIDTHS)):
        name = f"generator/block_{8 * 2**index}"
        layers += [(f"{name}/conv_1", (after, before, 3, 3)), (f"{name}/conv_2", (after, after, 3, 3))]
        layers.append((f"{name}/shortcut", (after, before, 1, 1)))
    for index, (before, after) in enumerate(itertools.pairwise((3, *DISCRIMINATOR_WIDTHS))):
        name, hidden = f"discriminator/block_{index + 1}", before if index else after
        layers += [(f"{name}/conv_1", (hidden, before, 3, 3)), (f"{name}/conv_2", (after, hidden, 3, 3))]
        if index < DOWNSAMPLES or before != after:
            layers.append((f"{name}/shortcut", (after, before, 1, 1)))
    features = DISCRIMINATOR_WIDTHS[-1]
    return [*layers, ("discriminator/to_logit", (1, features)), ("discriminator/projection", (NUM_CLASSES, features))]


def _norms() -> list[tuple[str, tuple[int, ...]]]:
    norms = [("generator/norm", (GENERATOR_WIDTHS[-1],))]
    for index, (before, after) in enumerate(itertools.pairwise(GENERATOR_WIDTHS)):
        name = f"generator/block_{8 * 2**index}"
        norms += [(f"{name}/norm_1", (NUM_CLASSES, before)), (f"{name}/norm_2", (NUM_CLASSES, after))]
    return norms


def main() -> None:
    """Runs both networks in training mode, and differentiates them once and twice."""
    import torch
    from torch.nn import functional
    from torch.nn.utils import spectral_norm

    arrays = {name: torch.from_numpy(array) for name, array in draw().items()}

    def layer(name: str) -> torch.nn.Module:
        weight = arrays[f"{name}/weight"]
        if weight.ndim == 4:
            module = torch.nn.Conv2d(*weight.shape[1::-1], weight.shape[2], padding=weight.shape[2] // 2)
        elif name.endswith("projection"):
            module = torch.nn.Embedding(*weight.shape)
        else:
            module = torch.nn.Linear(*weight.shape[::-1])
        module.load_state_dict({part: arrays[f"{name}/{part}"] for part, _ in module.named_parameters()})
        if name.startswith("discriminator"):
            module = spectral_norm(module)
            module.weight_u.copy_(arrays[f"{name}/u"])
        return module

    layers = {name: layer(name) for name, _ in _weights()}
    labels = arrays["labels"]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        scale, bias = arrays[f"{name}/scale"], arrays[f"{name}/bias"]
        if scale.ndim == 2:
            scale, bias = scale[labels, :, None, None], bias[labels, :, None, None]
        else:
            scale, bias = scale[:, None, None], bias[:, None, None]
        return functional.batch_norm(x, None, None, training=True, eps=1e-5) * scale + bias

    def double(x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=2, mode="nearest")

    def generate() -> torch.Tensor:
        x = layers["generator/from_latents"](arrays["latents"])
        x = x.reshape(BATCH, 4, 4, -1).permute(0, 3, 1, 2)  # ours are NHWC
        for name in ("generator/block_8", "generator/block_16"):
            h = layers[f"{name}/conv_1"](double(functional.relu(norm(x, f"{name}/norm_1"))))
            h = layers[f"{name}/conv_2"](functional.relu(norm(h, f"{name}/norm_2")))
            x = h + layers[f"{name}/shortcut"](double(x))
        return torch.tanh(layers["generator/to_image"](functional.relu(norm(x, "generator/norm"))))

    def discriminate(images: torch.Tensor) -> torch.Tensor:
        x = images
        for index in range(len(DISCRIMINATOR_WIDTHS)):
            name = f"discriminator/block_{index + 1}"
            h = layers[f"{name}/conv_1"](functional.relu(x) if index else x)
            h = layers[f"{name}/conv_2"](functional.relu(h))
            x = layers[f"{name}/shortcut"](x) if f"{name}/shortcut" in layers else x
            x = functional.avg_pool2d(h + x, 2) if index < DOWNSAMPLES else h + x
        features = functional.relu(x).sum((2, 3))
        projected = (layers["discriminator/projection"](labels) * features).sum(1)
        return layers["discriminator/to_logit"](features)[:, 0] + projected

    def part(x: torch.Tensor) -> list[float]:
        """Some entries in our layout: NHWC images, kernels [height, width, in, out]."""
        return x.permute(2, 3, 1, 0).flatten()[::SHARE].tolist()

    made = generate()
    images = arrays["images"].requires_grad_()
    logits = discriminate(images)
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    penalty = slope.square().sum((1, 2, 3)).mean()
    kernel_made = layers["generator/block_8/conv_1"].weight
    kernel = layers["discriminator/block_2/conv_1"].weight_orig

    def gradient(loss: torch.Tensor, weight: torch.Tensor) -> list[float]:
        return part(torch.autograd.grad(loss, weight, retain_graph=True)[0])

    numbers = {
        "torch": torch.__version__,
        "images": made.permute(0, 2, 3, 1).flatten()[::SHARE].tolist(),
        "generator_gradient": gradient(made.square().mean(), kernel_made),
        "logits": logits.tolist(),
        "discriminator_gradient": gradient(logits.square().mean(), kernel),
        "penalty": penalty.item(),
        "penalty_gradient": gradient(penalty, kernel),
        "u": layers["discriminator/block_2/conv_1"].weight_u.tolist(),
        "u_projection": layers["discriminator/projection"].weight_u.tolist(),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()

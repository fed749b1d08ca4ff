"""Writes penalties.json: PyTorch's penalties and their gradients, which test_penalties.py holds ours against.

    python tests/golden/penalties.py

A small critic - convolution, leaky ReLU, fully connected, tanh, fully connected - in float64. The penalties on
gradients are differentiated twice by autograd. `draw` makes inputs, weights and all random numbers, and the test draws
the same ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

BATCH, RESOLUTION, CHANNELS, FEATURES, HIDDEN = 5, 6, 2, 4, 3
WEIGHTS = {  # in PyTorch's layout
    "conv.weight": (FEATURES, CHANNELS, 4, 4),
    "conv.bias": (FEATURES,),
    "hidden.weight": (HIDDEN, FEATURES * 3 * 3),  # of features in the order height, width, channel
    "hidden.bias": (HIDDEN,),
    "to_logit.weight": (1, HIDDEN),
    "to_logit.bias": (1,),
}
AVERAGE_REAL, AVERAGE_FAKE = 0.3, -0.2  # LeCam's, of the logits


def draw() -> dict[str, np.ndarray]:
    """Images in NHWC, weights, directions to project their gradients on, and uniform numbers, all float32."""
    random = np.random.default_rng(2017)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    def uniform(*shape: int) -> np.ndarray:
        return random.uniform(size=shape).astype(np.float32)

    images = BATCH, RESOLUTION, RESOLUTION, CHANNELS
    arrays = {"real": np.tanh(normal(*images)), "fake": np.tanh(normal(*images))}
    arrays["share"] = uniform(BATCH, 1, 1, 1)
    arrays["noise"] = uniform(*images)
    for name, shape in WEIGHTS.items():
        arrays[name] = 0.4 * normal(*shape)
        arrays[f"{name}/direction"] = normal(*shape)
    return arrays


def main() -> None:
    """Every penalty, one number an example or in all, and the gradient of its mean."""
    import torch
    from torch.nn import functional

    arrays = {name: torch.from_numpy(array).double() for name, array in draw().items()}
    weights = {name: arrays[name].requires_grad_() for name in WEIGHTS}
    real, fake, share = arrays["real"], arrays["fake"], arrays["share"]

    def critic(images: torch.Tensor) -> torch.Tensor:
        x = functional.conv2d(
            images.permute(0, 3, 1, 2), weights["conv.weight"], weights["conv.bias"], stride=2, padding=1
        )
        x = functional.leaky_relu(x, 0.2).permute(0, 2, 3, 1).flatten(1)
        x = torch.tanh(functional.linear(x, weights["hidden.weight"], weights["hidden.bias"]))
        return functional.linear(x, weights["to_logit.weight"], weights["to_logit.bias"])[:, 0]

    def squared_slope(images: torch.Tensor) -> torch.Tensor:
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
        return gradient.square().sum((1, 2, 3))

    def orthogonal() -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for weight in (weights["conv.weight"], weights["hidden.weight"], weights["to_logit.weight"]):
            rows = weight.flatten(1)
            products = rows @ rows.T
            total = total + (products * (1.0 - torch.eye(len(rows)))).square().sum()
        return total

    near = real + share * 0.5 * real.std(unbiased=False) * arrays["noise"]
    relu = functional.relu
    penalties = {
        "gradient": (squared_slope(share * fake + (1.0 - share) * real).sqrt() - 1.0).square(),
        "dragan": (squared_slope(near).sqrt() - 1.0).square(),
        "r1": squared_slope(real),
        "r2": squared_slope(fake),
        "drift": critic(real).square(),
        "lecam": relu(critic(real) - AVERAGE_FAKE).square() + relu(AVERAGE_REAL - critic(fake)).square(),
        "consistency": (critic(real) - critic(real.flip(2))).square(),
        "orthogonal": orthogonal(),
    }
    numbers: dict = {"torch": torch.__version__}
    for name, penalty in penalties.items():
        gradients = torch.autograd.grad(penalty.mean(), list(weights.values()), allow_unused=True, retain_graph=True)
        numbers[name] = {"values": penalty.tolist(), "gradients": {}}
        for (weight, _), gradient in zip(weights.items(), gradients, strict=True):
            if gradient is not None:
                along = (gradient * arrays[f"{weight}/direction"]).sum().item()
                numbers[name]["gradients"][weight] = {"norm": gradient.norm().item(), "along": along}
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()

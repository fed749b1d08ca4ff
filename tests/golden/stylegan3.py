"""Writes stylegan3.json: numbers of small generators of https://github.com/NVlabs/stylegan3, run as they are.

    python tests/golden/stylegan3.py --repo DIR

DIR is a checkout of that repository, and PyTorch and scipy are there; a CPU does. The file keeps names and shapes of
each state dict and some numbers; `draw` makes the weights, and the tests draw the same ones.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
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
SIGMAS = (0.3, 2.5)  # of the blur of what the discriminator sees


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


def draw_image() -> np.ndarray:
    """One to blur, NHWC, float32."""
    return np.random.default_rng(3).uniform(-1, 1, (1, 12, 12, 2)).astype(np.float32)


def module(case: str) -> Any:
    """The generator, with the drawn weights."""
    import torch
    from training import networks_stylegan3 as networks  # of the repository

    resolution, layers, base, most, rotations, channels, classes = CASES[case]
    kind = {"conv_kernel": 1, "use_radial_filters": True} if rotations else {}
    sizes = {"channel_base": base, "channel_max": most, "num_layers": layers}
    generator = networks.Generator(LATENT, classes, STYLE, resolution, channels, **sizes, **kind).eval()
    drawn = draw({name: list(array.shape) for name, array in generator.state_dict().items()})
    state = {name: torch.from_numpy(array) for name, array in drawn.items()}
    generator.load_state_dict({**generator.state_dict(), **state})
    return generator


def run(case: str) -> dict[str, Any]:
    """Numbers of the generator, the last ones of a pass that moves its averages."""
    import torch

    generator = module(case)
    inputs = {name: torch.from_numpy(array) for name, array in draw_inputs(case).items()}
    classes, latents = CASES[case][-1], inputs["latents"]
    labels = torch.nn.functional.one_hot(inputs["labels"], classes).float() if classes else torch.zeros(BATCH, 0)
    numbers: dict[str, Any] = {"shapes": {name: list(array.shape) for name, array in generator.state_dict().items()}}
    filters = {name: array for name, array in generator.state_dict().items() if name.endswith("_filter")}
    numbers["filters"] = {name: part(array.numpy()) for name, array in filters.items()}
    with torch.no_grad():
        numbers["styles"] = part(generator.mapping(latents, labels)[:, 0].numpy())
        for name, psi, cutoff in (("images", 1.0, None), ("truncated", 0.7, None), ("cut_off", 0.5, 3)):
            image = generator(latents, labels, truncation_psi=psi, truncation_cutoff=cutoff)
            numbers[name] = part(image.permute(0, 2, 3, 1).numpy())
        for layer in generator.synthesis.layer_names:
            getattr(generator.synthesis, layer).magnitude_ema_beta = 0.5 ** (BATCH / 20_000)
        numbers["advanced"] = part(generator(latents, labels, update_emas=True).permute(0, 2, 3, 1).numpy())
        averages = {name: array for name, array in generator.state_dict().items() if name.endswith(("_ema", "_avg"))}
        numbers["averages"] = {name: part(array.numpy()) for name, array in averages.items()}
    return numbers


def run_blur() -> list[list[float]]:
    """What the loss's blur makes of an image."""
    import torch
    from training.loss import StyleGAN2Loss  # of the repository

    seen = []
    discriminator = lambda image, *_, **__: seen.append(part(image.permute(0, 2, 3, 1).numpy()))  # noqa: E731
    loss = StyleGAN2Loss("cpu", None, discriminator)
    for sigma in SIGMAS:
        loss.run_D(torch.from_numpy(draw_image()).permute(0, 3, 1, 2), None, blur_sigma=sigma)
    return seen


def main() -> None:
    """Runs all cases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repo", required=True, help="a checkout of NVlabs/stylegan3")
    sys.path.insert(0, parser.parse_args().repo)
    import torch

    numbers: dict[str, Any] = {"torch": torch.__version__} | {case: run(case) for case in CASES}
    numbers["blurred"] = run_blur()
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

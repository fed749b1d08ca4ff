"""Writes published.json: numbers of small networks in PyTorch, which tests/published/test_published.py reads as files.

    python tests/golden/published.py

Each network is written anew with torch's layers after the structure of its code base, so that its state dict has the
official names, shapes and buffers: in published_dcgan.py, published_biggan.py, published_mimicry.py and
published_r3gan.py, which alone import torch. `draw` makes the numbers of a state dict from its shapes, and the test
draws the same ones. Networks with spectral norm go through one forward pass of training, as the test's do.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np

BATCH, CLASSES, SHARE = 3, 3, 11  # of the entries of images, one in so many is kept
INPUTS = {  # what each network takes: latents of a size, or images of a resolution
    "dcgan_generator": ("latents", 5),
    "dcgan_discriminator": ("images", 16),
    "biggan_generator": ("latents", 12),
    "biggan_unshared": ("latents", 6),
    "biggan_discriminator": ("images", 16),
    "mimicry_generator": ("latents", 6),
    "mimicry_conditional": ("latents", 6),
    "mimicry_discriminator": ("images", 16),
    "mimicry_projection": ("images", 16),
    "r3gan_generator": ("latents", 5),
    "r3gan_discriminator": ("images", 16),
}


def draw(case: str, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """A state dict in PyTorch's layout, float32."""
    random = np.random.default_rng(zlib.crc32(case.encode()))
    return {name: _tensor(random, name, tuple(shape)) for name, shape in shapes.items()}


def _tensor(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    leaf = name.rpartition(".")[2]
    if leaf == "Kernel":  # R3GAN's filter
        edge = np.float32([1, 3, 3, 1])
        return np.outer(edge, edge) / 64
    if leaf in ("sv0", "sn_sigma"):
        return np.ones(shape, np.float32)
    if leaf == "num_batches_tracked":
        return np.array(7)
    if leaf.endswith("var"):
        return np.exp(0.3 * random.standard_normal(shape)).astype(np.float32)
    numbers = random.standard_normal(shape)
    if len(shape) > 1 and not leaf.startswith(("u", "sn_u", "Basis")):
        numbers *= np.prod(shape[1:]) ** -0.5
    elif leaf in ("weight_u", "weight_v", "u0", "sn_u"):
        numbers /= np.linalg.norm(numbers)
    elif leaf.startswith(("bias", "Bias", "gamma")) or leaf.endswith("mean"):
        numbers *= 0.2
    elif leaf in ("weight", "gain"):  # of norms
        numbers = 1.0 + 0.2 * numbers
    return numbers.astype(np.float32)


def draw_inputs(case: str) -> tuple[np.ndarray, np.ndarray]:
    """(latents [n, z] or images [n, h, w, 3], labels [n])."""
    random = np.random.default_rng(5)
    kind, size = INPUTS[case]
    shape = (BATCH, size) if kind == "latents" else (BATCH, size, size, 3)
    inputs = random.standard_normal(shape).astype(np.float32)
    return inputs if kind == "latents" else np.tanh(inputs), random.integers(0, CLASSES, BATCH)


def main() -> None:
    """Runs every network on its drawn state dict, as it is used: generators in eval mode, discriminators training."""
    import published_biggan
    import published_dcgan
    import published_mimicry
    import published_r3gan
    import torch

    modules = published_dcgan, published_biggan, published_mimicry, published_r3gan
    networks = {case: network for module in modules for case, network in module.NETWORKS.items()}
    numbers = {"torch": torch.__version__}
    for case, module in networks.items():
        shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
        module.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in draw(case, shapes).items()})
        module.train("discriminator" in case or "projection" in case)
        inputs, labels = (torch.from_numpy(array) for array in draw_inputs(case))
        if inputs.ndim == 4:
            inputs = inputs.permute(0, 3, 1, 2)
        with torch.no_grad():
            made = module(inputs, labels)
        outputs = made.permute(0, 2, 3, 1).flatten()[::SHARE] if made.ndim == 4 and made.shape[1] == 3 else made
        numbers[case] = {"shapes": shapes, "outputs": outputs.flatten().tolist()}
    text = json.dumps(numbers).replace('}, "', '},\n"').replace('"outputs"', '\n"outputs"')
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()

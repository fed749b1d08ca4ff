"""Writes biggan_deep.npz: images of a narrow generator by pytorch-pretrained-biggan, and logits of a discriminator.

    pip install torch pytorch-pretrained-biggan==0.1.1 && python tests/golden/biggan_deep.py

The package is the one that DeepMind's weights are published for. `draw` makes a state dict of its names with random
weights and statistics, and test_biggan_deep.py draws the same one. The discriminator, of which no weights are
published, is that of BigGANdeep.py in https://github.com/ajbrock/BigGAN-PyTorch, written with torch's own layers.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

CHANNELS, LATENT_DIM, NUM_CLASSES, TABLES, BATCH = 4, 6, 5, 51, 2
LAYERS = ((False, 16, 16), (True, 16, 8), (False, 8, 8), (True, 8, 4), (False, 4, 4), (True, 4, 2), (False, 2, 2))
LAYERS = (*LAYERS, (True, 2, 1))
ATTENTION = 6  # before this layer, at 32 x 32
TRUNCATIONS = (1.0, 0.4, 0.35, 0.3, 0.013)  # on a table; between two; on one; below the first
SHARE = 11  # of the entries of images, one in so many is kept
WIDTHS, DOWNSAMPLES, IMAGE = (8, 16, 16), 1, 8  # of the discriminator


def draw() -> dict[str, np.ndarray]:
    """The generator's state dict, float32, from one seeded generator."""
    random = np.random.default_rng(1809)
    arrays: dict[str, np.ndarray] = {}

    def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> np.ndarray:
        return (mean + scale * random.standard_normal(shape)).astype(np.float32)

    def spectral(name: str, *shape: int, bias: bool = True) -> None:
        arrays.update(spectral_tensors(random, name, shape))
        if bias:
            arrays[f"{name}.bias"] = normal(shape[0], scale=0.1)

    def norm(name: str, channels: int, *, conditional: bool = True) -> None:
        arrays[f"{name}.running_means"] = normal(TABLES, channels, scale=0.3)
        arrays[f"{name}.running_vars"] = random.uniform(0.3, 1.5, (TABLES, channels)).astype(np.float32)
        if conditional:
            spectral(f"{name}.scale", channels, 2 * LATENT_DIM, bias=False)
            spectral(f"{name}.offset", channels, 2 * LATENT_DIM, bias=False)
        else:
            arrays[f"{name}.weight"] = normal(channels, scale=0.3, mean=1.0)
            arrays[f"{name}.bias"] = normal(channels, scale=0.3)

    arrays["embeddings.weight"] = normal(LATENT_DIM, NUM_CLASSES)
    spectral("generator.gen_z", 256 * CHANNELS, 2 * LATENT_DIM)
    index = 0
    for number, (_, before, after) in enumerate(LAYERS):
        if number == ATTENTION:
            width = CHANNELS * before
            name = f"generator.layers.{index}"
            arrays[f"{name}.gamma"] = np.float32([0.7])
            for part, out in (("theta", width // 8), ("phi", width // 8), ("g", width // 2)):
                spectral(f"{name}.snconv1x1_{part}", out, width, 1, 1, bias=False)
            spectral(f"{name}.snconv1x1_o_conv", width, width // 2, 1, 1, bias=False)
            index += 1
        width, middle, name = CHANNELS * before, CHANNELS * before // 4, f"generator.layers.{index}"
        for part, channels in enumerate((width, middle, middle, middle)):
            norm(f"{name}.bn_{part}", channels)
        spectral(f"{name}.conv_0", middle, width, 1, 1)
        spectral(f"{name}.conv_1", middle, middle, 3, 3)
        spectral(f"{name}.conv_2", middle, middle, 3, 3)
        spectral(f"{name}.conv_3", CHANNELS * after, middle, 1, 1)
        index += 1
    norm("generator.bn", CHANNELS, conditional=False)
    spectral("generator.conv_to_rgb", CHANNELS, CHANNELS, 3, 3)
    return arrays


def spectral_tensors(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """A kernel and its vectors after one power iteration: enough for a sane norm, not so many as to hide one more."""
    kernel = random.standard_normal(shape) * np.prod(shape[1:]) ** -0.5
    matrix = kernel.reshape(shape[0], -1)
    v = matrix.T @ random.standard_normal(shape[0])
    v /= np.linalg.norm(v)
    u = matrix @ v
    u /= np.linalg.norm(u)
    arrays = {f"{name}.weight_orig": kernel, f"{name}.weight_u": u, f"{name}.weight_v": v}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def draw_inputs() -> dict[str, np.ndarray]:
    """Latents, labels and images [n, h, w, c]."""
    random = np.random.default_rng(11096)
    return {
        "latents": random.standard_normal((BATCH, LATENT_DIM)).astype(np.float32),
        "labels": random.integers(0, NUM_CLASSES, BATCH),
        "images": np.tanh(random.standard_normal((BATCH, IMAGE, IMAGE, 3))).astype(np.float32),
    }


def draw_discriminator() -> dict[str, np.ndarray]:
    """As `draw`, by the names of our layers."""
    random = np.random.default_rng(56)
    layers = {"from_image": (WIDTHS[0], 3, 3, 3)}
    for index, (before, after) in enumerate(itertools.pairwise(WIDTHS)):
        for part, width in ((1, before), (2, after)):
            name, middle = f"block_{index + 1}_{part}", after // 4
            layers |= {f"{name}/conv_1": (middle, width, 1, 1), f"{name}/conv_2": (middle, middle, 3, 3)}
            layers |= {f"{name}/conv_3": (middle, middle, 3, 3), f"{name}/conv_4": (after, middle, 1, 1)}
            if width < after:
                layers[f"{name}/shortcut"] = (after - width, width, 1, 1)
    layers |= {"to_logit": (1, WIDTHS[-1]), "projection": (NUM_CLASSES, WIDTHS[-1])}
    arrays = {}
    for name, shape in layers.items():
        arrays |= spectral_tensors(random, name, shape)
        if name != "projection":
            arrays[f"{name}.bias"] = (0.1 * random.standard_normal(shape[0])).astype(np.float32)
    return arrays


def main() -> None:
    """Runs the package on its state dict at every truncation, and the discriminator as in training."""
    import torch
    from pytorch_pretrained_biggan import BigGAN, BigGANConfig

    config = BigGANConfig(
        output_dim=64,
        z_dim=LATENT_DIM,
        class_embed_dim=LATENT_DIM,
        channel_width=CHANNELS,
        num_classes=NUM_CLASSES,
        layers=LAYERS,
        attention_layer_position=ATTENTION,
    )
    model = BigGAN(config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in draw().items()})
    model.eval()
    inputs = {name: torch.from_numpy(array) for name, array in draw_inputs().items()}
    one_hot = torch.nn.functional.one_hot(inputs["labels"], NUM_CLASSES).float()
    arrays = {}
    with torch.no_grad():
        for index, truncation in enumerate(TRUNCATIONS):
            images = model(inputs["latents"], one_hot, truncation).permute(0, 2, 3, 1).numpy()
            arrays[f"images_{index}"] = images.ravel()[::SHARE]
        images = inputs["images"].permute(0, 3, 1, 2)
        arrays["logits"] = discriminate(images, inputs["labels"]).numpy()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)


def discriminate(images, labels):
    """Logits [n] of images [n, c, h, w]: one power iteration, then the network."""
    import torch
    from torch.nn import functional

    arrays = {name: torch.from_numpy(array) for name, array in draw_discriminator().items()}

    def kernel(name: str) -> torch.Tensor:
        weight = arrays[f"{name}.weight_orig"]
        layer = torch.nn.Linear(weight[0].numel(), len(weight), bias=False)
        layer.weight.data = weight.flatten(1)
        layer = torch.nn.utils.spectral_norm(layer)
        layer.weight_u.copy_(arrays[f"{name}.weight_u"])
        layer(torch.zeros(1, weight[0].numel()))  # the iteration
        return layer.weight.view_as(weight)

    def conv(x: torch.Tensor, name: str) -> torch.Tensor:
        weight = kernel(name)
        return functional.conv2d(x, weight, arrays[f"{name}.bias"], padding=weight.shape[-1] // 2)

    x = conv(images, "from_image")
    for index, width in enumerate(WIDTHS[1:]):
        for part in (1, 2):
            name, halves = f"block_{index + 1}_{part}", part == 1 and index < DOWNSAMPLES
            h = x
            for layer in (1, 2, 3):
                h = conv(functional.relu(h), f"{name}/conv_{layer}")
            h = functional.relu(h)
            if halves:
                h, x = functional.avg_pool2d(h, 2), functional.avg_pool2d(x, 2)
            if x.shape[1] < width:
                x = torch.cat([x, conv(x, f"{name}/shortcut")], 1)
            x = conv(h, f"{name}/conv_4") + x
    features = functional.relu(x).sum((2, 3))
    out = functional.linear(features, kernel("to_logit"), arrays["to_logit.bias"])[:, 0]
    return out + (kernel("projection")[labels] * features).sum(1)


if __name__ == "__main__":
    main()

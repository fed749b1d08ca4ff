"""Writes stylegan2.json: numbers of small networks of https://github.com/NVlabs/stylegan2-ada-pytorch, run as they are.

    python tests/golden/stylegan2.py --repo DIR

DIR is a checkout of that repository, and PyTorch is there; a CPU does. The file keeps names and shapes of each state
dict, some numbers of images, logits and augmented images, and of a step its losses and two numbers of each gradient;
`draw` makes weights and inputs, and the tests draw the same ones.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

STYLE, LATENT, BATCH = 24, 20, 8
SHARE, MOST = 11, 120  # of the numbers that a network makes, one in so many is kept, and at most MOST
CASES = {  # widths at 4 x 4, 8 x 8, ..., channels, classes, mapping layers, the discriminator's blocks, its group
    "plain_labels": ((16, 16, 16, 8), 3, 5, 2, "orig", 4),
    "residual": ((12, 12, 12, 12, 6), 1, 0, 8, "resnet", 2),
    "residual_256": ((8, 8, 8, 8, 8, 8, 4), 4, 0, 2, "resnet", 8),
    "step": ((8, 8, 8), 3, 3, 2, "resnet", 4),
}
STEP = "step"  # the case whose losses and gradients are kept
PATH_MEAN, R1_GAMMA = 0.3, 2.0  # before the step, and of it
EVERY = {"Gmain": 1, "Greg": 4, "Dmain": 1, "Dreg": 16}  # the phases
PIPES = {  # what the pipeline's parts are called there, all of them on
    "blit": ("xflip", "rotate90", "xint"),
    "geom": ("scale", "rotate", "aniso", "xfrac"),
    "color": ("brightness", "contrast", "lumaflip", "hue", "saturation"),
    "filter": ("imgfilter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
}
AUGMENTED = ((28, 24, 3), (24, 24, 1))  # images; the filters take no smaller ones
PERCENTILES = (0.3, 0.85)  # of each random number of a pipeline


def draw(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Weights of a state dict, float32, each from a generator seeded by its name, of about their first sizes."""
    weights = {}
    for name, shape in shapes.items():
        normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        slow = ".fc" in f".{name}" and "mapping" in name
        if name.endswith("resample_filter"):
            array = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
        elif name.endswith("affine.bias"):
            array = 1 + 0.2 * normal
        elif name.endswith(("bias", "w_avg", "noise_strength")):
            array = (10.0 if slow else 0.2) * normal
        else:
            array = (100.0 if slow else 1.0) * normal
        weights[name] = np.asarray(array, np.float32)
    return weights


def draw_inputs(case: str) -> dict[str, np.ndarray]:
    """Latents [n, z], labels [n], images NHWC and the noise of the path length, float32."""
    widths, channels, classes, *_ = CASES[case]
    random, side = np.random.default_rng(len(case)), 4 << (len(widths) - 1)
    shape = (BATCH, side, side, channels)
    return {
        "latents": random.standard_normal((BATCH, LATENT)).astype(np.float32),
        "labels": random.integers(0, max(classes, 1), BATCH),
        "images": random.uniform(-1, 1, shape).astype(np.float32),
        "path_noise": (random.standard_normal(shape) / side).astype(np.float32),
    }


def part(numbers: np.ndarray) -> list[float]:
    """Those that are kept."""
    return [float(f"{number:.8g}") for number in np.ravel(numbers)[::SHARE][:MOST]]


def direction(name: str, shape: Sequence[int]) -> np.ndarray:
    """What a gradient is projected on."""
    return np.random.default_rng(zlib.crc32(f"{name} direction".encode())).standard_normal(shape)


def two_numbers(name: str, gradient: np.ndarray) -> list[float]:
    """The gradient's length, and the slope along its `direction`."""
    gradient = np.asarray(gradient, np.float64)
    return [float(np.sqrt(np.square(gradient).sum())), float((gradient * direction(name, gradient.shape)).sum())]


def draw_images(shape: Sequence[int]) -> np.ndarray:
    """Two images to augment, NHWC, float32."""
    return np.random.default_rng(shape[0]).uniform(-1, 1, (2, *shape)).astype(np.float32)


def modules(case: str) -> tuple[Any, Any]:
    """The generator and the discriminator, with the drawn weights."""
    import torch
    from training import networks  # of the repository

    widths, channels, classes, layers, architecture, group = CASES[case]
    side, sizes = (
        4 << (len(widths) - 1),
        {"channel_base": widths[-1] * (4 << (len(widths) - 1)), "channel_max": widths[0]},
    )
    generator = networks.Generator(
        LATENT,
        classes,
        STYLE,
        side,
        channels,
        mapping_kwargs={"num_layers": layers},
        synthesis_kwargs={**sizes, "conv_clamp": 256},
    )
    discriminator = networks.Discriminator(
        classes,
        side,
        channels,
        architecture,
        **sizes,
        conv_clamp=256,
        epilogue_kwargs={"mbstd_group_size": group},
    )
    for module in (generator, discriminator):
        drawn = draw(shapes_of(module))
        module.load_state_dict({name: torch.from_numpy(array) for name, array in drawn.items()})
    return generator, discriminator


def shapes_of(module: Any) -> dict[str, list[int]]:
    """Of its state dict."""
    return {name: list(array.shape) for name, array in module.state_dict().items()}


def one_hot(case: str, labels: Any) -> Any:
    """As the networks take labels."""
    import torch

    classes = CASES[case][2]
    return torch.nn.functional.one_hot(labels, classes).float() if classes else torch.zeros(len(labels), 0)


def run(case: str) -> dict[str, Any]:
    """Numbers of both networks."""
    import torch

    generator, discriminator = (module.eval() for module in modules(case))
    inputs = {name: torch.from_numpy(array) for name, array in draw_inputs(case).items()}
    latents, labels = inputs["latents"][:4], one_hot(case, inputs["labels"])

    def images(**truncation: Any) -> list[float]:
        made = generator(latents, labels[:4], noise_mode="const", **truncation)
        return part(made.permute(0, 2, 3, 1).numpy())

    with torch.no_grad():
        return {
            "shapes": [shapes_of(module) for module in (generator, discriminator)],
            "styles": part(generator.mapping(latents, labels[:4])[:, 0].numpy()),
            "images": images(),
            "truncated": images(truncation_psi=0.7),
            "cut_off": images(truncation_psi=0.5, truncation_cutoff=3),
            "logits": discriminator(inputs["images"].permute(0, 3, 1, 2), labels)[:, 0].numpy().tolist(),
        }


@contextmanager
def path_noise(noise: Any) -> Iterator[None]:
    """`torch.randn_like` gives this noise."""
    import torch

    drawn, torch.randn_like = torch.randn_like, lambda like: noise[: len(like)]
    try:
        yield
    finally:
        torch.randn_like = drawn


def run_step() -> dict[str, Any]:
    """Each phase of the repository's loss on the same weights, without mixing and with the constant noise."""
    import torch
    from torch_utils import training_stats  # of the repository
    from training.loss import StyleGAN2Loss

    inputs = {name: torch.from_numpy(array) for name, array in draw_inputs(STEP).items()}
    images, labels = inputs["images"].permute(0, 3, 1, 2).contiguous(), one_hot(STEP, inputs["labels"])
    side = images.shape[-1]
    noise = (inputs["path_noise"] * side).permute(0, 3, 1, 2)[:1].expand(BATCH, -1, -1, -1)
    reported: dict[str, Any] = {}
    training_stats.report = lambda name, value: reported.update({name: value.detach().mean().item()})
    numbers: dict[str, Any] = {}
    for phase, every in EVERY.items():
        generator, discriminator = (module.train().requires_grad_(False) for module in modules(STEP))
        trained = generator if phase.startswith("G") else discriminator
        trained.requires_grad_(True)

        class Synthesis(torch.nn.Module):
            def forward(self, styles: Any, synthesis: Any = generator.synthesis) -> Any:
                return synthesis(styles, noise_mode="const")

        loss = StyleGAN2Loss("cpu", generator.mapping, Synthesis(), discriminator, None, 0, R1_GAMMA)
        loss.pl_mean.fill_(PATH_MEAN)
        # A path length is that of every second image here, of the first half there: so are their labels.
        given = torch.cat([labels[::2], labels[1::2]]) if phase == "Greg" else labels
        with path_noise(noise):
            loss.accumulate_gradients(phase, images, labels, inputs["latents"], given, sync=True, gain=every)
        numbers[phase] = {
            name: two_numbers(name, parameter.grad.numpy()) for name, parameter in trained.named_parameters()
        }
        if phase == "Gmain":
            numbers["w_avg"] = part(generator.mapping.w_avg.numpy())
        if phase == "Greg":
            numbers["path_mean"] = loss.pl_mean.item()
    names = {"Gmain": "G/loss", "Greg": "G/reg", "Dmain": "D/loss", "Dreg": "D/reg"}
    return numbers | {"losses": {phase: reported[f"Loss/{name}"] for phase, name in names.items()}}


def run_pipes() -> dict[str, Any]:
    """Images augmented by each group of the pipeline alone, with the given percentile of every random number."""
    import torch
    from training.augment import AugmentPipe  # of the repository

    normal, found = torch.randn, {}
    # Ones in place of the noise itself; nothing else that is drawn counts.
    torch.randn = lambda size, **_: torch.ones(size) if len(size) == 4 and size[-1] > 1 else normal(size)
    for shape in AUGMENTED:
        images = torch.from_numpy(draw_images(shape)).permute(0, 3, 1, 2)
        for name, parts in PIPES.items():
            for percentile in PERCENTILES:
                made = AugmentPipe(**dict.fromkeys(parts, 1))(images, debug_percentile=percentile)
                found[f"{name} {shape[-1]} {percentile}"] = part(made.permute(0, 2, 3, 1).numpy())
    torch.randn = normal
    return found


def main() -> None:
    """Runs all cases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repo", required=True, help="a checkout of NVlabs/stylegan2-ada-pytorch")
    sys.path.insert(0, parser.parse_args().repo)
    import torch

    numbers: dict[str, Any] = {"torch": torch.__version__} | {case: run(case) for case in CASES}
    numbers |= {"phases": run_step(), "augmented": run_pipes()}
    lines = (f"{json.dumps(key)}: {json.dumps(rounded(value))}" for key, value in numbers.items())
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def rounded(value: Any) -> Any:
    """Numbers to the digits that float32 has."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()

"""Speed of the metrics: feature networks beside PyTorch, and statistics of features beside other implementations.

    make bench, or: pip install 'jgan[bench]'; python benchmarks/speed/metrics.py [--rows inception frechet]

Rows of networks: images/s from uint8 pixels of 32 x 32 on the host to pooled features and logits on the host, resize
included, of torch-fidelity's Inception (random weights, the same on both sides) and of EfficientNet-Lite0's PyTorch
port (the published weights), both in eval and inference mode and in PyTorch's two memory layouts. Blocks alternate
between the contestants, as in train_step.py; the table holds medians over the blocks, the ratio's smallest and largest
value over neighbouring blocks, the rate of the networks' floating-point operations (2 x multiplications of convolutions
and dense layers) and its share of the peak of large float32 matrix products in the same run. It ends with an error if
the two sides do not agree.

Rows of statistics, on random features of `--samples` x `--dim`, float32, every run a process of its own:
- frechet: mean and covariance of both sides and their Frechet distance; pytorch-fid's arithmetic is np.cov over all
  features in float64 and scipy's sqrtm. Below the table, the largest difference of our covariance from np.cov's.
- kernel: KID's 100 subsets of 1,000, beside torch-fidelity's code.
- full_kernel: the kernel distance over all pairs, on `--pairwise-samples`; nothing is compared with it.
- manifold: precision, recall, density and coverage, on `--pairwise-samples`; torch-fidelity's code computes the first
  two, in float32, with its `save_cpu_ram`.
The last two cost the square of the samples. Memory is the peak beyond the process with the features loaded.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch_side
from flax import linen as nn
from timing import Peak, alternate
from tqdm import tqdm

from jgan.backbones import efficientnet_lite
from jgan.engine.allocator import keep_memory
from jgan.metrics import inception

try:
    import torch  # pyright: ignore[reportMissingImports]
except ImportError:
    sys.exit("metrics.py: PyTorch is missing; run: pip install 'jgan[bench]'")

TOLERANCE = 1e-5  # relative error between the two sides' features


def main() -> None:
    keep_memory()  # as every command of jgan does
    options = parse()
    torch.set_num_threads(options.threads)
    print(
        f"jax {jax.__version__} on {jax.devices()[0].device_kind}, torch {torch.__version__}, {options.threads} threads"
    )
    networks = [name for name in options.rows if name in NETWORKS]
    if networks:
        network_table(networks, options)
    others = [name for name in options.rows if name in STATISTICS]
    if others:
        with tempfile.TemporaryDirectory() as scratch:
            statistics_table(others, Path(scratch), options)


def parse() -> argparse.Namespace:
    rows = [*NETWORKS, *STATISTICS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows)
    parser.add_argument("--batch-size", type=int, default=16, help="images at once")
    parser.add_argument("--blocks", type=int, default=5, help="of each network")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--pairwise-samples", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=2, help="of each statistic")
    return parser.parse_args()


# --- Networks ---


Outputs = tuple[np.ndarray, np.ndarray]  # pooled features, logits


@dataclasses.dataclass(frozen=True)
class Network:
    """The PyTorch network, and what makes our function of images from its weights."""

    theirs: Callable[[], torch.nn.Module]
    ours: Callable[[Mapping[str, np.ndarray]], Callable[[np.ndarray], Outputs]]
    layers: nn.Module
    resolution: int  # that the layers run at

    def flops(self) -> float:
        """Of one image: 2 x multiplications of convolutions and dense layers."""
        counts = []

        def count(call, arguments, keywords, context):
            outputs = call(*arguments, **keywords)
            layer = context.module
            if isinstance(layer, nn.Conv | nn.Dense) and context.method_name == "__call__":
                kernel = layer.variables["params"]["kernel"]
                counts.append(2 * math.prod(kernel.shape[:-1]) * outputs.size)
            return outputs

        with nn.intercept_methods(count):
            shape = (1, self.resolution, self.resolution, 3)
            jax.eval_shape(self.layers.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, np.float32))
        return float(sum(counts))


def our_inception(weights: Mapping[str, np.ndarray]) -> Callable[[np.ndarray], Outputs]:
    variables = jax.device_put(inception.variables_from(weights))

    @jax.jit
    def apply(variables, images):
        features: Any = inception.InceptionV3().apply(variables, inception.preprocess(images))
        return features["pool"], features["logits_unbiased"]

    return lambda images: jax.device_get(apply(variables, images))


def our_lite0(weights: Mapping[str, np.ndarray]) -> Callable[[np.ndarray], Outputs]:
    named = {name.removeprefix("network."): array for name, array in weights.items()}
    variables = jax.device_put(efficientnet_lite.from_pytorch(named, "the PyTorch port"))

    def run(images: np.ndarray) -> Outputs:
        features = jax.device_get(efficientnet_lite.features(variables, images))
        return features["pool"], features["logits"]

    return run


NETWORKS = {
    "inception": Network(torch_side.inception, our_inception, inception.InceptionV3(), 299),
    "efficientnet_lite0": Network(torch_side.lite0, our_lite0, efficientnet_lite.EfficientNetLite0(), 224),
}


def network_table(names: list[str], options: argparse.Namespace) -> None:
    images = np.random.default_rng(0).integers(0, 256, (options.batch_size, 32, 32, 3), dtype=np.uint8)
    peak = Peak()
    print(f"\nbatch {options.batch_size}, {options.blocks} blocks\n")
    print("| network | contestant | images/s | GFLOP/s | share of peak | ours / this (range) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names:
        contestants = network_contestants(NETWORKS[name], images)
        seconds = alternate(list(contestants.values()), options.blocks, 1, peak)
        for contestant, times in zip(contestants, seconds, strict=True):
            speed = options.batch_size / statistics.median(times)
            rate = 1e-9 * NETWORKS[name].flops() * speed
            ratios = [theirs / ours for ours, theirs in zip(seconds[0], times, strict=True)]
            print(
                f"| {name} | {contestant} | {speed:.1f} | {rate:.0f} | {rate / peak.best:.0%} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
                flush=True,
            )
    print(f"\npeak of float32 products: jax {peak.ours:.0f}, torch {peak.theirs:.0f} GFLOP/s")


def network_contestants(network: Network, images: np.ndarray) -> dict[str, Callable[[], Outputs]]:
    """By name, ours first, once they are found to agree."""
    theirs = network.theirs()
    ours = network.ours({name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    contestants = {
        "jgan": lambda: ours(images),
        "torch, contiguous": torch_network(theirs, images, torch.contiguous_format),
        "torch, channels last": torch_network(network.theirs(), images, torch.channels_last),
    }
    expected = contestants["torch, contiguous"]()
    for name, run in contestants.items():
        for array, reference in zip(run(), expected, strict=True):
            error = np.linalg.norm(array - reference) / np.linalg.norm(reference)
            if not error < TOLERANCE:
                sys.exit(f"{name}: features differ from PyTorch's by {error:.1e} of their norm")
    return contestants


def torch_network(network: torch.nn.Module, images: np.ndarray, layout: torch.memory_format) -> Callable[[], Outputs]:
    network = network.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def run() -> Outputs:
        with torch.inference_mode():
            pool, logits = network(pixels)
        return pool.numpy(), logits.numpy()

    return run


# --- Statistics ---


def square(samples: int, dim: int) -> float:
    return 2.0 * samples * samples * dim


# Row: contestants, ours first; whether it is on --pairwise-samples; floating-point operations of (samples, dim) as
# matrix products by the definition, without symmetry.
STATISTICS = {
    "frechet": (("jgan", "pytorch-fid"), False, lambda samples, dim: 4.0 * samples * dim * dim),
    "kernel": (("jgan", "torch-fidelity"), False, lambda samples, dim: 300 * square(1000, dim)),
    "full_kernel": (("jgan",), True, lambda samples, dim: 3 * square(samples, dim)),
    "manifold": (("jgan", "torch-fidelity"), True, lambda samples, dim: 3 * square(samples, dim)),
}


def statistics_table(names: list[str], scratch: Path, options: argparse.Namespace) -> None:
    print(f"\n{options.dim} features, {options.repeats} runs of each, alternating\n")
    print("| statistic | samples a side | contestant | s (range) | GFLOP/s | peak memory, MiB | ours / this (range) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    notes = []
    for name in names:
        contestants, pairwise, flops = STATISTICS[name]
        samples = options.pairwise_samples if pairwise else options.samples
        paths = feature_files(scratch, samples, options.dim)
        runs: dict[str, list[dict]] = {contestant: [] for contestant in contestants}
        with tqdm(total=options.repeats * len(contestants), desc=name, leave=False, disable=None) as bar:
            for _ in range(options.repeats):
                for contestant in contestants:
                    runs[contestant].append(measured(f"{name}-{contestant}", paths))
                    bar.update()
        seconds = {contestant: [run["seconds"] for run in results] for contestant, results in runs.items()}
        for contestant, times in seconds.items():
            median = statistics.median(times)
            ratios = [theirs / ours for ours, theirs in zip(seconds["jgan"], times, strict=True)]
            memory = max(run["peak"] for run in runs[contestant]) / 2**20
            print(
                f"| {name} | {samples:,} | {contestant} | {median:.1f} ({min(times):.1f}-{max(times):.1f}) | "
                f"{1e-9 * flops(samples, options.dim) / median:.0f} | {memory:,.0f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
                flush=True,
            )
        notes += [f"{name} by {contestant}: {results[0]['result']}" for contestant, results in runs.items()]
    if "frechet" in names:
        error = measured("covariance-error", feature_files(scratch, options.samples, options.dim))["result"]
        notes.append(f"covariance: at most {error:.1e} of the two standard deviations from np.cov's")
    print("\n" + "\n".join(notes))


def measured(task: str, paths: tuple[Path, Path]) -> dict:
    """What feature_statistics.py prints."""
    script = Path(__file__).with_name("feature_statistics.py")
    done = subprocess.run([sys.executable, str(script), task, *map(str, paths)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def feature_files(scratch: Path, samples: int, dim: int) -> tuple[Path, Path]:
    """Two sets of features like a network's, positive, sparse and correlated: float32 [samples, dim] in .npy files."""
    paths = scratch / f"real-{samples}.npy", scratch / f"fake-{samples}.npy"
    mixing = np.random.default_rng(0).standard_normal((64, dim), np.float32)
    for seed, path in enumerate(paths):
        if not path.is_file():
            rng = np.random.default_rng(1 + seed)
            hidden = rng.standard_normal((samples, 64), np.float32) * np.float32(0.1 + 0.005 * seed)
            noise = rng.standard_normal((samples, dim), np.float32) * np.float32(0.3)
            np.save(path, np.maximum(hidden @ mixing + noise, 0))
    return paths


if __name__ == "__main__":
    main()

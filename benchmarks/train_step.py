"""Time of a whole training step, beside eager PyTorch running the same mathematics in the same process.

    pip install 'jgan[bench]'
    python benchmarks/train_step.py [--rows dcgan-64] [--batch-size 32] [--blocks 12] [--steps 3] [--layers]

One step is what `python -m jgan.main` runs: the discriminator's move on real and fake images, then the generator's on
the same latents, both by Adam, with the moving average of the generator's weights and the gradient norms. PyTorch's
step is that of its DCGAN example, without average and norms, and with the discriminator frozen while the generator
moves, which spares it the gradients that the example throws away. It runs in its two memory layouts; both are shown.

Blocks of steps alternate between the contestants. The table holds medians over the blocks, the ratio's smallest and
largest value over neighbouring blocks, and the rate at which the convolutions' floating-point operations are done,
counted as a direct convolution needs them (2 x multiplications) whatever algorithm runs: Winograd's, which ours uses
on CPU, needs fewer. The share is of this machine's peak: the best of large float32 matrix products, measured in each
framework before every block, so that a machine that others use too is judged by its best moment of the same minutes.
`--layers` times every distinct layer's forward pass and gradients instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from tqdm import tqdm

from jgan.allocator import keep_memory
from jgan.families.dcgan import Discriminator, Generator, hidden_resolutions
from jgan.games.latent import LatentGAN
from jgan.layers.conv import conv, conv_transpose
from jgan.optim import AdamConfig, EmaConfig, make_optimizer
from jgan.sharding import make_sharding
from jgan.step import PLAYERS, Optimizers, create_state, make_train_step
from jgan.types import Stage, schedule

try:
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]
    from torch.nn import functional  # pyright: ignore[reportMissingImports]
except ImportError:
    sys.exit("train_step.py: PyTorch is missing; run: pip install 'jgan[bench]'")

PEAK_SIZE = 2048  # rows of the square matrices whose product measures the peak
HALVING = ((1, 1), (1, 1))  # the padding of DCGAN's strided layers


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution, or the one that a transposed convolution transposes: [size, size, ci] to [size / stride, co]."""

    size: int
    ci: int
    co: int
    stride: int = 2
    transposed: bool = False

    def flops(self, batch_size: int) -> float:
        """Floating-point operations of the forward pass, and of either gradient, for kernels of 4 x 4."""
        outputs = self.size // self.stride if self.stride == 2 else 1
        return 2.0 * batch_size * outputs**2 * 16 * self.ci * self.co


@dataclasses.dataclass(frozen=True)
class Row:
    """A training step to time: both players' layers, and what makes one step of each contestant."""

    generator: tuple[Layer, ...]  # first layer first
    discriminator: tuple[Layer, ...]
    ours: Callable[[int], Callable[[], None]]  # batch size to step
    theirs: Callable[[int, bool], Callable[[], None]]  # (batch size, channels last) to step

    def flops(self, batch_size: int) -> float:
        """Of one step: no gradient reaches images or latents, except the fake images in the generator's move."""
        generator = sum(layer.flops(batch_size) for layer in self.generator)
        discriminator = sum(layer.flops(batch_size) for layer in self.discriminator)
        first_generator, first_discriminator = (
            layers[0].flops(batch_size) for layers in (self.generator, self.discriminator)
        )
        discriminator_move = generator + 2 * (3 * discriminator - first_discriminator)
        generator_move = 2 * discriminator + 2 * generator - first_generator
        return discriminator_move + generator_move


def main() -> None:
    keep_memory()  # as every command of jgan does; it left PyTorch's times as they were
    options = parse()
    torch.set_num_threads(options.threads)
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}, torch {torch.__version__}")
    print(f"{torch.get_num_threads()} torch threads, batch {options.batch_size}, {options.blocks} blocks\n")
    peak = Peak()
    (layer_table if options.layers else step_table)(options, peak)
    print(f"\npeak of {PEAK_SIZE} x {PEAK_SIZE} float32 products: jax {peak.ours:.0f}, torch {peak.theirs:.0f} GFLOP/s")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=12, help="of each contestant")
    parser.add_argument("--steps", type=int, default=3, help="in a block")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    parser.add_argument("--layers", action="store_true", help="time single layers")
    return parser.parse_args()


# --- Timing ---


def timed(function: Callable[[], object], repeats: int = 1) -> float:
    """Seconds a call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


class Peak:
    """GFLOP/s of large float32 matrix products in each framework: the best of all calls of `measure`."""

    def __init__(self) -> None:
        """Compiles, and measures once."""
        a, b = jnp.ones((PEAK_SIZE, PEAK_SIZE)), torch.ones((PEAK_SIZE, PEAK_SIZE))
        product = jax.jit(jnp.matmul)
        self._products = (lambda: product(a, a).block_until_ready(), lambda: b @ b)
        self.ours, self.theirs = 0.0, 0.0
        self.measure()

    def measure(self) -> None:
        """A few products of each framework; the first does not count."""
        self.ours, self.theirs = (
            max(best, 2e-9 * PEAK_SIZE**3 / min([timed(product) for _ in range(3)][1:]))
            for best, product in zip((self.ours, self.theirs), self._products, strict=True)
        )

    @property
    def best(self) -> float:
        """Of both frameworks."""
        return max(self.ours, self.theirs)


def alternate(contestants: Sequence[Callable[[], object]], blocks: int, steps: int, peak: Peak) -> list[list[float]]:
    """Seconds a step in each block, for each contestant. The first two steps and the first of a block do not count.

    A block's first step pays for the other framework's threads going to sleep and for cold caches.
    """
    for contestant in contestants:
        timed(contestant, 2)
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in tqdm(range(blocks), desc="blocks", leave=False, disable=None):
        peak.measure()
        for contestant, times in zip(contestants, seconds, strict=True):
            contestant()
            times.append(timed(contestant, steps))
    return seconds


# --- Whole steps ---


def step_table(options: argparse.Namespace, peak: Peak) -> None:
    print("| row | contestant | ms a step | images/s | GFLOP/s | share of peak | ours / this (range) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.rows:
        row = ROWS[name]
        contestants = {
            "jgan": row.ours(options.batch_size),
            "torch, contiguous": row.theirs(options.batch_size, False),
            "torch, channels last": row.theirs(options.batch_size, True),
        }
        seconds = alternate(list(contestants.values()), options.blocks, options.steps, peak)
        for contestant, times in zip(contestants, seconds, strict=True):
            median = statistics.median(times)
            rate = 1e-9 * row.flops(options.batch_size) / median
            ratios = [ours / theirs for ours, theirs in zip(seconds[0], times, strict=True)]
            print(
                f"| {name} | {contestant} | {1e3 * median:.0f} | {options.batch_size / median:.0f} | {rate:.0f} | "
                f"{rate / peak.best:.0%} | {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
                flush=True,
            )


def dcgan_ours(batch_size: int) -> Callable[[], None]:
    """A step of the engine on random images, with the state donated from step to step."""
    game = LatentGAN(Generator(), Discriminator(), latent_dim=100)
    (stage,) = schedule((Stage(steps=1, batch_size=batch_size, resolution=64),))
    optimizers: Optimizers = {player: make_optimizer(AdamConfig(learning_rate=2e-4, b1=0.5)) for player in PLAYERS}
    sharding = make_sharding()
    images = np.random.default_rng(0).uniform(-1, 1, (batch_size, 64, 64, 3)).astype(np.float32)
    batch = jax.device_put({"images": images}, sharding.batch)
    key = jax.random.key(0)
    state = jax.jit(lambda key: create_state(game, (stage,), (batch,), optimizers, key))(key)
    state_sharding = sharding.of_state(state)
    step = make_train_step(
        game, stage, optimizers, EmaConfig(), lambda stage, feed, step, rngs: feed, sharding, state_sharding
    )
    holder = [jax.device_put(state, state_sharding)]

    def run() -> None:
        holder[0], metrics = step(holder[0], batch, key, active=("discriminator", "generator"))
        jax.block_until_ready((holder[0], metrics))

    return run


def dcgan_theirs(batch_size: int, channels_last: bool) -> Callable[[], None]:
    """A step of PyTorch's DCGAN example on random images."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    torch.manual_seed(0)
    generator, discriminator = torch_dcgan_generator(), torch_dcgan_discriminator()
    for module in (generator, discriminator):
        for parameter in module.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=layout)
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    generator_optimizer = torch.optim.Adam(generator.parameters(), **adam)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), **adam)
    images = (torch.rand(batch_size, 3, 64, 64) * 2 - 1).contiguous(memory_format=layout)
    ones, zeros = torch.ones(batch_size), torch.zeros(batch_size)
    loss = functional.binary_cross_entropy_with_logits

    def run() -> None:
        fake = generator(torch.randn(batch_size, 100, 1, 1))
        discriminator.requires_grad_(True)
        discriminator_optimizer.zero_grad()
        logits_real, logits_fake = discriminator(images), discriminator(fake.detach())
        (loss(logits_real.flatten(), ones) + loss(logits_fake.flatten(), zeros)).backward()
        discriminator_optimizer.step()
        discriminator.requires_grad_(False)
        generator_optimizer.zero_grad()
        loss(discriminator(fake).flatten(), ones).backward()
        generator_optimizer.step()

    return run


def torch_dcgan_generator(channels: int = 64) -> nn.Sequential:
    """https://github.com/pytorch/examples/blob/main/dcgan/main.py"""
    layers: list[nn.Module] = []
    widths = (100, 8 * channels, 4 * channels, 2 * channels, channels)
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        stride, padding = (2, 1) if index else (1, 0)
        layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh())


def torch_dcgan_discriminator(channels: int = 64) -> nn.Sequential:
    """The same example's, without the sigmoid: the loss takes logits."""
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise((channels, 2 * channels, 4 * channels, 8 * channels)):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*layers, nn.Conv2d(8 * channels, 1, 4, 1, 0, bias=False))


def dcgan_row(resolution: int = 64, channels: int = 64, latent_dim: int = 100) -> Row:
    """DCGAN's layers: the discriminator's, and the generator's, which mirror them."""
    sizes = [2 * hidden for hidden in hidden_resolutions(resolution)]  # of the strided layers' inputs
    widths = [channels * resolution // size for size in sizes]  # of their outputs
    strided = [Layer(size, width // 2, width) for size, width in zip(sizes[:-1], widths[:-1], strict=True)]
    strided.append(Layer(resolution, 3, channels))
    discriminator = (*reversed(strided), Layer(4, widths[0], 1, stride=1))
    generator = tuple(
        dataclasses.replace(layer, transposed=True) for layer in (Layer(4, widths[0], latent_dim, stride=1), *strided)
    )
    return Row(generator, discriminator, dcgan_ours, dcgan_theirs)


ROWS = {"dcgan-64": dcgan_row()}


# --- Single layers ---


def layer_table(options: argparse.Namespace, peak: Peak) -> None:
    print("| layer | pass | jgan GFLOP/s | xla GFLOP/s | torch GFLOP/s | jgan share of peak |")
    print("| --- | --- | --- | --- | --- | --- |")
    layers = dict.fromkeys(
        layer for name in options.rows for layer in (*ROWS[name].discriminator, *ROWS[name].generator)
    )
    for layer in layers:
        flops = 1e-9 * layer.flops(options.batch_size)
        for name, contestants in layer_contests(layer, options.batch_size).items():
            results = alternate(contestants, options.blocks, options.steps, peak)
            seconds = [statistics.median(times) for times in results]
            rates = [flops / second for second in seconds]
            print(
                f"| {'transposed ' * layer.transposed}{layer.size}x{layer.size}, {layer.ci}-{layer.co} | {name} | "
                f"{' | '.join(f'{rate:.0f}' for rate in rates)} | {rates[0] / peak.best:.0%} |",
                flush=True,
            )


def layer_contests(layer: Layer, batch_size: int) -> dict[str, list[Callable[[], object]]]:
    """Forward pass, input gradient and kernel gradient, each by ours, by plain XLA and by PyTorch, channels last."""
    random = np.random.default_rng(0)
    large = random.standard_normal((batch_size, layer.size, layer.size, layer.ci)).astype(np.float32)
    outputs = layer.size // 2 if layer.stride == 2 else 1
    small = random.standard_normal((batch_size, outputs, outputs, layer.co)).astype(np.float32)
    kernel = random.standard_normal((4, 4, layer.ci, layer.co)).astype(np.float32)
    x, g = (small, large) if layer.transposed else (large, small)
    ours, plain = our_layer(layer), xla_layer(layer)
    x_jax, kernel_jax, g_jax = map(jnp.asarray, (x, kernel, g))
    x_torch, kernel_torch, g_torch = (
        torch.from_numpy(array).permute(axes).contiguous(memory_format=torch.channels_last)
        for array, axes in ((x, (0, 3, 1, 2)), (kernel, (3, 2, 0, 1)), (g, (0, 3, 1, 2)))
    )
    padding = 1 if layer.stride == 2 else 0
    return {
        name: [
            jax_pass(ours, name, x_jax, kernel_jax, g_jax),
            jax_pass(plain, name, x_jax, kernel_jax, g_jax),
            torch_pass(layer, name, x_torch, kernel_torch, g_torch, padding),
        ]
        for name in ("forward", "input gradient", "kernel gradient")
    }


def our_layer(layer: Layer) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """This package's layer as a function of input and kernel."""
    function = conv_transpose if layer.transposed else conv
    padding = HALVING if layer.stride == 2 else "VALID"
    return lambda x, kernel: function(x, kernel, (layer.stride, layer.stride), padding)


def xla_layer(layer: Layer) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The same layer as flax.linen would write it."""
    strides, numbers = (layer.stride, layer.stride), ("NHWC", "HWIO", "NHWC")
    padding = HALVING if layer.stride == 2 else "VALID"
    if not layer.transposed:
        return lambda x, kernel: lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=numbers)
    pads = ((2, 2), (2, 2)) if layer.stride == 2 else ((3, 3), (3, 3))
    return lambda y, kernel: lax.conv_transpose(
        y, kernel, strides, pads, dimension_numbers=numbers, transpose_kernel=True
    )


def jax_pass(
    function: Callable[[jax.Array, jax.Array], jax.Array], name: str, x: jax.Array, kernel: jax.Array, g: jax.Array
) -> Callable[[], object]:
    """One pass of a layer, jitted."""
    if name == "forward":
        jitted = jax.jit(function)
        return lambda: jitted(x, kernel).block_until_ready()
    argument = 0 if name == "input gradient" else 1
    gradient = jax.jit(lambda x, kernel, g: jax.vjp(function, x, kernel)[1](g)[argument])
    return lambda: gradient(x, kernel, g).block_until_ready()


def torch_pass(
    layer: Layer, name: str, x: torch.Tensor, kernel: torch.Tensor, g: torch.Tensor, padding: int
) -> Callable[[], object]:
    """One pass of a layer by the operations that autograd calls."""
    strides, pads = [layer.stride] * 2, [padding] * 2
    if name == "forward":
        function = functional.conv_transpose2d if layer.transposed else functional.conv2d
        return lambda: function(x, kernel, stride=strides, padding=pads)
    mask = [name == "input gradient", name == "kernel gradient", False]
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(g, x, kernel, None, strides, pads, [1, 1], layer.transposed, [0, 0], 1, mask)


if __name__ == "__main__":
    main()

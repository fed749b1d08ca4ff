"""Time of the convolutions of DCGAN's, residual, narrow, grouped and image networks: ours, plain XLA's and PyTorch's.

    pip install 'jgan[bench]'
    python benchmarks/speed/conv_layers.py [--layers dcgan] [--batch-size 32] [--blocks 12] [--steps 3] [--clock cpu]

Channels last. Forward pass and both gradients of every distinct layer by itself, as jgan.layers chooses a form for it.
Blocks of calls alternate, and the peak is measured, as in train_step.py; the rates count a direct convolution's
floating-point operations (2 x multiplications) whatever algorithm runs. The residual networks' layers that double or
halve the resolution are one convolution of 4 x 4 in ours (jgan/layers/resample.py), and have DCGAN's forms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from timing import CLOCKS, PEAK_SIZE, Peak, alternate

from jgan.engine.allocator import keep_memory
from jgan.layers.conv import conv, conv_transpose

try:
    import torch  # pyright: ignore[reportMissingImports]
    from torch.nn import functional  # pyright: ignore[reportMissingImports]
except ImportError:
    sys.exit("conv_layers.py: PyTorch is missing; run: pip install 'jgan[bench]'")


class Layer(NamedTuple):
    """A convolution, or the one that a transposed convolution transposes: from [size, size, ci]."""

    size: int
    ci: int
    co: int
    kernel: int = 4
    stride: int = 2
    padding: int = 1
    transposed: bool = False
    groups: int = 1

    @property
    def outputs(self) -> int:
        """Rows, and columns, of its output."""
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    def flops(self, batch_size: int) -> float:
        """Floating-point operations of the forward pass, and of either gradient."""
        return 2.0 * batch_size * self.outputs**2 * self.kernel**2 * self.ci * self.co / self.groups

    def __str__(self) -> str:
        kind = "transposed " if self.transposed else f"{self.groups} groups, " if self.groups > 1 else ""
        return f"{kind}{self.kernel}x{self.kernel}, {self.size}x{self.size}, {self.ci}-{self.co}"


HALVING = [Layer(64, 3, 64), Layer(32, 64, 128), Layer(16, 128, 256), Layer(8, 256, 512)]
LAYERS = {
    "dcgan": [
        *HALVING,
        Layer(4, 512, 1, stride=1, padding=0),
        Layer(4, 512, 100, stride=1, padding=0, transposed=True),
        *(layer._replace(transposed=True) for layer in HALVING),
    ],
    "residual": [
        *(Layer(size, width, width, kernel=3, stride=1) for width in (128, 256) for size in (8, 16, 32)),
        Layer(32, 3, 128, kernel=3, stride=1),
        Layer(32, 256, 3, kernel=3, stride=1),
        Layer(16, 256, 256, kernel=1, stride=1, padding=0),
    ],
    "narrow": [
        *(Layer(size, width, width, kernel=3, stride=1) for width in (16, 32, 64) for size in (8, 16, 32)),
        *(Layer(size, width, width) for width in (16, 32) for size in (8, 16, 32)),
    ],
    "images": [  # at both ends of SRResNet x4, of CycleGAN's translator and of ESRGAN
        *(Layer(size, 3, 64, kernel, stride=1, padding=kernel // 2) for size, kernel in ((24, 9), (64, 7), (32, 3))),
        *(Layer(size, 64, 3, kernel, stride=1, padding=kernel // 2) for size, kernel in ((96, 9), (64, 7), (96, 3))),
    ],
    "grouped": [Layer(size, 256, 256, kernel=3, stride=1, groups=16) for size in (8, 16)],  # R3GAN's, narrower
}


def main() -> None:
    keep_memory()
    options = parse()
    torch.set_num_threads(options.threads)
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}, torch {torch.__version__}")
    print(f"{options.threads} torch threads, batch {options.batch_size}, {options.clock} clock\n")
    peak = Peak(CLOCKS[options.clock])
    print("| layer | pass | jgan GFLOP/s | xla GFLOP/s | torch GFLOP/s | jgan share of peak |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in options.layers:
        for layer in LAYERS[name]:
            print_layer(layer, options, peak)
    print(f"\npeak of {PEAK_SIZE} x {PEAK_SIZE} float32 products: jax {peak.ours:.0f}, torch {peak.theirs:.0f} GFLOP/s")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=12, help="of each contestant")
    parser.add_argument("--steps", type=int, default=3, help="in a block")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    return parser.parse_args()


def print_layer(layer: Layer, options: argparse.Namespace, peak: Peak) -> None:
    flops = 1e-9 * layer.flops(options.batch_size)
    for name, contestants in layer_contests(layer, options.batch_size).items():
        results = alternate(contestants, options.blocks, options.steps, peak)
        rates = [flops / statistics.median(times) for times in results]
        print(
            f"| {layer} | {name} | {' | '.join(f'{rate:.0f}' for rate in rates)} | {rates[0] / peak.best:.0%} |",
            flush=True,
        )


def layer_contests(layer: Layer, batch_size: int) -> dict[str, list[Callable[[], object]]]:
    """Forward pass, input gradient and kernel gradient, each by ours, by plain XLA and by PyTorch, channels last."""
    random = np.random.default_rng(0)
    large = random.standard_normal((batch_size, layer.size, layer.size, layer.ci)).astype(np.float32)
    small = random.standard_normal((batch_size, layer.outputs, layer.outputs, layer.co)).astype(np.float32)
    kernel = random.standard_normal((layer.kernel, layer.kernel, layer.ci // layer.groups, layer.co)).astype(np.float32)
    x, g = (small, large) if layer.transposed else (large, small)
    ours, plain = our_layer(layer), xla_layer(layer)
    x_jax, kernel_jax, g_jax = map(jnp.asarray, (x, kernel, g))
    x_torch, kernel_torch, g_torch = (
        torch.from_numpy(array).permute(axes).contiguous(memory_format=torch.channels_last)
        for array, axes in ((x, (0, 3, 1, 2)), (kernel, (3, 2, 0, 1)), (g, (0, 3, 1, 2)))
    )
    return {
        name: [
            jax_pass(ours, name, x_jax, kernel_jax, g_jax),
            jax_pass(plain, name, x_jax, kernel_jax, g_jax),
            torch_pass(layer, name, x_torch, kernel_torch, g_torch),
        ]
        for name in ("forward", "input gradient", "kernel gradient")
    }


def our_layer(layer: Layer) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """This package's layer as a function of input and kernel."""
    strides, pads = (layer.stride, layer.stride), ((layer.padding, layer.padding),) * 2
    if layer.transposed:
        return lambda x, kernel: conv_transpose(x, kernel, strides, pads)
    return lambda x, kernel: conv(x, kernel, strides, pads, layer.groups)


def xla_layer(layer: Layer) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The same layer as flax.linen would write it."""
    strides, numbers = (layer.stride, layer.stride), ("NHWC", "HWIO", "NHWC")
    if not layer.transposed:
        pads = [(layer.padding, layer.padding)] * 2
        return lambda x, kernel: lax.conv_general_dilated(
            x, kernel, strides, pads, dimension_numbers=numbers, feature_group_count=layer.groups
        )
    edge = layer.kernel - 1 - layer.padding
    return lambda y, kernel: lax.conv_transpose(
        y, kernel, strides, [(edge, edge)] * 2, dimension_numbers=numbers, transpose_kernel=True
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


def torch_pass(layer: Layer, name: str, x: torch.Tensor, kernel: torch.Tensor, g: torch.Tensor) -> Callable[[], object]:
    """One pass of a layer by the operations that autograd calls."""
    strides, pads = [layer.stride] * 2, [layer.padding] * 2
    if name == "forward":
        function = functional.conv_transpose2d if layer.transposed else functional.conv2d
        return lambda: function(x, kernel, stride=strides, padding=pads, groups=layer.groups)
    mask = [name == "input gradient", name == "kernel gradient", False]
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(g, x, kernel, None, strides, pads, [1, 1], layer.transposed, [0, 0], layer.groups, mask)


if __name__ == "__main__":
    main()

"""What options cost: SNGAN's step at 32 x 32 without spectral norm, as published, and with DiffAugment.

    python benchmarks/speed/option_cost.py [--batch-size 32] [--blocks 8] [--steps 3] [--clock cpu] [--alone]

Blocks of steps alternate between the contestants, as in train_step.py, and `--clock` is its. A cost is the share of the
step without the option, as the median over blocks with the smallest and the largest.

Both costs are small beside what other users of a machine do to a step. `--alone` times the options by themselves, as
often as a step uses them: the power iterations and normalised kernels of the discriminator with their gradients, for
real and for fake images, and the transforms of all images, with their gradient in the generator's move.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from timing import CLOCKS, Peak, alternate, timed
from train_step import ROWS, engine_step

from jgan.augment.diffaugment import augment
from jgan.engine.allocator import keep_memory
from jgan.layers.spectral import spectral_normalize
from jgan.types import SPECTRAL, Array

ROW = ROWS["sngan-32"]
POLICY = ("color", "translation", "cutout")
REPEATS = 20  # of an option alone, in a block


def main() -> None:
    keep_memory()
    options = parse()
    (alone_table if options.alone else step_table)(options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=8, help="of each contestant")
    parser.add_argument("--steps", type=int, default=1, help="in a block")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--alone", action="store_true", help="time the options by themselves")
    return parser.parse_args()


def step_table(options: argparse.Namespace) -> None:
    plain = ROW.ours
    games = {
        "without spectral norm": dataclasses.replace(
            plain, discriminator=plain.discriminator.clone(spectral_norm=False)
        ),
        "as published": plain,
        "with DiffAugment": dataclasses.replace(plain, augment=POLICY),
    }
    steps = [engine_step(ROW._replace(ours=game), options.batch_size) for game in games.values()]
    seconds = alternate(steps, options.blocks, options.steps, Peak(CLOCKS[options.clock]))
    costs = ["", cost(seconds[0], seconds[1]), cost(seconds[1], seconds[2])]
    print("| sngan-32 | ms a step | cost of the option (range) |\n| --- | --- | --- |")
    for name, times, share in zip(games, seconds, costs, strict=True):
        print(f"| {name} | {1e3 * statistics.median(times):.0f} | {share} |")


def cost(without: list[float], with_option: list[float]) -> str:
    shares = [there / here - 1 for here, there in zip(without, with_option, strict=True)]
    return f"{statistics.median(shares):+.1%} ({min(shares):+.1%} to {max(shares):+.1%})"


def alone_table(options: argparse.Namespace) -> None:
    clock = CLOCKS[options.clock]
    print("| option alone | ms in a step (range) |\n| --- | --- |")
    for name, parts in (("spectral norm", spectral_parts()), ("DiffAugment", augment_parts(options.batch_size))):
        for part, _ in parts:
            part()
        totals = [1e3 * sum(uses * timed(part, REPEATS, clock) for part, uses in parts) for _ in range(options.blocks)]
        print(f"| {name} | {statistics.median(totals):.1f} ({min(totals):.1f}-{max(totals):.1f}) |")


def spectral_parts() -> list[tuple[Callable[[], object], int]]:
    """(a move's spectral norms, moves in a step)."""
    image = jnp.zeros((1, ROW.theirs.resolution, ROW.theirs.resolution, 3))
    rngs = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    params = ROW.ours.discriminator.init(rngs, image, train=True)["params"]
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]

    class Norms(nn.Module):
        @nn.compact
        def __call__(self, kernels: list[Array]) -> list[Array]:
            return [spectral_normalize(self, kernel, name=f"u{index}") for index, kernel in enumerate(kernels)]

    norms = Norms()
    vectors = norms.init(jax.random.key(0), kernels)

    @jax.jit
    def move(vectors: dict, kernels: list[Array], real: list[Array], fake: list[Array]) -> object:
        normal, pullback, changed = jax.vjp(
            lambda kernels: norms.apply(vectors, kernels, mutable=[SPECTRAL]), kernels, has_aux=True
        )
        return normal, changed, jax.tree.map(jnp.add, pullback(real), pullback(fake))

    cotangents = [kernel + 1.0 for kernel in kernels]
    return [
        (
            lambda: jax.block_until_ready(move(vectors, kernels, kernels, cotangents)),
            ROW.theirs.critic_steps + 1,
        )
    ]


def augment_parts(batch_size: int) -> list[tuple[Callable[[], object], int]]:
    """(transforms of a batch, how often in a step): real and fake ones, and the generator's own with its gradient."""
    count = ROW.theirs.generator_batches * batch_size
    size = ROW.theirs.resolution
    images = jax.random.uniform(jax.random.key(0), (count, size, size, 3), minval=-1.0)
    rngs = jax.random.split(jax.random.key(1), count)
    forward = jax.jit(lambda images, rngs: augment(images, rngs, POLICY))
    both = jax.jit(lambda images, rngs: jax.vjp(lambda images: augment(images, rngs, POLICY), images)[1](images))
    few, few_rngs = images[:batch_size], rngs[:batch_size]
    return [
        (lambda: forward(few, few_rngs).block_until_ready(), 2 * ROW.theirs.critic_steps),
        (lambda: forward(images, rngs).block_until_ready(), 1),
        (lambda: jax.block_until_ready(both(images, rngs)), 1),
    ]


if __name__ == "__main__":
    main()

"""What options cost: SNGAN's step at 32 x 32 without spectral norm, as published, and with DiffAugment.

    python benchmarks/option_cost.py [--batch-size 32] [--blocks 8] [--steps 3] [--clock cpu]

Blocks of steps alternate between the contestants, as in train_step.py, and `--clock` is its. A cost is the share of the
step without the option, as the median over blocks with the smallest and the largest.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics

from timing import CLOCKS, Peak, alternate
from train_step import ROWS, engine_step

from jgan.allocator import keep_memory


def main() -> None:
    keep_memory()
    options = parse()
    row = ROWS["sngan-32"]
    plain = row.ours
    games = {
        "without spectral norm": dataclasses.replace(
            plain, discriminator=plain.discriminator.clone(spectral_norm=False)
        ),
        "as published": plain,
        "with DiffAugment": dataclasses.replace(plain, augment=("color", "translation", "cutout")),
    }
    steps = [engine_step(row._replace(ours=game), options.batch_size) for game in games.values()]
    seconds = alternate(steps, options.blocks, options.steps, Peak(CLOCKS[options.clock]))
    costs = ["", cost(seconds[0], seconds[1]), cost(seconds[1], seconds[2])]
    print("| sngan-32 | ms a step | cost of the option (range) |\n| --- | --- | --- |")
    for name, times, share in zip(games, seconds, costs, strict=True):
        print(f"| {name} | {1e3 * statistics.median(times):.0f} | {share} |")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=8, help="of each contestant")
    parser.add_argument("--steps", type=int, default=1, help="in a block")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    return parser.parse_args()


def cost(without: list[float], with_option: list[float]) -> str:
    shares = [there / here - 1 for here, there in zip(without, with_option, strict=True)]
    return f"{statistics.median(shares):+.1%} ({min(shares):+.1%} to {max(shares):+.1%})"


if __name__ == "__main__":
    main()

"""Time of a whole training step, beside eager PyTorch running the same mathematics in the same process.

    pip install 'jgan[bench]'
    python benchmarks/speed/train_step.py [--rows dcgan-64] [--batch-size 32] [--blocks 8] [--steps 3] [--clock cpu]

One step is what `jgan train` runs from one move of the generator to the next: the discriminator's moves on
real and fake images (one, or five for WGAN-GP and SNGAN), and the generator's, all by Adam, with the moving average of
the generator's weights and the gradient norms. PyTorch's (torch_training.py) has neither average nor norms. It runs in
its two memory layouts; both are shown. A StyleGAN's step is the mean of 16, in which all lazy regularisers come; of
`stylegan2-256-g` it is the generator's images alone.

Blocks of steps alternate between the contestants. The table holds medians over the blocks, the ratio's smallest and
largest value over neighbouring blocks, and the rate at which floating-point operations are done, counted for all as
PyTorch's operations by direct convolution: ours need fewer on CPU, where they fold resampling into convolutions and use
Winograd's algorithm. The share is of this machine's peak: the best of large float32 matrix products, measured in each
framework before every block, so that a machine that others use too is judged by its best moment of the same minutes.

`--clock cpu` counts the processor's time in place of the wall clock's, for a machine that others use too: waiting for
a core is not in it. Run it on one core (`taskset -c 0 python ... --threads 1`): PyTorch's threads spin while they wait.
"""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import torch_networks
import torch_stylegan
import torch_training
import torch_translation
from timing import CLOCKS, PEAK_SIZE, Peak, alternate
from torch_training import TorchGame
from torch_translation import TorchTranslation

from jgan.config import read_config
from jgan.engine.allocator import keep_memory
from jgan.engine.optim import AdamConfig, EmaConfig, make_optimizer
from jgan.engine.sharding import make_sharding
from jgan.engine.step import PLAYERS, Optimizers, active_phases, create_state, make_train_step, programs_of
from jgan.families import r3gan
from jgan.families.cyclegan import cyclegan
from jgan.families.dcgan import dcgan
from jgan.families.pix2pix import pix2pix
from jgan.families.progan import progan
from jgan.families.sngan import sngan
from jgan.families.srgan import srgan
from jgan.families.stylegan2 import stylegan2, widths_of
from jgan.families.stylegan3 import stylegan3
from jgan.families.wgan_gp import wgan_gp, wgan_gp_dcgan
from jgan.games.latent import LatentGAN
from jgan.games.paired import PairedGAN
from jgan.games.unpaired import UnpairedGAN
from jgan.types import Game, Stage, schedule

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


class Row(NamedTuple):
    """A training step to time: the same game twice."""

    ours: Any  # a Game
    theirs: Any  # a TorchGame, or a TorchTranslation
    batch_size: int
    adversarial: bool = True
    generator_alone: bool = False


# What WGAN-GP and SNGAN share.
five_to_one = functools.partial(
    TorchGame, latent_dim=128, generator_loss=torch_training.raise_logits, betas=(0.0, 0.9), critic_steps=5
)

# What the StyleGANs share.
style_game = functools.partial(
    TorchGame,
    discriminator_loss=torch_stylegan.logistic_losses,
    generator_loss=torch_stylegan.logistic_loss,
    betas=(0.0, 0.99),
)

BIGGAN_CIFAR: LatentGAN = read_config(str(CONFIGS / "biggan_cifar.py"), []).game  # pyright: ignore[reportAssignmentType]

ROWS = {
    "dcgan-64": Row(
        dcgan(),
        TorchGame(
            torch_networks.dcgan_generator,
            torch_networks.dcgan_discriminator,
            latent_dim=100,
            discriminator_loss=torch_training.cross_entropy_losses,
            generator_loss=torch_training.non_saturating_loss,
            resolution=64,
            betas=(0.5, 0.999),
        ),
        batch_size=32,
    ),
    "wgan-gp-dcgan-64": Row(
        wgan_gp_dcgan(),
        five_to_one(
            lambda: torch_networks.dcgan_generator(latent_dim=128),
            lambda: torch_networks.dcgan_discriminator(layer_norm=True),
            discriminator_loss=torch_training.wasserstein_losses,
            resolution=64,
        ),
        batch_size=32,
    ),
    "wgan-gp-resnet-32": Row(
        wgan_gp(),
        five_to_one(
            lambda: torch_networks.residual_generator(128),
            torch_networks.wgan_gp_critic,
            discriminator_loss=torch_training.wasserstein_losses,
            resolution=32,
            generator_batches=2,
        ),
        batch_size=32,
    ),
    "sngan-32": Row(
        sngan(),
        five_to_one(
            lambda: torch_networks.residual_generator(256),
            torch_networks.ResidualDiscriminator,
            discriminator_loss=torch_training.hinge_losses,
            resolution=32,
            generator_batches=2,
        ),
        batch_size=32,
    ),
    "biggan-cifar": Row(
        BIGGAN_CIFAR,
        TorchGame(
            torch_networks.biggan_cifar_generator,
            lambda: torch_networks.ResidualDiscriminator(256, conditional=True),
            latent_dim=128,
            discriminator_loss=torch_training.hinge_losses,
            generator_loss=torch_training.raise_logits,
            resolution=32,
            betas=(0.0, 0.999),
            critic_steps=4,
        ),
        batch_size=4,
    ),
    "progan-32": Row(  # a quarter of the published width
        progan(32, max_channels=128),
        TorchGame(
            lambda: torch_networks.progan_generator(128),
            lambda: torch_networks.progan_discriminator(128),
            latent_dim=128,
            discriminator_loss=functools.partial(torch_training.wasserstein_losses, drift=0.001),
            generator_loss=torch_training.raise_logits,
            resolution=32,
            betas=(0.0, 0.99),
        ),
        batch_size=8,
    ),
    "r3gan-32": Row(  # half the published width, the published 16 channels in a group
        LatentGAN(
            r3gan.Generator((384,) * 4, (48,) * 4),
            r3gan.Discriminator((384,) * 4, (48,) * 4),
            latent_dim=64,
            adversarial="relativistic_paired",
            r1_gamma=0.05,
            r2_gamma=0.05,
            r1_every=1,
        ),
        TorchGame(
            lambda: torch_networks.r3gan_generator(384, 48),
            lambda: torch_networks.r3gan_discriminator(384, 48),
            latent_dim=64,
            discriminator_loss=torch_training.paired_losses,
            generator_loss=torch_training.paired_loss,
            resolution=32,
            betas=(0.0, 0.9),
            paired=True,
        ),
        batch_size=4,
    ),
    "stylegan2-64": Row(  # an eighth of config f's width
        stylegan2(64, 4096, 256, mapping_layers=2, r1_gamma=0.1),
        style_game(
            lambda: torch_stylegan.StyleGAN2Generator(widths_of(64, 4096, 256), 256, 2),
            lambda: torch_stylegan.StyleGAN2Discriminator(widths_of(64, 4096, 256)),
            latent_dim=256,
            resolution=64,
            regularizers=(torch_stylegan.path_length(256), torch_stylegan.r1(0.1)),
        ),
        batch_size=8,
    ),
    "stylegan2-256-g": Row(  # preset paper256's width
        stylegan2(256, 16384),
        style_game(
            lambda: torch_stylegan.StyleGAN2Generator(widths_of(256, 16384), 512, 8),
            lambda: torch_stylegan.StyleGAN2Discriminator(widths_of(256, 16384)),
            latent_dim=512,
            resolution=256,
        ),
        batch_size=4,
        generator_alone=True,
    ),
    "stylegan3-t-64": Row(  # an eighth of the published width
        stylegan3(64, base=4096, most=64, r1_gamma=0.1),
        style_game(
            lambda: torch_stylegan.StyleGAN3Generator(64, 4096, 64, 64),
            lambda: torch_stylegan.StyleGAN2Discriminator(widths_of(64, 4096, 64)),
            latent_dim=64,
            resolution=64,
            regularizers=(torch_stylegan.r1(0.1),),
        ),
        batch_size=8,
    ),
    "pix2pix-128": Row(pix2pix(downs=7), TorchTranslation(torch_translation.pix2pix_round, 128), batch_size=4),
    "cyclegan-64": Row(cyclegan(blocks=6), TorchTranslation(torch_translation.cyclegan_round, 64), batch_size=2),
    "srresnet-x4": Row(  # patches of 24 x 24
        srgan(), TorchTranslation(torch_translation.srresnet_round, 96), batch_size=8, adversarial=False
    ),
}


def main() -> None:
    keep_memory()  # as every command of jgan does; it left PyTorch's times as they were
    options = parse()
    torch.set_num_threads(options.threads)
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}, torch {torch.__version__}")
    print(f"{torch.get_num_threads()} torch threads, {options.blocks} blocks, {options.clock} clock\n")
    peak = Peak(CLOCKS[options.clock])
    print("| row, batch | contestant | ms a step | images/s | GFLOP/s | share of peak | ours / this (range) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.rows:
        print_row(name, options.batch_size or ROWS[name].batch_size, options, peak)
    print(f"\npeak of {PEAK_SIZE} x {PEAK_SIZE} float32 products: jax {peak.ours:.0f}, torch {peak.theirs:.0f} GFLOP/s")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--batch-size", type=int, help="in place of each row's own")
    parser.add_argument("--blocks", type=int, default=8, help="of each contestant")
    parser.add_argument("--steps", type=int, default=1, help="in a block")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    return parser.parse_args()


def print_row(name: str, batch_size: int, options: argparse.Namespace, peak: Peak) -> None:
    row = ROWS[name]
    theirs = torch_training.forward if row.generator_alone else type(row.theirs).round
    contestants = {
        "jgan": generator_alone(row, batch_size) if row.generator_alone else engine_step(row, batch_size),
        "torch, contiguous": theirs(row.theirs, batch_size, channels_last=False),
        "torch, channels last": theirs(row.theirs, batch_size, channels_last=True),
    }
    steps = 1 if row.generator_alone else row.theirs.steps
    flops = torch_training.flops(contestants["torch, contiguous"]) / steps
    images = batch_size * row.theirs.critic_steps
    seconds = alternate(list(contestants.values()), options.blocks, options.steps, peak)
    for contestant, times in zip(contestants, seconds, strict=True):
        median = statistics.median(times) / steps
        rate = 1e-9 * flops / median
        ratios = [ours / theirs for ours, theirs in zip(seconds[0], times, strict=True)]
        print(
            f"| {name}, {batch_size} | {contestant} | {1e3 * median:.0f} | {images / median:.0f} | {rate:.0f} | "
            f"{rate / peak.best:.0%} | {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
            flush=True,
        )


def engine_step(row: Row, batch_size: int) -> Callable[[], None]:
    """The engine's steps up to a move of the generator, on random images, with the state donated from step to step."""
    game, resolution = row.ours, row.theirs.resolution
    (stage,) = schedule((Stage(steps=1, batch_size=batch_size, resolution=resolution, adversarial=row.adversarial),))
    adam = AdamConfig(learning_rate=2e-4, b1=row.theirs.betas[0], b2=row.theirs.betas[1])
    optimizers: Optimizers = {player: make_optimizer(adam) for player in PLAYERS}
    sharding = make_sharding()
    batch = jax.device_put(make_batch(game, batch_size, resolution), sharding.batch)
    key = jax.random.key(0)
    frozen = game.load_frozen() if row.adversarial else ()
    state = jax.jit(lambda key: create_state(game, (stage,), (batch,), optimizers, key, frozen))(key)
    state_sharding = sharding.of_state(state)
    step = make_train_step(
        game, stage, optimizers, EmaConfig(), lambda stage, feed, step, rngs: feed, sharding, state_sharding
    )
    phases, moves = game.phases(stage), getattr(game, "generator_every", 1) * row.theirs.steps
    programs = [program for index in range(moves) for program in programs_of(phases, active_phases(phases, index))]
    holder = [jax.device_put(state, state_sharding)]

    def run() -> None:
        for active in programs:
            holder[0], metrics = step(holder[0], batch, key, active=active)
            jax.block_until_ready((holder[0], metrics))

    return run


def generator_alone(row: Row, batch_size: int) -> Callable[[], None]:
    """Images of random latents, as `jgan sample` makes them of a trained network."""
    game: LatentGAN = row.ours
    (stage,) = schedule((Stage(steps=1, batch_size=batch_size, resolution=row.theirs.resolution),))
    batch, key = make_batch(game, batch_size, row.theirs.resolution), jax.random.key(0)
    variables = jax.jit(lambda key: game.init(key, batch, stage)[0])(key)
    latents = game.sample_latents(jax.random.split(key, batch_size))
    make = jax.jit(functools.partial(game.generator.apply, train=False))
    return lambda: jax.block_until_ready(make(variables, latents))


def make_batch(game: Game, batch_size: int, resolution: int) -> dict[str, np.ndarray]:
    """Random images, as the game takes them."""
    rng = np.random.default_rng(0)

    def images(side: int = resolution) -> np.ndarray:
        return rng.uniform(-1, 1, (batch_size, side, side, 3)).astype(np.float32)

    if isinstance(game, UnpairedGAN):
        return {"images_a": images(), "images_b": images()}
    if isinstance(game, PairedGAN):
        return {"inputs": images(resolution // getattr(game.generator, "scale", 1)), "targets": images()}
    return {"images": images(), "labels": np.arange(batch_size, dtype=np.int32) % 10}


if __name__ == "__main__":
    main()

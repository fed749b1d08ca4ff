"""Make a run of published weights: `jgan import-weights --config ... --generator FILE --workdir ...`."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jgan import command
from jgan import config as configs
from jgan.config import Config
from jgan.families import cyclegan
from jgan.games.paired import PairedGAN
from jgan.published.importing import (
    BEFORE_CHECKPOINT,
    DIRECTIONS,
    File,
    as_published,
    check_network,
    import_networks,
    open_networks,
)
from jgan.rundir.checkpoints import newest_step
from jgan.rundir.lock import LOCK
from jgan.types import UserError

DESCRIPTION = """Turns a file of published weights into a run, to sample from and to measure. Nothing in it is executed.

  jgan import-weights --config dcgan --generator netG.pth --workdir runs/published --match
  jgan sample --workdir runs/published

It reads what torch.save wrote (.pth, .pt, .bin, .ckpt, .pth.tar), .npz and .safetensors. What wraps a
network in the file is found and said: {"state_dict": ...}, names that begin with "generator.", "module." and the
like, an average beside the last weights (the average is read), networks and optimizers beside it (they are left out).
Where its numbers differ from the config's, the message has the flags that fit; --match sets them.

  dcgan        netG and netD of PyTorch's DCGAN tutorial (main.0.weight ...)
  biggan       G and D of https://github.com/ajbrock/BigGAN-PyTorch
  biggan_deep  BigGAN-deep of https://github.com/huggingface/pytorch-pretrained-BigGAN (this config: of 128
               pixels), with its batch statistics of 51 truncations; spectral norm is divided out
  sngan        SNGAN and cGAN-PD of https://github.com/kwotsin/mimicry, or BigGAN-PyTorch's without --G_shared
  stylegan     Gs or G, and D, of https://github.com/NVlabs/stylegan, their variables by TensorFlow's names
               (docs/published-weights.md has a script that makes .npz files of its .pkl)
  stylegan2    G_ema, G and D of https://github.com/NVlabs/stylegan2-ada-pytorch, and the StyleGAN2 of stylegan3,
               as state dicts (docs/published-weights.md has the script that makes them of its .pkl); g_ema of
               https://github.com/rosinality/stylegan2-pytorch
  stylegan3_t  G_ema, G and D of https://github.com/NVlabs/stylegan3, T; stylegan3_r: R
  r3gan        G_ema, G and D of https://github.com/brownvc/R3GAN, as state dicts
  pix2pix      latest_net_G.pth of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, a U-Net
  cyclegan     its latest_net_G_A.pth, from a to b, as --generator and latest_net_G_B.pth as --generator_b.
               A file that stands alone, as the authors publish them, with its --direction: the run then
               has that one alone, and is translated with as one of Pix2Pix
  srresnet     MSRResNet of https://github.com/XPixelGroup/BasicSR
  esrgan       RRDBNet of it, of ESRGAN and of Real-ESRGAN
  compact      SRVGGNetCompact of Real-ESRGAN

The run needs no data, and is not for training: without --discriminator, its discriminator is a new one.

Any field of the config can be set with --config.path.to.field=value."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options, overrides = _parser().parse_with_flags(argv)
    _check_new(options.workdir)
    command.stay_on_cpu()
    config, files = choose(configs.read_config(options.config, overrides), options)
    check_network(config, files)
    networks = open_networks(config, files)
    config = as_published(config, networks, match=options.match)
    configs.check(config)
    configs.check_is_data(config)
    import_networks(config, networks, options.workdir)
    for network in networks:
        print(f"{network.file.path}: {network.found.said()}")
    workdir, names = options.workdir, ", ".join(str(file.path) for file in files)
    use = f"{command.program()} {_how_to_generate(config)} --workdir {shlex.quote(str(workdir))}"
    print(f"{names}: now a run, {workdir}; use it with\n  {use}")
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("import-weights", DESCRIPTION)
    parser.add_argument("--config", metavar="NAME", required=True, help="the config with that generator")
    parser.add_argument("--generator", metavar="FILE", type=Path, required=True, help="the file of its weights")
    parser.add_argument(
        "--generator_b", metavar="FILE", type=Path, help="CycleGAN: the file of the generator from b to a"
    )
    parser.add_argument(
        "--direction", choices=DIRECTIONS, help="CycleGAN: the direction of --generator, where it is the only one"
    )
    parser.add_argument("--discriminator", metavar="FILE", type=Path, help="the file of the discriminator's weights")
    parser.add_argument(
        "--match", action="store_true", help="take the numbers of the files' networks (channels, blocks, ...)"
    )
    parser.add_argument(
        "--part", metavar="NAME", default="", help="where a file holds several such networks: what its names begin with"
    )
    parser.add_argument("--workdir", metavar="DIR", type=Path, required=True, help="a new directory for the run")
    return parser


def _how_to_generate(config: Config) -> str:
    """The command for it."""
    return "sample" if config.game.generates_from == "latents" else f"{config.game.how_to_sample()} --out generated"


def choose(config: Config, options: argparse.Namespace) -> tuple[Config, list[File]]:
    """The files, and the config that they are for: with --direction that of one translator alone.

    Raises:
      UserError: there are more or fewer files than the config's generator has parts.
    """
    config, files = _choose_generators(config, options)
    if not options.discriminator:
        return config, files
    return config, [*files, File(options.discriminator, "--discriminator")]


def _choose_generators(config: Config, options: argparse.Namespace) -> tuple[Config, list[File]]:
    first, second, direction = options.generator, options.generator_b, options.direction
    part, _, part_b = options.part.partition(",")
    if not config.game.directions:
        for name, value in (("generator_b", second), ("direction", direction)):
            if value:
                raise UserError(f"--{name}={value}: the generator of this config is one network; leave it out")
        return config, [File(first, part=part)]
    if direction and second:
        raise UserError(f"--direction={direction}: two files hold both directions; leave it out, or --generator_b")
    if direction:
        return one_way(config, direction), [File(first, part=part)]
    if not second:
        raise UserError(
            "--generator_b: this config has two translators; give the other one's file or, to make a run of "
            "--generator alone, its --direction, a_to_b or b_to_a"
        )
    return config, [File(first, "--generator", "a_to_b", part), File(second, "--generator_b", "b_to_a", part_b)]


def one_way(config: Config, direction: str) -> Config:
    """CycleGAN's config with one translator alone: a game of pairs, whose inputs are of the domain that it takes.

    Raises:
      UserError: its generator is not a pair of translators.
    """
    game: Any = config.game
    if not isinstance(game.generator, cyclegan.Translators) or not isinstance(game.discriminator, cyclegan.Critics):
        raise UserError("--config: its generators are no pair of translators; leave --direction out")
    critic = game.discriminator.domain_b if direction == "a_to_b" else game.discriminator.domain_a
    paired = PairedGAN(
        getattr(game.generator, direction),
        critic,
        game.adversarial,
        conditional=False,
        test_as_trained=game.test_as_trained,
    )
    source, channels = config.data.source.replace("unpaired:", "pairs:", 1), config.data.channels or 3
    data = dataclasses.replace(config.data, source=source, channels=channels, input_channels=channels)
    return dataclasses.replace(config, game=paired, data=data)


def _check_new(workdir: Path) -> None:
    """Raises UserError for a directory with files, unless an import that was killed left them, without a checkpoint."""
    left = {path.name.removesuffix(".partial") for path in workdir.iterdir()} if workdir.is_dir() else set()
    if not left <= {LOCK, *BEFORE_CHECKPOINT} or newest_step(workdir) is not None:
        raise UserError(f"--workdir={workdir}: holds files already; choose a new directory")


if __name__ == "__main__":
    command.run(main)

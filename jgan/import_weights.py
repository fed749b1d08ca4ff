"""Make a run of published weights: `jgan import-weights --config ... --generator FILE --workdir ...`."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jgan import command
from jgan import config as configs
from jgan.config import Config
from jgan.data.planned import planned_dataset
from jgan.engine.sharding import make_sharding
from jgan.families import biggan_deep, cyclegan, esrgan, pix2pix, srgan
from jgan.games.paired import PairedGAN
from jgan.inference.sampling import latent_game
from jgan.interop import basicsr as of_basicsr
from jgan.interop import biggan_deep as of_biggan_deep
from jgan.interop import pix2pix as of_pix2pix
from jgan.interop.weights import read_weights
from jgan.rundir.checkpoints import CHECKPOINTS, Checkpoints, newest_step
from jgan.rundir.files import sha256
from jgan.rundir.lock import locked, write_environment
from jgan.rundir.monitor import MetricWindow
from jgan.setup import BatchShapes, initial_state, microbatches, run_seldom, shapes_to_data, state_target
from jgan.types import Array, PyTree, ScheduledStage, TrainState, UserError, schedule

DESCRIPTION = """Turns a file of published weights into a run, to sample from and to measure. Nothing in it is executed.

  jgan import-weights --config biggan_deep --generator pytorch_model.bin --workdir runs/published
  jgan sample --workdir runs/published --truncation 0.4 --labels 207

It reads files that end in .bin, .pth, .pt, .npz or .safetensors:

  biggan_deep  BigGAN-deep of https://github.com/huggingface/pytorch-pretrained-BigGAN (this config: of 128
               pixels), with its batch statistics of 51 truncations; spectral norm is divided out
  pix2pix      latest_net_G.pth of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, a U-Net
  cyclegan     its latest_net_G_A.pth, from a to b, as --generator and latest_net_G_B.pth as --generator_b.
               A file that stands alone, as the authors publish them, with its --direction: the run then
               has that one alone, and is translated with as one of Pix2Pix
  srresnet     MSRResNet of https://github.com/XPixelGroup/BasicSR
  esrgan       RRDBNet of it, of ESRGAN and of Real-ESRGAN (x2: --config.game.generator.scale=2
               --config.data.task.scale=2), the average where there is one
  compact      SRVGGNetCompact of Real-ESRGAN

The run needs no data, and is not for training: its discriminator is a new one.

Any field of the config can be set with --config.path.to.field=value."""

Reader = Callable[[Mapping[str, np.ndarray], PyTree, str], PyTree]  # (a file's tensors, shapes, source) to variables

READERS: dict[type[nn.Module], Reader] = {  # what reads into which generator
    biggan_deep.Generator: of_biggan_deep.read_generator,
    pix2pix.UNet: of_pix2pix.read_generator,
    cyclegan.ResNetGenerator: of_pix2pix.read_generator,
    srgan.MSRResNet: of_basicsr.read_generator,
    esrgan.RRDBNet: of_basicsr.read_generator,
    esrgan.CompactNet: of_basicsr.read_generator,
}
DIRECTIONS = ("a_to_b", "b_to_a")
BEFORE_CHECKPOINT = {".lock", "config.json", "environment.json", CHECKPOINTS}  # what an import writes, in this order


@dataclasses.dataclass(frozen=True)
class File:
    """A file of weights, the flag that it came with and, of two translators, which one's it is."""

    path: Path
    flag: str = "--generator"
    direction: str = ""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options, overrides = _parser().parse_with_flags(argv)
    _check_new(options.workdir)
    command.stay_on_cpu()
    config, files = choose(configs.read_config(options.config, overrides), options)
    config = as_published(config)
    configs.check(config)
    configs.check_is_data(config)
    import_generator(config, files, options.workdir)
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
    first, second, direction = options.generator, options.generator_b, options.direction
    if not config.game.directions:
        for name, value in (("generator_b", second), ("direction", direction)):
            if value:
                raise UserError(f"--{name}={value}: the generator of this config is one network; leave it out")
        return config, [File(first)]
    if direction and second:
        raise UserError(f"--direction={direction}: two files hold both directions; leave it out, or --generator_b")
    if direction:
        return one_way(config, direction), [File(first)]
    if not second:
        raise UserError(
            "--generator_b: this config has two translators; give the other one's file or, to make a run of "
            "--generator alone, its --direction, a_to_b or b_to_a"
        )
    return config, [File(first, "--generator", "a_to_b"), File(second, "--generator_b", "b_to_a")]


def one_way(config: Config, direction: str) -> Config:
    """CycleGAN's config with one translator alone: a game of pairs, whose inputs are of the domain that it takes.

    Raises:
      UserError: its generator is not a pair of translators.
    """
    game: Any = config.game
    if not isinstance(game.generator, cyclegan.Translators) or not isinstance(game.discriminator, cyclegan.Critics):
        raise _not_read()
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


def as_published(config: Config) -> Config:
    """The config with a generator that holds published weights.

    BigGAN-deep's has no spectral norm, but tables of statistics and latents of its own.

    Raises:
      UserError: no weights of its generator are read.
    """
    game: Any = config.game
    network = getattr(game, "generator", None)
    parts = [getattr(network, name) for name in DIRECTIONS] if isinstance(network, cyclegan.Translators) else [network]
    if any(type(part) not in READERS for part in parts):
        raise _not_read()
    if game.generates_from == "images":
        return config
    published = dataclasses.replace(
        latent_game(config, "--config"),
        generator=game.generator.clone(spectral_norm=False),
        latent_distribution="truncated_normal",
        truncation_tables=of_biggan_deep.TABLES,
    )
    return dataclasses.replace(config, game=published)


def _not_read() -> UserError:
    return UserError(
        "--config: no weights of this family are read; expected one such as biggan_deep, pix2pix, "
        "cyclegan, srresnet, esrgan or compact"
    )


def import_generator(config: Config, files: Sequence[File], workdir: Path) -> None:
    """A run directory with the files' generator, at step 0; its discriminator is a new one.

    Raises:
      UserError: a file is not of this config's generator, or the directory cannot be written.
    """
    game: Any = config.game  # as_published takes those with a generator alone
    stages = schedule(config.stages)
    batches = _batch_shapes(config, stages)
    target = state_target(config, stages, batches, make_sharding(), frozen=False)
    shapes = {"params": target.generator.params, **target.generator.variables}
    variables = _read(game.generator, shapes, files)
    weights = {"params": variables.pop("params"), "variables": variables}
    weights = {**weights, **{f"{name}_ema": value for name, value in weights.items()}}

    def create(rng: Array) -> TrainState:
        state = initial_state(config, stages, batches, rng)
        return state.replace(generator=state.generator.replace(**dict.fromkeys(weights)))  # XLA drops what made them

    wanted = target.replace(generator=target.generator.replace(**dict.fromkeys(weights)))
    shardings = jax.tree.map(lambda leaf: leaf.sharding, wanted)
    create_state = jax.jit(create, out_shardings=shardings, compiler_options=run_seldom())
    state = create_state(jax.random.key(config.seed))
    record = {
        "window": MetricWindow(config.log_every, {}, lambda *_: None).record(),
        "rollbacks": 0,
        "data": "none, its weights are imported",  # train.py compares it with the data's fingerprint
        "batches": shapes_to_data(batches),
        "config": configs.to_saved(config),
        "imported": [{"file": file.path.name, "sha256": sha256(file.path)} for file in files],
    }
    with locked(workdir):
        configs.save(config, workdir / "config.json")
        write_environment(workdir)
        checkpoints = Checkpoints(workdir)
        checkpoints.save(state.replace(generator=state.generator.replace(**weights)), 0, record)
        checkpoints.close()


def _batch_shapes(config: Config, stages: tuple[ScheduledStage, ...]) -> tuple[BatchShapes, ...]:
    """What data would be like at each stage."""
    game = config.game
    batches = microbatches(planned_dataset(config.data, game.num_classes or None, config.seed), stages)
    if game.generates_from == "images":  # one of latents refuses data beside its tables of published statistics
        for batch in batches:
            game.check_data(batch, None, None)
    return batches


def _read(network: nn.Module, shapes: PyTree, files: Sequence[File]) -> PyTree:
    """The variables of the generator, each collection of `shapes`; of two translators each from its own file."""
    if not isinstance(network, cyclegan.Translators):
        (file,) = files
        return READERS[type(network)](read_weights(file.path), shapes, f"{file.flag}={file.path}")
    variables: dict[str, dict] = {collection: {} for collection in shapes}
    for file in files:
        own = {collection: layers[file.direction] for collection, layers in shapes.items() if file.direction in layers}
        for collection, layers in _read(getattr(network, file.direction), own, [file]).items():
            variables[collection][file.direction] = layers
    return variables


def _check_new(workdir: Path) -> None:
    """Raises UserError for a directory with files, unless an import that was killed left them, without a checkpoint."""
    left = {path.name.removesuffix(".partial") for path in workdir.iterdir()} if workdir.is_dir() else set()
    if not left <= BEFORE_CHECKPOINT or newest_step(workdir) is not None:
        raise UserError(f"--workdir={workdir}: holds files already; choose a new directory")


if __name__ == "__main__":
    command.run(main)

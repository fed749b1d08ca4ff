"""Make a run of published weights: `python -m jgan.import_weights --config ... --generator FILE --workdir ...`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

from jgan import command
from jgan import config as configs
from jgan.checkpoint import Checkpoints
from jgan.config import Config
from jgan.families import biggan_deep
from jgan.files import sha256
from jgan.games.latent import LatentGAN
from jgan.interop.biggan_deep import TABLES, read_generator
from jgan.interop.weights import read_weights
from jgan.monitor import MetricWindow
from jgan.setup import BatchShapes, initial_state, run_seldom, shapes_to_data, state_target
from jgan.sharding import make_sharding
from jgan.types import Array, ScheduledStage, TrainState, UserError, schedule
from jgan.workdir import locked, write_environment

DESCRIPTION = """Makes a run of a generator trained elsewhere, to draw from and to measure; executes nothing of it.

  python -m jgan.import_weights --config configs/biggan_deep.py --generator pytorch_model.bin --workdir runs/published
  python -m jgan.sample --workdir runs/published --truncation 0.4 --labels 207

It reads BigGAN-deep as https://github.com/huggingface/pytorch-pretrained-BigGAN publishes it (.bin, .pth, .pt, .npz or
.safetensors; configs/biggan_deep.py is that of 128 pixels), with its batch statistics of 51 truncations. Its kernels
come divided by their spectral norms, so the run's generator has none. The run needs no data, and is not for training:
its discriminator is a new one.

Any field of the config can be set with --config.path.to.field=value."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("import_weights", DESCRIPTION)
    parser.add_argument("--config", metavar="FILE", required=True, help="the config whose generator it is")
    parser.add_argument("--generator", metavar="FILE", type=Path, required=True, help="its weights")
    parser.add_argument("--workdir", metavar="DIR", type=Path, required=True, help="directory of the run, a new one")
    options, overrides = parser.parse_known_args(argv)
    _check_new(options.workdir)
    command.stay_on_cpu()
    config = as_published(configs.read_config(options.config, overrides))
    configs.check(config)
    configs.check_is_data(config)
    import_generator(config, options.generator, options.workdir)
    workdir = options.workdir
    print(f"{options.generator}: now a run, {workdir}; draw with\n  python -m jgan.sample --workdir {workdir}")
    return 0


def as_published(config: Config) -> Config:
    """The config with a generator that holds published weights: no spectral norm, tables of statistics, their latents.

    Raises:
      UserError: its generator is not BigGAN-deep's.
    """
    game = config.game
    if not isinstance(game, LatentGAN) or not isinstance(game.generator, biggan_deep.Generator):
        raise UserError("--config: no weights of this family are read; expected one such as configs/biggan_deep.py")
    published = dataclasses.replace(
        game,
        generator=game.generator.clone(spectral_norm=False),
        latent_distribution="truncated_normal",
        truncation_tables=TABLES,
    )
    return dataclasses.replace(config, game=published)


def import_generator(config: Config, path: Path, workdir: Path) -> None:
    """A run directory with the file's generator, at step 0; its discriminator is a new one.

    Raises:
      UserError: the file is not this config's generator, or the directory cannot be written.
    """
    stages = schedule(config.stages)
    batches = tuple(_batch_shapes(config, stage) for stage in stages)
    sharding = make_sharding()
    target = state_target(config, stages, batches, sharding)
    shapes = {"params": target.generator.params, **target.generator.variables}
    variables = read_generator(read_weights(path), shapes, source=f"--generator={path}")
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
        "imported": {"file": path.name, "sha256": sha256(path)},
    }
    with locked(workdir):
        configs.save(config, workdir / "config.json")
        write_environment(workdir)
        checkpoints = Checkpoints(workdir)
        checkpoints.save(state.replace(generator=state.generator.replace(**weights)), 0, record)
        checkpoints.close()


def _check_new(workdir: Path) -> None:
    if workdir.is_dir() and any(workdir.iterdir()):
        raise UserError(f"--workdir={workdir}: holds files already; choose a new directory")


def _batch_shapes(config: Config, stage: ScheduledStage) -> BatchShapes:
    size = stage.batch_size // stage.accumulate
    shape = (size, stage.resolution, stage.resolution, config.data.channels)
    images = jax.ShapeDtypeStruct(shape, jnp.float32)
    return {"images": images, "labels": jax.ShapeDtypeStruct((size,), jnp.int32)}


if __name__ == "__main__":
    command.run(main)

"""`--dry_run`: what a config would train and what a step costs, without training it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
from clu import parameter_overview

from jgan import config as configs
from jgan.config import Config
from jgan.setup import RUN, Setup, prepare
from jgan.step import PLAYERS, active_phases
from jgan.types import ScheduledStage

PATTERN_STEPS = 4096  # this many steps of a stage show all its cadence patterns, WGAN's warm-up included


def dry_run(config: Config) -> None:
    """Prints the resolved config, the parameter tables, and memory and FLOPs of each stage's compiled steps.

    Raises:
      UserError: the config cannot run.
    """
    configs.check(config)
    print("Config (set any of these with --config.<name>=<value>)")
    for path, value in configs.flatten(config).items():
        print(f"  {path} = {value!r}")
    setup = prepare(config)
    for name in PLAYERS:
        params = getattr(setup.target, name).params
        print(f"\n{name.capitalize()} parameters")
        print(parameter_overview.get_parameter_overview(params, include_stats=False))
    print(f"\nData: {setup.dataset.count} images, {setup.dataset.num_classes or 'no'} classes")
    print(f"Devices: {setup.sharding.mesh.size} x {jax.devices()[0].device_kind}, fsdp={config.fsdp}")
    for stage in setup.stages:
        print_costs(setup, stage)


def print_costs(setup: Setup, stage: ScheduledStage) -> None:
    """Compiles every cadence pattern of a stage and prints its cost on each device."""
    print(f"\nStage {stage.name!r}: {stage.steps} steps, batch {stage.batch_size}, {stage.resolution} px")
    phases = setup.config.game.phases(stage)
    patterns = {active_phases(phases, step): None for step in range(min(PATTERN_STEPS, stage.steps))}
    for active in patterns:
        compiled = compile_step(setup, stage, active)
        print(f"  {' + '.join(active) or 'no phase'}, per device and step:")
        for name, value in costs(compiled).items():
            print(f"    {name:<22} {value}")


def compile_step(setup: Setup, stage: ScheduledStage, active: tuple[str, ...]) -> Any:
    """The compiled train step of a cadence pattern; nothing is allocated but the data that stays on the device."""
    rng = setup.key(RUN, 0)
    shapes = (setup.target, setup.feed_shapes(stage), jax.ShapeDtypeStruct(rng.shape, rng.dtype, sharding=rng.sharding))
    lower: Any = setup.make_step(dataclasses.replace(stage))
    return lower.lower(*shapes, active).compile()


def costs(compiled: Any) -> dict[str, str]:
    """FLOPs, bytes moved and memory of a compiled program, as the compiler counts them."""
    analysis = compiled.cost_analysis() or {}
    memory = compiled.memory_analysis()
    figures = {
        "FLOPs": f"{analysis.get('flops', float('nan')) / 1e9:.3f} GFLOP",
        "bytes accessed": f"{analysis.get('bytes accessed', float('nan')) / 1e9:.3f} GB",
    }
    if memory is not None:
        figures["arguments"] = _megabytes(memory.argument_size_in_bytes)
        figures["temporaries"] = _megabytes(memory.temp_size_in_bytes)
        figures["outputs, not donated"] = _megabytes(memory.output_size_in_bytes - memory.alias_size_in_bytes)
    return figures


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"

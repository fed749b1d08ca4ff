"""`--dry_run`: what a config would train and what a step costs, without training it."""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from clu import parameter_overview

from jgan import config as configs
from jgan.config import Config
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.opening import open_dataset
from jgan.data.planned import planned_dataset
from jgan.engine.sharding import make_sharding
from jgan.engine.step import PLAYERS, active_phases, programs_of
from jgan.setup import RUN, Setup, lay_out, run_seldom
from jgan.terminal import bars
from jgan.training.operations import count_flops
from jgan.types import ScheduledStage, UserError

PATTERN_STEPS = 4096  # this many steps of a stage show all its cadence patterns, WGAN's warm-up included


def dry_run(config: Config, devices: Sequence[int] = ()) -> None:
    """Prints the resolved config, the parameter tables, and memory and FLOPs of each stage's compiled steps.

    For the devices that are there or, in a table, for each number of `devices`: simulated ones, which `simulate` made.
    Data that cannot be opened are only reported; their shapes are those that the networks take.

    Raises:
      UserError: the config cannot run.
    """
    configs.check(config)
    print("Config (set any of these with --config.<name>=<value>)")
    for path, value in configs.flatten(config).items():
        print(f"  {path} = {value!r}")
    dataset, title = _open_data(config)
    if devices:
        setups = {}
        for count, fsdp in plans(devices, config.fsdp):
            planned = dataclasses.replace(config, fsdp=fsdp)
            setups[count, fsdp] = lay_out(planned, dataset, make_sharding(fsdp, count), simulated=True)
    else:
        setup = lay_out(config, dataset, make_sharding(config.fsdp))
        setups = {(setup.sharding.mesh.size, config.fsdp): setup}
    first = next(iter(setups.values()))
    for name in PLAYERS:
        params = getattr(first.target, name).params
        print(f"\n{name.capitalize()} parameters")
        print(parameter_overview.get_parameter_overview(params, include_stats=False))
    print(f"\nData: {title}")
    if devices:
        print_plans(setups)
        return
    print(f"Devices: {first.sharding.mesh.size} x {jax.devices()[0].device_kind}, fsdp={config.fsdp}")
    for stage in first.stages:
        print_costs(first, stage)


def simulate(devices: Sequence[int]) -> None:
    """Makes as many simulated CPU devices as the largest plan needs; to be called before JAX looks for devices."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", max(devices))


def plans(devices: Sequence[int], fsdp: int) -> list[tuple[int, int]]:
    """(devices, fsdp) of every layout to look at: each device with a whole copy of the state, or all sharing one.

    And as many sharing one as the config has it, where they divide the devices.
    """
    layouts = [(count, shared) for count in devices for shared in (1, fsdp, count) if count % shared == 0]
    return list(dict.fromkeys(layouts))


def _open_data(config: Config) -> tuple[Dataset | UnpairedDataset, str]:
    """The data and what to say of them; stand-ins where they are not there."""
    try:
        dataset = open_dataset(config.data, config.seed)
    except UserError as error:
        return plan_data(config), f"NOT THERE, only their shapes are planned with ({error})"
    return dataset, f"{dataset.count} images, {dataset.num_classes or 'no'} classes"


def plan_data(config: Config) -> Dataset | UnpairedDataset:
    """Stand-ins of the shapes that the game takes."""
    game = config.game
    return planned_dataset(config.data, game.num_classes or None, config.seed, game.example_caption())


def print_costs(setup: Setup, stage: ScheduledStage) -> None:
    """Compiles every program of a stage and prints its cost on each device."""
    print(_title(stage))
    for active in _programs(setup, stage):
        compiled = compile_step(setup, stage, active)
        print(f"  {' + '.join(active) or 'no phase'}, per device and step:")
        print(f"    {'FLOPs':<22} {flops(setup, stage, active) / 1e9:.3f} GFLOP")
        for name, value in costs(compiled).items():
            print(f"    {name:<22} {value}")


def print_plans(setups: Mapping[tuple[int, int], Setup]) -> None:
    """A table for each stage: FLOPs of every program, memory of the one with most phases."""
    first = next(iter(setups.values()))
    for stage in first.stages:
        print(_title(stage))
        programs = _programs(first, stage)
        largest = max(programs, key=len)
        counted = [f"TFLOP of {' + '.join(active)}" for active in programs]
        columns = ["devices", "state", "images", *counted, "GiB of arguments", "of temporaries"]
        print(f"\nPer device and step; memory, as XLA plans it for CPU, is that of {' + '.join(largest)}.\n")
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
        whole = [flops(first, stage, active) * first.sharding.mesh.size / 1e12 for active in programs]
        for (count, fsdp), setup in bars.bar(iterable=setups.items(), unit="layout"):
            memory = compile_step(setup, stage, largest).memory_analysis()
            sizes = (memory.argument_size_in_bytes, memory.temp_size_in_bytes)
            cells = [str(count), "whole" if fsdp == 1 else f"1/{fsdp}", str(stage.batch_size // count)]
            cells += [f"{number / count:.4g}" for number in whole] + [f"{size / 2**30:.2f}" for size in sizes]
            bars.say(f"| {' | '.join(cells)} |")


def _title(stage: ScheduledStage) -> str:
    pieces = f" in {stage.accumulate} pieces" if stage.accumulate > 1 else ""
    return f"\nStage {stage.name!r}: {stage.steps} steps, batch {stage.batch_size}{pieces}, {stage.resolution} px"


def _programs(setup: Setup, stage: ScheduledStage) -> list[tuple[str, ...]]:
    """The sets of phases that are programs of the stage, as they are first needed, those of lazy phases last."""
    phases, steps = setup.config.game.phases(stage), range(min(PATTERN_STEPS, stage.steps))
    patterns = dict.fromkeys(active_phases(phases, step) for step in steps)
    return list(dict.fromkeys(program for active in patterns for program in reversed(programs_of(phases, active))))


def flops(setup: Setup, stage: ScheduledStage, active: tuple[str, ...]) -> float:
    """FLOP of a step's matrix products and convolutions on each device, as accelerators compute them."""
    whole = _trace_step(setup, dataclasses.replace(stage, accumulate=1), active)
    return count_flops(whole.jaxpr) / setup.sharding.mesh.size


def training_flops(setup: Setup) -> float:
    """FLOP of all steps of a run."""
    return sum(map(functools.partial(_stage_flops, setup), setup.stages))


def _stage_flops(setup: Setup, stage: ScheduledStage) -> float:
    phases, seen = setup.config.game.phases(stage), min(PATTERN_STEPS, stage.steps)
    patterns = collections.Counter(active_phases(phases, step) for step in range(seen))
    mesh, share = setup.sharding.mesh.size, stage.steps / seen
    return sum(flops(setup, stage, active) * mesh * steps * share for active, steps in patterns.items())


def compile_step(setup: Setup, stage: ScheduledStage, active: tuple[str, ...]) -> Any:
    """One compiled program of a train step; nothing is allocated but the data that stays on the device."""
    return _trace_step(setup, stage, active).lower().compile(compiler_options=run_seldom())


def _trace_step(setup: Setup, stage: ScheduledStage, active: tuple[str, ...]) -> Any:
    rng = setup.key(RUN, 0)
    shapes = (setup.target, setup.feed_shapes(stage), jax.ShapeDtypeStruct(rng.shape, rng.dtype, sharding=rng.sharding))
    step: Any = setup.make_step(dataclasses.replace(stage))
    return step.trace(*shapes, active)


def costs(compiled: Any) -> dict[str, str]:
    """Bytes moved and memory of a compiled program, as the compiler counts them."""
    analysis = compiled.cost_analysis() or {}
    memory = compiled.memory_analysis()
    figures = {"bytes accessed": f"{analysis.get('bytes accessed', math.nan) / 1e9:.3f} GB"}
    if memory is not None:
        figures["arguments"] = _megabytes(memory.argument_size_in_bytes)
        figures["temporaries"] = _megabytes(memory.temp_size_in_bytes)
        figures["outputs, not donated"] = _megabytes(memory.output_size_in_bytes - memory.alias_size_in_bytes)
    return figures


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"

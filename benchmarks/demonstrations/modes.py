"""Mode collapse on two mixtures of points, and what each cure does about it.

    make modes [OUT=runs/modes] [ARGS="--methods vanilla r1 --steps 2000"]

Trains the vanilla GAN without and with each cure of `modes_methods.py`, on a ring of 8 and a grid of 25 normals, for
the same steps of the same batch size with the same optimizer but where a cure brings its own, three seeds each, and
draws 2,500 points from every trained generator (its weights as trained, not their average). Writes into OUT, anew after
every method:

    modes.md      a table: modes, high-quality points, KL; whether each method helps, by a stated rule
    modes.png     the points of the first seed in the course of training
    modes.json    all numbers

A point is an image of 1 x 1 pixels of two channels, so what trains is the engine's own step. The runs of a method are
one program: vectorised over mixtures and seeds, many steps a call.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import math
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from modes_methods import BATCH_SIZE, MIXTURES, VANILLA, Method, draw_points, methods, table
from modes_report import POINTS, Result, draw_picture, score, to_text
from tqdm import tqdm

from jgan.command import enable_compilation_cache
from jgan.engine.allocator import keep_memory
from jgan.engine.optim import EmaConfig, make_optimizer
from jgan.engine.sharding import make_sharding
from jgan.engine.step import PLAYERS, Optimizers, active_phases, create_state, make_train_step
from jgan.games.latent import LatentGAN
from jgan.rundir.atomic_files import replacing, write_json
from jgan.types import Array, PyTree, ScheduledStage, Stage, TrainState, schedule

CALLS = 20  # of the program that trains, for a whole run
SNAPSHOTS = (1, 3, 7, 13, 20)  # of these calls, after which points are drawn
MULTIPLE = 5 * CALLS  # of steps: a call holds whole turns of players that take turns


def main() -> None:
    keep_memory()
    enable_compilation_cache()
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = {name: method for name, method in methods(options.steps).items() if name in options.methods}
    results, pictures = {}, {}
    with tqdm(total=len(chosen) * options.steps, unit="step", disable=None) as bar:
        for name, method in chosen.items():
            bar.set_description(name)
            start = time.perf_counter()
            points = train(method, options.steps, options.seeds, bar.update)
            seconds = time.perf_counter() - start
            pictures[method.title] = points[:, 0]
            scores = [score(drawn[:, -1], mixture) for drawn, mixture in zip(points, MIXTURES, strict=True)]
            results[name] = Result(method.title, seconds, scores)
            write(options, results, pictures)
    print((options.out / "modes.md").read_text())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(methods(steps=1))
    parser.add_argument("--out", type=Path, default=Path("runs/modes"))
    parser.add_argument("--methods", nargs="+", choices=names, default=names, help="vanilla is always among them")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=12_000, help=f"a multiple of {MULTIPLE}")
    options = parser.parse_args()
    if options.steps <= 0 or options.steps % MULTIPLE:
        parser.error(f"--steps {options.steps}: expected a multiple of {MULTIPLE}")
    options.methods = {VANILLA, *options.methods}
    return options


def write(options: argparse.Namespace, results: dict[str, Result], pictures: dict[str, np.ndarray]) -> None:
    """What the methods came to so far."""
    write_json(options.out / "modes.json", {name: dataclasses.asdict(result) for name, result in results.items()})
    with replacing(options.out / "modes.md") as partial:
        partial.write_text(to_text(results, options.steps, options.seeds))
    draw_picture(pictures, [call * options.steps // CALLS for call in SNAPSHOTS], options.out / "modes.png")


def train(method: Method, steps: int, seeds: list[int], report: Callable[[int], object]) -> np.ndarray:
    """Points drawn in the course of training, [mixtures, seeds, snapshots, POINTS, 2]; `report` is told of steps."""
    game = method.game()
    (stage,) = schedule((Stage(steps=steps, batch_size=BATCH_SIZE, resolution=1),))
    game.check((stage,))
    create, advance = make_program(method, game, stage)
    keys = jnp.stack([jax.random.key(seed) for _ in MIXTURES for seed in seeds])
    centres = jnp.stack([table(mixture) for mixture in MIXTURES for _ in seeds])
    states = jax.jit(jax.vmap(create))(keys)
    advance_all = jax.jit(jax.vmap(advance), donate_argnums=0)
    draw_all = jax.jit(jax.vmap(functools.partial(draw, game)))
    snapshots = []
    for call in range(1, CALLS + 1):
        states = advance_all(states, centres, keys)
        if call in SNAPSHOTS:
            snapshots.append(np.asarray(draw_all(states, keys), np.float64))
        jax.block_until_ready(states)
        report(steps // CALLS)
    return np.stack(snapshots, axis=1).reshape(len(MIXTURES), len(seeds), len(SNAPSHOTS), POINTS, 2)


def make_program(
    method: Method, game: LatentGAN, stage: ScheduledStage
) -> tuple[Callable[[Array], TrainState], Callable[[TrainState, Array, Array], TrainState]]:
    """Key to the first state; (state, table of centres, key) to the state a share of 1 / CALLS of the run later."""
    phases = game.phases(stage)
    turn = math.lcm(*(phase.every for phase in phases))
    optimizers: Optimizers = {player: make_optimizer(getattr(method, f"{player}_optimizer")) for player in PLAYERS}
    example = {"images": jnp.zeros((stage.batch_size, 1, 1, 2))}
    sharding = make_sharding()

    def create(key: Array) -> TrainState:
        return create_state(game, (stage,), (example,), optimizers, key)

    state_sharding: PyTree = sharding.of_state(jax.eval_shape(create, jax.random.key(0)))
    no_average = EmaConfig(half_life_images=0)
    step = make_train_step(game, stage, optimizers, no_average, draw_points, sharding, state_sharding)

    def advance(state: TrainState, centres: Array, key: Array) -> TrainState:
        def take_turn(state: TrainState, _: None) -> tuple[TrainState, None]:
            for index in range(turn):
                state, _metrics = step(state, centres, key, active=active_phases(phases, index))
            return state, None

        return jax.lax.scan(take_turn, state, length=stage.steps // CALLS // turn)[0]

    return create, advance


def draw(game: LatentGAN, state: TrainState, key: Array) -> Array:
    """Points [POINTS, 2] of the generator's trained weights."""
    return game.sample(state.generator, jax.random.split(key, POINTS))[:, 0, 0]


if __name__ == "__main__":
    main()

"""What a new run takes of another's state: all that has the same name and the same shape, as published code does.

Of layers with other shapes, as where classes, channels or widths differ, nothing is taken; layers are named by their
resolution, so that those of one resolution find each other. `copy_params_and_buffers` with `require_all=False` of
https://github.com/NVlabs/stylegan2-ada-pytorch (torch_utils/misc.py, training/training_loop.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import jax
import numpy as np

from jgan.config import Config
from jgan.engine.matching import Matching, compare, match, named, none_taken
from jgan.engine.step import PLAYERS
from jgan.setup import Setup
from jgan.training.start_from import START, Origin, StartFrom
from jgan.types import Player, PlayerName, TrainState, UserError

NAMED = 6  # parts of a network that a line names; start.json names all tensors

Shapes = Mapping[str, tuple[int, ...]]


def check_transfer(setup: Setup, origin: Origin, start: StartFrom) -> None:
    """Looks at shapes alone, before anything is compiled.

    Raises:
      UserError: nothing of a player's network fits, or the step to count on from is not before the end of the run.
    """
    total = sum(stage.steps for stage in setup.stages)
    if start.keep_step and origin.step >= total:
        raise UserError(
            f"--keep_step: {origin.checkpoint} is at step {origin.step}, and this run ends at {total}; make it longer "
            f"by --config.stages[{len(setup.stages) - 1}].steps, or leave --keep_step out"
        )
    target = origin.target(setup)
    for name in PLAYERS:
        theirs, ours = (getattr(each, name).replace(opt_state=()) for each in (target, setup.target))
        _check_taken(name, compare(theirs, ours, f"{name}/"), start)


def begin(setup: Setup, state: TrainState, origin: Origin, start: StartFrom) -> tuple[TrainState, Matching]:
    """The fresh `state` of a run with all that fits of another's: weights, averages and constants of both players.

    Where both networks are taken whole, so is what belongs to them together: a player's optimizer, if it is of the
    same kind, and extras. Otherwise these are new: moments and counts of other weights would make steps of the wrong
    size.
    """
    source = origin.restore(setup)
    players, matchings = {}, {}
    for name in PLAYERS:
        theirs, ours = (getattr(each, name).replace(opt_state=()) for each in (source, state))
        players[name], matchings[name] = match(theirs, ours, f"{name}/")
    whole = not any(_weights(part.new) or _weights(part.left) for part in matchings.values())
    parts = list(matchings.values())
    for name in PLAYERS:
        kept = whole and _same_optimizer(name, origin.config, setup.config)
        players[name], moments = _with_moments(name, players[name], getattr(source, name), getattr(state, name), kept)
        parts.append(moments)
    extras, matching = match(source.extras, state.extras, "extras/") if whole else (state.extras, None)
    parts.append(matching or none_taken(source.extras, state.extras, "extras/"))
    step = jax.device_put(np.int32(origin.step), state.step.sharding) if start.keep_step else state.step
    return state.replace(step=step, extras=extras, **players), Matching.joined(parts)


def _with_moments(
    name: PlayerName, player: Player, theirs: Player, ours: Player, kept: bool
) -> tuple[Player, Matching]:
    """The player with an optimizer that is taken whole, or not at all."""
    prefix = f"{name}/opt_state/"
    opt_state, matching = match(theirs.opt_state, ours.opt_state, prefix)
    if not kept or matching.new or matching.left:
        opt_state, matching = ours.opt_state, none_taken(theirs.opt_state, ours.opt_state, prefix)
    return player.replace(opt_state=opt_state), matching


def _weights(shapes: Shapes) -> list[str]:
    return [path for path in shapes if "/params/" in path]


def _check_taken(name: PlayerName, matching: Matching, start: StartFrom) -> None:
    """Raises UserError where no kernel, or nothing at all of a network without kernels, was taken."""
    weights = _weights({**matching.taken, **matching.new})
    kernels = [path for path in weights if len(matching.taken.get(path, matching.new.get(path, ()))) > 1]
    if not any(path in matching.taken for path in kernels or weights):
        raise UserError(
            f"--from={start.path}: no kernel of its {name} has the name and the shape of one of this config's; take "
            "the config of that run, or one near it"
        )


def _same_optimizer(name: PlayerName, theirs: Config, ours: Config) -> bool:
    return type(getattr(theirs, f"{name}_optimizer")) is type(getattr(ours, f"{name}_optimizer"))


def in_words(origin: Origin, matching: Matching) -> list[str]:
    """What was taken, left and made anew: a line, and one for each player and for what is beside them."""
    numbers, fates = sum(map(math.prod, matching.taken.values())), (matching.taken, matching.new)
    lines = [
        f"started from {origin.checkpoint}: {len(matching.taken)} tensors taken ({numbers:,} numbers); "
        f"{len(matching.left)} left there, {len(matching.new)} made anew; {START} names all",
    ]
    lines += [_network_in_words(name, matching) for name in PLAYERS]
    beside = [[path for path in shapes if "/opt_state/" in path or path.startswith("extras/")] for shapes in fates]
    taken, new = map(len, beside)
    return [*lines, f"optimizers and extras: {taken} of {taken + new} tensors taken"]


def _network_in_words(name: PlayerName, matching: Matching) -> str:
    """A line of its parameters and variables; their averages have the same names and shapes."""
    prefixes = f"{name}/params/", f"{name}/variables/"

    def own(shapes: Shapes) -> dict[str, tuple[int, ...]]:
        matches = ((prefix, path) for path in shapes for prefix in prefixes if path.startswith(prefix))
        return {path.removeprefix(prefix): shapes[path] for prefix, path in matches}

    taken, left, new = own(matching.taken), own(matching.left), own(matching.new)
    changed = [path for path in new if path in left]
    ours, theirs = [*taken, *new], [*taken, *left]
    fates = {
        "made anew": ([path for path in new if path not in left], ours),
        "made anew, of another shape there": (changed, ours),
        "left there": ([path for path in left if path not in new], theirs),
    }
    said = [f"{what} {_listed(paths, among)}" for what, (paths, among) in fates.items() if paths]
    return "; ".join([f"{name}: {len(taken)} of {len(ours)} tensors taken", *said])


def _listed(paths: Iterable[str], among: Iterable[str]) -> str:
    parts = [name if count == 1 else f"{name} ({count})" for name, count in named(paths, among).items()]
    more = f" and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
    return ", ".join(parts[:NAMED]) + more

"""One train step: the phases of a game applied in order, jitted once per stage and set of phases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from jgan.engine.optim import EmaConfig, ema_decay, update_average
from jgan.engine.sharding import Sharding
from jgan.types import (
    NONFINITE,
    Array,
    Batch,
    Game,
    Metrics,
    Phase,
    Player,
    PlayerName,
    PyTree,
    Rngs,
    ScheduledStage,
    TrainState,
)

Optimizers = Mapping[PlayerName, optax.GradientTransformationExtraArgs]
ToBatch = Callable[[ScheduledStage, Any, Array, Rngs], Batch]  # (stage, feed, step, rngs) to the step's batch
TrainStep = Callable[..., tuple[TrainState, Metrics]]  # (state, feed, rng, active)

PLAYERS: tuple[PlayerName, PlayerName] = ("generator", "discriminator")


def create_state(
    game: Game,
    stages: tuple[ScheduledStage, ...],
    batches: tuple[Batch, ...],
    optimizers: Optimizers,
    rng: Array,
    frozen: PyTree = (),
) -> TrainState:
    """The state at step 0, with the variables of every stage, so that its shape never changes.

    Flax derives each parameter's key from its path, so layers that stages share are equal in all of them.
    `batches` holds an example batch per stage; only its shapes count.
    """
    union: dict[PlayerName, dict] = {name: {} for name in PLAYERS}
    for stage, batch in zip(stages, batches, strict=True):
        for name, variables in zip(PLAYERS, game.init(rng, batch, stage), strict=True):
            for path, leaf in flatten_dict(variables, keep_empty_nodes=True).items():
                union[name].setdefault(path, leaf)
    players = {name: _create_player(name, unflatten_dict(union[name]), optimizers[name]) for name in PLAYERS}
    return TrainState(jnp.int32(0), **players, extras=game.init_extras(batches[0]), frozen=frozen)


def _create_player(name: PlayerName, variables: PyTree, optimizer: optax.GradientTransformation) -> Player:
    params = variables.pop("params")
    player = Player(params, variables, optimizer.init(params))
    if name == "generator":
        player = player.replace(params_ema=params, variables_ema=variables)
    return player


def reset_optimizers(state: TrainState, optimizers: Optimizers) -> TrainState:
    """The state with both optimizers as new."""
    fresh = {}
    for name in PLAYERS:
        player = getattr(state, name)
        fresh[name] = player.replace(opt_state=optimizers[name].init(player.params))
    return state.replace(**fresh)


def active_phases(phases: tuple[Phase, ...], step: int) -> tuple[str, ...]:
    """Names of the phases that run on this step (counted from the start of the stage)."""
    return tuple(phase.name for phase in phases if phase.is_active(step))


def programs_of(phases: tuple[Phase, ...], active: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The sets of phases that a step with these active ones runs as programs of their own, one after the other.

    A step is one program, unless the game has several lazy regularisers: these come first then, each by itself, and the
    other phases together. So each is compiled once, and not the whole step for each pattern of them.
    """
    apart = _run_apart(phases)
    rest = tuple(name for name in active if name not in apart)
    return (*((name,) for name in active if name in apart), rest)


def _run_apart(phases: Iterable[Phase]) -> set[str]:
    lazy = {phase.name for phase in phases if phase.lazy}
    return lazy if len(lazy) > 1 else set()


def make_train_step(
    game: Game,
    stage: ScheduledStage,
    optimizers: Optimizers,
    ema: EmaConfig,
    to_batch: ToBatch,
    sharding: Sharding,
    state_sharding: PyTree,
) -> TrainStep:
    """The jitted step of one stage: (state, feed, rng, active) to (state, metrics). It consumes `state`.

    `active` is a static tuple of phase names, so each is its own fused program; one of several lazy regularisers is
    part of a step, which another program ends (`programs_of`). The keys of a step are `fold_in(rng, step)`, split into
    one key per example: every phase of a step sees the same keys, and a game derives from them by purpose (so the
    generator is updated on the latents that the discriminator has just seen, as in DCGAN).
    Where the stage's players have batches of their own, every phase of a player sees the same.
    """
    phases = {phase.name: phase for phase in game.phases(stage)}
    apart = _run_apart(phases.values())

    @functools.partial(
        jax.jit,
        static_argnames="active",
        donate_argnames="state",
        out_shardings=(state_sharding, sharding.replicated),
    )
    def train_step(state: TrainState, feed: Any, rng: Array, active: tuple[str, ...]) -> tuple[TrainState, Metrics]:
        rngs = jax.random.split(jax.random.fold_in(rng, state.step), stage.examples)
        rngs = sharding.constrain_batch(rngs)
        batch = sharding.constrain_batch(to_batch(stage, feed, state.step, rngs))
        seen = {player: _own_examples(stage, player, (batch, rngs)) for player in PLAYERS}
        metrics: Metrics = {}
        handed_on: Batch = {}  # by phases to later ones
        for name in active:
            phase = phases[name]
            batch, rngs = seen[phase.player]
            with jax.named_scope(name):
                state, logs, reused = apply_phase(
                    phase, optimizers[phase.player], stage, sharding, state, {**batch, **handed_on}, rngs
                )
            handed_on = {**handed_on, **reused}
            metrics |= {f"{name}/{key}": value for key, value in logs.items()}
        if active and set(active) <= apart:
            return state, metrics
        generator = update_average(state.generator, ema_decay(ema, stage, state.step))
        return state.replace(step=state.step + 1, generator=generator), metrics

    return train_step


def _own_examples(stage: ScheduledStage, player: PlayerName, examples: tuple[Batch, Rngs]) -> tuple[Batch, Rngs]:
    """What a player sees of a step's examples: all, or, of neighbours, one each, so that none leaves its device."""
    if not stage.own_batches:
        return examples
    place = PLAYERS.index(player)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, len(PLAYERS), *leaf.shape[1:])[:, place], examples)


def apply_phase(
    phase: Phase,
    optimizer: optax.GradientTransformationExtraArgs,
    stage: ScheduledStage,
    sharding: Sharding,
    state: TrainState,
    batch: Batch,
    rngs: Rngs,
) -> tuple[TrainState, Metrics, Batch]:
    """One move: the phase's player takes one optimizer step on the phase's loss. Also what later phases reuse."""
    before = getattr(state, phase.player)
    loss, metrics, reused, state, grads = _gradients(phase, stage.accumulate, sharding, state, batch, rngs)
    deltas, opt_state = optimizer.update(
        grads,
        before.opt_state,
        before.params,
        images_seen=stage.images_seen(state.step),
        learning_rate_scale=stage.learning_rate_scale,
    )
    params = optax.apply_updates(before.params, deltas)
    after = getattr(state, phase.player).replace(params=params, opt_state=opt_state)
    squares = jnp.stack([jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(grads)])
    metrics = {
        "loss": loss,
        **metrics,
        "grad_norm": jnp.sqrt(squares.sum()),
        NONFINITE: _first_nonfinite(loss, squares),
    }
    return state.replace(**{phase.player: after}), metrics, reused


def _gradients(
    phase: Phase, accumulate: int, sharding: Sharding, state: TrainState, batch: Batch, rngs: Rngs
) -> tuple[Array, Metrics, Batch, TrainState, PyTree]:
    """Loss, metrics, what later phases reuse, advanced state and gradients.

    They are means over `accumulate` microbatches, one of which is in memory at a time. Each example keeps its key, so
    the update equals that of the whole batch up to float error, except where a network or a loss looks at several
    examples at once: batch norm's statistics, dropout's masks and what mini-batch layers, feature matching and
    relativistic averages compare are those of the microbatch.
    """
    params = getattr(state, phase.player).params

    def whole_loss(params: PyTree, state: TrainState, batch: Batch, rngs: Rngs) -> tuple[Array, tuple]:
        players = {name: getattr(state, name) for name in PLAYERS}
        whole = {name: player.replace(params=sharding.gather(player.params)) for name, player in players.items()}
        return phase.loss(sharding.gather(params), state.replace(**whole), batch, rngs)

    def gradients(state: TrainState, batch: Batch, rngs: Rngs) -> tuple[TrainState, tuple]:
        (loss, (metrics, new)), grads = jax.value_and_grad(whole_loss, has_aux=True)(params, state, batch, rngs)
        players = {name: getattr(new, name).replace(params=getattr(state, name).params) for name in PLAYERS}
        reused = {name: metrics.pop(name) for name in phase.reused}
        return new.replace(**players), (loss, metrics, reused, sharding.scatter(grads))

    if accumulate == 1:
        state, (loss, metrics, reused, grads) = gradients(state, batch, rngs)
        return loss, metrics, reused, state, grads

    def microbatches(leaf: Array) -> Array:
        # Every device keeps its own examples: microbatch i holds the i-th of each `accumulate` neighbours.
        return leaf.reshape(-1, accumulate, *leaf.shape[1:]).swapaxes(0, 1)

    def whole_batch(leaf: Array) -> Array:
        return leaf.swapaxes(0, 1).reshape(-1, *leaf.shape[2:])

    parts = sharding.constrain_microbatches(jax.tree.map(microbatches, (batch, rngs)))
    zeros = jax.tree.map(jnp.zeros_like, params)

    def add(carry: tuple[TrainState, PyTree], part: tuple[Batch, Rngs]) -> tuple[tuple, tuple]:
        state, total = carry
        state, (loss, metrics, reused, grads) = gradients(state, *part)
        return (state, jax.tree.map(jnp.add, total, grads)), (loss, metrics, reused)

    (state, total), (losses, metrics, reused) = jax.lax.scan(add, (state, zeros), parts)
    grads = jax.tree.map(lambda leaf: leaf / accumulate, total)
    reused = sharding.constrain_batch(jax.tree.map(whole_batch, reused))
    return losses.mean(), jax.tree.map(lambda leaf: leaf.mean(0), metrics), reused, state, grads


def _first_nonfinite(loss: Array, squares: Array) -> Array:
    """-1 if all is finite, 0 for the loss, 1 + i for the i-th gradient leaf, as int32."""
    bad = ~jnp.isfinite(jnp.concatenate([loss[None], squares]))
    return jnp.where(bad.any(), jnp.argmax(bad), -1).astype(jnp.int32)

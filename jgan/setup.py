"""What a config means on this machine: its data, its layout over the devices, its states and steps. Trains nothing."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config, differences
from jgan.data.classes import NEW, Numbering
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.opening import open_dataset
from jgan.engine.compiling import Compile, compile_here
from jgan.engine.memory import check_bytes, check_memory
from jgan.engine.optim import lazy_ratio, make_optimizer
from jgan.engine.sharding import Sharding, check_batches, make_sharding
from jgan.engine.step import PLAYERS, Optimizers, TrainStep, create_state, make_train_step, reset_optimizers
from jgan.rundir.checkpoints import shapes_and_shardings
from jgan.rundir.renames import with_new_names
from jgan.types import Array, Batch, PyTree, ScheduledStage, TrainState, UserError, schedule

PREVIEW_EXAMPLES = 8  # of the data, for games whose pictures start from an image
INIT, RUN, PREVIEW = range(3)  # what the seed's key is folded with

BatchShapes = Mapping[str, jax.ShapeDtypeStruct]


@dataclasses.dataclass(frozen=True)
class Setup:
    """A config, its data and its devices."""

    config: Config
    dataset: Dataset | UnpairedDataset
    stages: tuple[ScheduledStage, ...]
    batches: tuple[BatchShapes, ...]  # one microbatch of each stage
    sharding: Sharding
    target: TrainState  # shapes and shardings of the state
    numbering: Numbering = NEW  # that of the data's classes when the run began

    @property
    def state_sharding(self) -> PyTree:
        """A sharding per leaf of the state."""
        return jax.tree.map(lambda leaf: leaf.sharding, self.target)

    def create_state(self, compile_program: Compile = compile_here) -> TrainState:
        """The state at step 0, made where it will live. Raises as `compile_program` does."""
        create = functools.partial(initial_state, self.config, self.stages, self.batches)
        shardings = self.state_sharding.replace(frozen=())
        program = jax.jit(create, out_shardings=shardings, compiler_options=run_seldom())
        key, frozen = self.key(INIT), self.load_frozen()
        return compile_program("compiling the first weights", lambda: program.lower(key))(key).replace(frozen=frozen)

    def load_frozen(self) -> PyTree:
        """The game's frozen weights, on every device."""
        return jax.device_put(self.config.game.load_frozen(), self.sharding.replicated)

    def make_step(self, stage: ScheduledStage) -> TrainStep:
        """The jitted train step of a stage."""
        return make_train_step(
            self.config.game,
            stage,
            make_optimizers(self.config, stage),
            self.config.ema,
            self.dataset.to_batch,
            self.sharding,
            self.state_sharding,
        )

    def reset_optimizers(
        self, state: TrainState, stage: ScheduledStage, compile_program: Compile = compile_here
    ) -> TrainState:
        """The state with fresh optimizer states for a stage. It consumes `state`, unless `compile_program` raises."""
        reset = functools.partial(reset_optimizers, optimizers=make_optimizers(self.config, stage))
        program = jax.jit(reset, donate_argnums=0, out_shardings=self.state_sharding)
        return compile_program("compiling fresh optimizers", lambda: program.lower(state))(state)

    def feeds(self, stage: ScheduledStage, first_step: int) -> Any:
        """What the steps of a stage take, from `first_step` of the run on. Close it when done."""
        return self.dataset.feeds(stage, first_step, self.sharding.batch, self.sharding.replicated)

    def feed_shapes(self, stage: ScheduledStage) -> Any:
        """Shapes and shardings of one feed of a stage."""
        feeds = self.feeds(dataclasses.replace(stage, steps=1), stage.start)
        feed = next(feeds)
        feeds.close()
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), feed)

    def preview_batch(self, stage: ScheduledStage, dataset: Dataset | UnpairedDataset) -> Batch:
        """Examples spread over data like the run's, for games whose pictures start from an image."""
        examples = dataset.example_batch(PREVIEW_EXAMPLES, stage.resolution)

        def view(examples: Batch) -> Batch:
            return dataset.view(examples, jax.random.split(jax.random.key(self.config.seed), PREVIEW_EXAMPLES))

        on_devices = jax.device_put(examples, self.sharding.replicated)
        return jax.jit(view, out_shardings=self.sharding.replicated)(on_devices)

    def captions_record(self) -> dict[str, Any] | None:
        """What a checkpoint says of the captions, so that others need no data; None of vectors."""
        vocabulary = self.dataset.vocabulary
        return None if vocabulary is None else vocabulary.to_data()

    def classes_record(self) -> dict[str, Any]:
        """What a checkpoint says of the classes, as `numbering_of` reads it."""
        return Numbering(self.dataset.class_names, self.numbering.earlier).to_data()

    def key(self, *purposes: int) -> Array:
        """The seed's key folded with what it is for, on every device."""
        return jax.jit(_fold, static_argnums=(0, 1), out_shardings=self.sharding.replicated)(self.config.seed, purposes)

    def first_nonfinite(self, state: TrainState) -> str | None:
        """The path of the first leaf of the state with a NaN or an infinity; None where there is none."""
        paths = [path for path, leaf in _floating(state.replace(frozen=()))]
        bad = jax.device_get(jax.jit(_nonfinite_leaves, out_shardings=self.sharding.replicated)(state))
        return paths[int(np.argmax(bad))] if bad.any() else None


def _fold(seed: int, purposes: tuple[int, ...]) -> Array:
    return functools.reduce(jax.random.fold_in, purposes, jax.random.key(seed))


def run_seldom() -> dict[str, Any]:
    """Compiler options for a program that runs once, or never. On CPU, LLVM takes far longer over it than it saves."""
    return {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else {}


def prepare(config: Config, numbering: Numbering = NEW) -> Setup:
    """Opens the data and lays out the state over all devices. `numbering` is that of the run, where it has begun.

    Raises:
      UserError: the data cannot be read, or do not fit the networks, the batch sizes or the devices.
    """
    sharding = make_sharding(config.fsdp)
    check_batches(config.stages, sharding)
    dataset = open_dataset(config.data, config.seed, numbering=numbering)
    return dataclasses.replace(lay_out(config, dataset, sharding), numbering=numbering)


def lay_out(
    config: Config, dataset: Dataset | UnpairedDataset, sharding: Sharding, *, simulated: bool = False
) -> Setup:
    """As `prepare`, for data that are open and devices that are chosen; `simulated` ones have memory for anything."""
    check_batches(config.stages, sharding)
    stages = schedule(config.stages)
    batches = microbatches(dataset, stages)
    for batch in batches:
        config.game.check_data(batch, dataset.num_classes, dataset.num_words)
    _check_masks(config)
    target = state_target(config, stages, batches, sharding, simulated=simulated)
    if not simulated:
        _check_images(stages, batches, sharding)
    return Setup(config, dataset, stages, batches, sharding, target)


def _check_images(stages: tuple[ScheduledStage, ...], batches: tuple[BatchShapes, ...], sharding: Sharding) -> None:
    """Raises UserError where the images of a step do not fit: they are read before its program is compiled."""
    sharers = 1 if jax.default_backend() == "cpu" else sharding.mesh.size
    for index, (stage, batch) in enumerate(zip(stages, batches, strict=True)):
        size = stage.accumulate * sum(math.prod(array.shape) * array.dtype.itemsize for array in batch.values())
        check_bytes(size // sharers, f"stages[{index}].batch_size={stage.batch_size}: its images", "make it smaller")


def _check_masks(config: Config) -> None:
    """Raises UserError where a game of pairs would paint over what inpainting's masks leave to be seen."""
    if config.data.task.name == "inpainting" and not getattr(config.game, "keep_known", True):
        raise UserError(
            "game.keep_known=False: with data.task.name='inpainting' what its masks leave to be seen has to stay as it "
            "is; set it to true"
        )


def microbatches(dataset: Dataset | UnpairedDataset, stages: tuple[ScheduledStage, ...]) -> tuple[BatchShapes, ...]:
    """One microbatch of each stage, as the game is given it.

    Raises:
      UserError: the data do not fit the batch sizes.
    """
    for stage in stages:
        dataset.check_batch(stage)
    return tuple(_batch_shapes(dataset, stage) for stage in stages)


def state_target(
    config: Config,
    stages: tuple[ScheduledStage, ...],
    batches: tuple[BatchShapes, ...],
    sharding: Sharding,
    *,
    frozen: bool = True,
    simulated: bool = False,
) -> TrainState:
    """Shapes and shardings of the run's state, without making it; without `frozen`, its frozen weights aside.

    Raises:
      UserError: the state does not fit the memory of the devices, unless they are `simulated`.
    """
    shapes = jax.eval_shape(functools.partial(initial_state, config, stages, batches), jax.random.key(0))
    target = shapes_and_shardings(shapes, sharding.of_state(shapes))
    if not simulated:
        check_memory(target)
    if not frozen:
        return target
    weights = jax.eval_shape(config.game.load_frozen)
    whole_copies = jax.tree.map(lambda _: sharding.replicated, weights)
    return target.replace(frozen=shapes_and_shardings(weights, whole_copies))


def initial_state(
    config: Config, stages: tuple[ScheduledStage, ...], batches: tuple[BatchShapes, ...], rng: Array
) -> TrainState:
    """`create_state` for batches of the given shapes."""
    zeros = tuple({name: jnp.zeros(b.shape, b.dtype) for name, b in batch.items()} for batch in batches)
    return create_state(config.game, stages, zeros, make_optimizers(config, stages[0]), rng)


def make_optimizers(config: Config, stage: ScheduledStage) -> Optimizers:
    """Both players' optimizers at a stage."""
    phases = config.game.phases(stage)
    settings = (config.generator_optimizer, config.discriminator_optimizer)
    return {
        player: make_optimizer(setting, lazy_ratio(phases, player))
        for player, setting in zip(PLAYERS, settings, strict=True)
    }


def shapes_to_data(batches: tuple[BatchShapes, ...]) -> list[dict[str, list]]:
    """Batch shapes as JSON, so that a run can be opened without its data."""
    return [{name: [list(b.shape), str(b.dtype)] for name, b in batch.items()} for batch in batches]


def shapes_from_data(data: list[dict[str, list]]) -> tuple[BatchShapes, ...]:
    """The inverse of `shapes_to_data`."""
    return tuple(
        {name: jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in batch.items()}
        for batch in data
    )


def check_same_run(record: Mapping[str, Any], config: Config, directory: Path) -> None:
    """Raises UserError where a checkpoint, one of `directory`, was written by a run of another config.

    As where it was copied from another run. What a run may set anew when it goes on may differ.
    """
    saved, step = record.get("config"), record.get("step", 0)  # neither is in those of earlier versions
    if saved is None:
        return
    if changes := differences(with_new_names(saved), config, step):
        raise UserError(
            f"{directory / str(step)}: is a checkpoint of another run ({'; '.join(changes[:5])}); move it away, or "
            f"begin a new run with it, by --from {directory / str(step)} and another --workdir"
        )


def _batch_shapes(dataset: Dataset | UnpairedDataset, stage: ScheduledStage) -> BatchShapes:
    size = stage.batch_size // stage.accumulate
    examples = {
        name: jax.ShapeDtypeStruct((size, *value.shape[1:]), value.dtype)
        for name, value in dataset.example_batch(1, stage.resolution).items()
    }
    rngs = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), size))
    return jax.eval_shape(dataset.view, examples, rngs)


def _floating(state: TrainState) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    return [(jax.tree_util.keystr(p), x) for p, x in leaves if jnp.issubdtype(x.dtype, jnp.floating)]


def _nonfinite_leaves(state: TrainState) -> Array:
    return jnp.stack([~jnp.isfinite(leaf).all() for _, leaf in _floating(state.replace(frozen=()))])

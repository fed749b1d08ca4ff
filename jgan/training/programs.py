"""The compiled programs of a stage, each made when it is first needed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jgan.data.loader import Dataset, UnpairedDataset
from jgan.engine.compiling import Compile
from jgan.engine.step import TrainStep, programs_of
from jgan.setup import PREVIEW, Setup
from jgan.training.step_cost import slow_step_warning
from jgan.types import Array, Images, Metrics, ScheduledStage, TrainState


class Programs:
    """A stage's step, of one program or several, each made once, and its picture.

    They are compiled ahead of their first call by `compile_program`, which may raise: then nothing was called.
    """

    def __init__(
        self,
        setup: Setup,
        stage: ScheduledStage,
        shown: Dataset | UnpairedDataset,
        compile_program: Compile,
        warn: Callable[[str], None],
    ) -> None:
        """Pictures start from examples of `shown`, data like the run's own.

        `warn` is told of steps that will take seconds, before they are compiled.
        """
        self._compile, self._warn = compile_program, warn
        self._stage, self._devices = stage, setup.sharding.mesh.size
        self._step: Any = setup.make_step(stage)
        self._phases = setup.config.game.phases(stage)
        self._steps: dict[tuple[str, ...], TrainStep] = {}
        picture = functools.partial(setup.config.game.preview, stage)
        self._picture = jax.jit(picture, out_shardings=setup.sharding.replicated)
        self._compiled_picture: jax.stages.Compiled | None = None
        self._shown, self._key = setup.preview_batch(stage, shown), setup.key(PREVIEW)
        self._where = f" of stage {stage.name!r}" if len(setup.stages) > 1 else ""

    def step(self, active: tuple[str, ...], state: TrainState, feed: Any, rng: Array) -> TrainStep:
        """The step of these phases as a function of (state, feed, rng), for arguments like these."""
        wanted = programs_of(self._phases, active)
        # The last one first: it is the one that every step runs, and by which a slow step is known.
        programs = [self._program(each, state, feed, rng) for each in reversed(wanted)][::-1]
        return programs[0] if len(programs) == 1 else functools.partial(_run_all, programs)

    def _program(self, phases: tuple[str, ...], state: TrainState, feed: Any, rng: Array) -> TrainStep:
        if phases not in self._steps:

            def lower() -> jax.stages.Lowered:
                with jax.transfer_guard("disallow"):  # that of the loop does not reach into other threads
                    lowered = self._step.lower(state, feed, rng, phases)
                if not self._steps and (warning := slow_step_warning(lowered, self._stage, self._devices)):
                    self._warn(warning)
                return lowered

            which = f"a step of {' + '.join(phases) or 'no phase'}" if self._steps else "the first step"
            self._steps[phases] = self._compile(f"compiling {which}{self._where}", lower)
        return self._steps[phases]

    def picture(self, state: TrainState) -> Images:
        """The generator's EMA weights at work on the same inputs at every call, [rows, columns, h, w, c]."""
        arguments = (state, state.generator.averaged(), self._shown, self._key)
        if self._compiled_picture is None:
            self._compiled_picture = self._compile("compiling the samples", lambda: self._picture.lower(*arguments))
        return self._compiled_picture(*arguments)


def _run_all(programs: Sequence[TrainStep], state: TrainState, feed: Any, rng: Array) -> tuple[TrainState, Metrics]:
    """The programs of one step, each on the state that the one before has left."""
    metrics: Metrics = {}
    for program in programs:
        state, own = program(state, feed, rng)
        metrics |= own
    return state, metrics

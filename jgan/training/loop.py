"""The training loop: stages to batches to steps, samples, evaluations and checkpoints. No maths."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from jgan import config as configs
from jgan.config import Config
from jgan.data.registry import check_place
from jgan.engine import processes
from jgan.engine.compiling import Lower, StoppedError, compile_apart
from jgan.engine.memory import check_program
from jgan.engine.step import active_phases
from jgan.evaluation.while_training import Evaluator, check_game
from jgan.rundir.checkpoints import Checkpoint, Checkpoints, newest_step
from jgan.rundir.environment import write_environment
from jgan.rundir.monitor import NonFiniteError
from jgan.setup import RUN, Setup, check_same_run, shapes_to_data
from jgan.terminal import bars
from jgan.training.beginning import beginning
from jgan.training.interruption import Interruption
from jgan.training.numbering import prepare_numbered
from jgan.training.programs import Programs
from jgan.training.reporting import Reporting
from jgan.training.shown import open_shown
from jgan.training.start_from import StartFrom, find_start, open_origin, write_start
from jgan.training.transfer import begin, check_transfer, in_words
from jgan.types import ScheduledStage, TrainState, UserError

STEP_TOO_LARGE = "make stages[i].batch_size smaller, or take its images in parts by stages[i].accumulate"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: its state, its finished steps, and the signal that interrupted it, if any."""

    state: TrainState
    step: int
    signal: int | None


class DivergedError(NonFiniteError):
    """A run ended by what is not finite; `checkpoint`, its last good one, is intact."""

    def __init__(self, message: str, checkpoint: Path | None = None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint


def train(config: Config, workdir: Path, start_from: StartFrom | None = None) -> Outcome:
    """Trains to the last stage's end, from the newest checkpoint of `workdir` if there is one.

    A new run takes what fits of another run's state where `start_from` says so.

    Raises:
      UserError: the config, the data, the directory or what to start from cannot be used; DivergedError, a kind of it,
        when a loss or a gradient stops being finite and `on_nonfinite` does not say otherwise.
    """
    configs.check(config)
    check_game(config)
    check_place(config.data.source, workdir)
    with beginning(workdir) as keep:
        _check_resume(config, workdir)
        start = find_start(workdir, start_from)
        with bars.clock("opening the data and the networks", visible=processes.is_main()):
            setup = prepare_numbered(config, workdir, start)
        with contextlib.ExitStack() as stack:
            checkpoints = stack.enter_context(contextlib.closing(Checkpoints(workdir, keep=config.keep_checkpoints)))
            with bars.clock("opening the evaluation", visible=processes.is_main()):
                evaluator = _open_evaluator(setup, workdir)
            if evaluator:
                stack.callback(evaluator.best.close)
            return _Loop(setup, workdir, checkpoints, evaluator, start, keep).run()


def _check_resume(config: Config, workdir: Path) -> None:
    """Raises UserError where the directory holds a run of another config."""
    done = newest_step(workdir)
    if done is None:
        if (metrics := workdir / "metrics.jsonl").is_file() and metrics.stat().st_size:
            raise UserError(
                f"--workdir={workdir} holds the metrics of a run whose checkpoints are gone; put them back, or use "
                "another directory"
            )
        return
    if changes := configs.differences(configs.read_saved(workdir / "config.json"), config, done):
        raise UserError(
            f"--workdir={workdir} holds a run of another config ({'; '.join(changes[:5])}); "
            "use another directory, or change it back"
        )


def _open_evaluator(setup: Setup, workdir: Path) -> Evaluator | None:
    if not setup.config.evaluate_every:
        return None
    return Evaluator(setup.config, setup.dataset, setup.batches[-1], workdir, setup.numbering)


class _Loop:
    """One process's side of a run."""

    def __init__(
        self,
        setup: Setup,
        workdir: Path,
        checkpoints: Checkpoints,
        evaluator: Evaluator | None,
        start: StartFrom | None,
        keep: Callable[[], None],
    ) -> None:
        """`keep` is called when there is something to keep: a checkpoint gone on from or named, a finished step."""
        self.setup, self.config, self.workdir, self.checkpoints = setup, setup.config, workdir, checkpoints
        self.evaluator, self.start, self.keep = evaluator, start, keep
        self.interruption = Interruption()
        self.shown, self.what_is_shown = open_shown(setup)
        # The cache is the loop's own: one of the class would keep every run's programs while the process lives.
        self._programs = functools.cache(
            lambda stage: Programs(setup, stage, self.shown, self._compile, self.reporting.warn)
        )
        self.total = sum(stage.steps for stage in setup.stages)
        self.reporting = Reporting(setup, workdir)
        self.window = self.reporting.window
        self.rollbacks = 0
        self.saved_step: int | None = None

    def run(self) -> Outcome:
        """Until the end, an interruption or an error."""
        try:
            with self.interruption:
                self._check_record()
                checkpoint = self.checkpoints.restore(self.setup.target)
                state, step = self._continue(checkpoint) if checkpoint else (None, 0)
                if checkpoint:
                    self.keep()
                if processes.is_main():
                    if self.start:  # first of all: a start that is cut short remembers it
                        write_start(self.workdir, self.start)
                    configs.save(self.config, self.workdir / "config.json")
                    write_environment(self.workdir)
                self.progress = self.reporting.begin(step)
                with contextlib.closing(self.progress):
                    if state is None:
                        state, step = self._create()
                    self.reporting.note(step, f"{'resuming' if step else 'starting'} at step {step} of {self.total}")
                    if self.what_is_shown:
                        self.reporting.note(step, self.what_is_shown)
                    state, step = self._run_stages(state, step)
        finally:
            self.reporting.close()
        return Outcome(state, step, self.interruption.signal)

    def _check_record(self) -> None:
        """Raises UserError where the newest checkpoint is of another run."""
        record = self.checkpoints.newest_record()
        if record:
            check_same_run(record, self.config, self.checkpoints.directory)

    def _create(self) -> tuple[TrainState, int]:
        """A new state, saved at once so that there is always one to go back to, and its step."""
        if self.start:
            check_transfer(self.setup, open_origin(self.start.path), self.start)
        try:
            state = self.setup.create_state(self._compile)
        except StoppedError:
            self.interruption.act()
        said: list[str] = []
        if self.start:
            with self.progress.doing("reading the state to start from"):
                state, said = self._begin(state, self.start)
        step = int(jax.device_get(state.step))
        self.reporting.open(step, step)
        self.window.resume(step, {"start": step, "values": {}})
        self.progress.rewind(step)
        for line in said:
            self.reporting.note(step, line)
        self._save(state, step)
        return state, step

    def _begin(self, state: TrainState, start: StartFrom) -> tuple[TrainState, list[str]]:
        """The state with what fits of another run's, and the lines to say of it; start.json lists it."""
        origin = open_origin(start.path)
        state, matching = begin(self.setup, state, origin, start)
        if processes.is_main():
            found = {"checkpoint": str(origin.checkpoint), "step": origin.step, **matching.to_data()}
            write_start(self.workdir, start, found)
        return state, in_words(origin, matching)

    def _compile(self, what: str, lower: Lower) -> jax.stages.Compiled:
        """Raises StoppedError at an interruption, NonFiniteError as `MetricWindow.drain`, whose steps come first.

        UserError where the program does not fit the memory.
        """
        self.window.drain()
        with self.progress.doing(what):
            compiled = compile_apart(lower, self.interruption.agreed)
        check_program(compiled, f"{what}: it would", STEP_TOO_LARGE)
        return compiled

    def _run_stages(self, state: TrainState, step: int) -> tuple[TrainState, int]:
        while step < self.total and not self.interruption.signal:
            try:
                state, step = self._run_stage(state, step)
                self._finish_stage(state, step)
            except NonFiniteError as error:
                state, step = self._roll_back(error)
        if not self.interruption.signal:
            self._complete(state, step)
        self.reporting.plot()
        if self.interruption.signal:
            self.reporting.note(step, f"{signal.Signals(self.interruption.signal).name}: saved step {step} and stopped")
        return state, step

    def _continue(self, checkpoint: Checkpoint) -> tuple[TrainState, int]:
        record, step = checkpoint.record, int(jax.device_get(checkpoint.state.step))
        fingerprint = self.setup.dataset.fingerprint
        if record["data"] != fingerprint:
            raise UserError(
                f"data.source={self.config.data.source!r}: its content is not what this run was trained on "
                f"(fingerprint {fingerprint}, was {record['data']}); restore it, or use another --workdir"
            )
        self.checkpoints.set_aside_after(step)
        self.rollbacks, self.saved_step = record["rollbacks"], step
        # The line of an unfinished window stands where the run ended; one that goes on writes the whole window instead.
        self.reporting.open(step, step if step == self.total else record["window"]["start"])
        self.window.resume(step, record["window"])
        return checkpoint.state.replace(frozen=self.setup.load_frozen()), step

    def _run_stage(self, state: TrainState, step: int) -> tuple[TrainState, int]:
        """The steps from `step` to the end of its stage, or to an interruption."""
        stage = next(stage for stage in self.setup.stages if step < stage.start + stage.steps)
        phases = self.config.game.phases(stage)
        rng = self.setup.key(RUN, self.rollbacks)
        first, forecast = step, None
        self.progress.begin_stage()
        with contextlib.suppress(StoppedError), contextlib.closing(self.setup.feeds(stage, step)) as feeds:
            if stage.reset_optimizers and step == stage.start:
                state = self.setup.reset_optimizers(state, stage, self._compile)
            self._sample_if_missing(stage, state, step)
            self._evaluate(state, step)
            while step < stage.start + stage.steps and not self._is_interrupted(step):
                feed = self._next(feeds, is_first=step == first)
                active = active_phases(phases, step - stage.start)
                train_step = self._programs(stage).step(active, state, feed, rng)
                with jax.transfer_guard("disallow"):
                    state, metrics = train_step(state, feed, rng)
                    self.window.add(step, metrics)
                if step == first:
                    self.keep()
                step += 1
                self.progress.show(self.window.finished, stage.batch_size, self.window.latest)
                if not forecast and (forecast := self.progress.forecast(stage.start + stage.steps - step)):
                    self.reporting.note(step, forecast)
                if self._is_sampled(step):
                    self._sample(stage, state, step)
                if step % self.config.checkpoint_every == 0 and step < self.total:
                    self._save(state, step)
                if step < self.total:
                    self._evaluate(state, step)
        return state, step

    def _next(self, feeds: Iterator[Any], *, is_first: bool) -> Any:
        """The next feed; all images of a set that stays on the devices are read for the first one."""
        reading = self.progress.doing("reading the data") if is_first else contextlib.nullcontext()
        with reading, jax.transfer_guard("disallow"):
            return next(feeds)

    def _is_sampled(self, step: int) -> bool:
        return step % self.config.sample_every == 0 or step == self.total

    def _is_interrupted(self, step: int) -> bool:
        """One process looks before every step; several agree now and then."""
        if self.interruption.signal:
            return True
        if jax.process_count() > 1 and step % self.config.log_every:
            return False
        return self.interruption.agreed()

    def _finish_stage(self, state: TrainState, step: int) -> None:
        self.window.drain()
        self.progress.show(self.window.finished, 0, self.window.latest)
        if step == self.total:
            self.window.write_rest()  # before the checkpoint: with it, the run is finished
        self._save(state, step)

    def _complete(self, state: TrainState, step: int) -> None:
        """What an interruption at the end left undone."""
        with contextlib.suppress(StoppedError):
            self._sample_if_missing(self.setup.stages[-1], state, step)
        self.reporting.animate(step)
        self._evaluate(state, step)

    def _roll_back(self, error: NonFiniteError) -> tuple[TrainState, int]:
        """The newest checkpoint with fresh keys, if the config allows one more; the error with advice if not."""
        self.keep()
        if self.config.on_nonfinite != "rollback" or self.rollbacks >= self.config.max_rollbacks:
            tried = f" after {self.rollbacks} roll-backs" if self.rollbacks else ""
            advice = "" if self.rollbacks else "; on_nonfinite=rollback goes on from it with fresh keys"
            raise DivergedError(
                f"{error}{tried}; the last good checkpoint, step {self.saved_step}, is intact{advice}",
                self.checkpoints.directory / str(self.saved_step),
            ) from None
        checkpoint = self.checkpoints.restore(self.setup.target)
        if checkpoint is None:
            raise error
        rollbacks = self.rollbacks + 1
        state, step = self._continue(checkpoint)
        self.rollbacks = rollbacks
        self.progress.rewind(step)
        self.reporting.note(
            step,
            f"{error}; rolled back to step {step} with fresh keys ({rollbacks} of {self.config.max_rollbacks})",
        )
        return state, step

    def _save(self, state: TrainState, step: int) -> None:
        if step == self.saved_step:
            return
        record = self._record()
        if bad := self.setup.first_nonfinite(state):
            raise NonFiniteError(f"step {step}: {bad} is not finite")
        self.checkpoints.save(state, step, record)
        self.saved_step = step

    def _record(self) -> dict[str, Any]:
        """What a checkpoint holds beside the state."""
        return {
            "window": self.window.record(),
            "rollbacks": self.rollbacks,
            "data": self.setup.dataset.fingerprint,
            "data_count": self.setup.dataset.count,
            "batches": shapes_to_data(self.setup.batches),
            "captions": self.setup.captions_record(),
            "config": configs.to_saved(self.config),
            "classes": self.setup.classes_record(),
        }

    def _evaluate(self, state: TrainState, step: int) -> None:
        """Measures the generator where it is due and not yet done; the step is saved first, so nothing can be lost."""
        if self.evaluator is None or (step % self.config.evaluate_every and step != self.total):
            return
        if not processes.any_process(self.reporting.lacks_scores(step)):
            return
        self._save(state, step)
        try:
            with self.progress.doing("evaluating"):
                scores = self.evaluator.scores(state.generator, step, self.interruption.agreed)
        except StoppedError:
            return  # the run evaluates this step when it goes on
        is_best = self.evaluator.best.offer(state, step, self._record(), scores)
        self.reporting.write_scores(step, self.evaluator.settings, scores)
        if step == 0:
            for line in self.evaluator.warnings:
                self.reporting.note(step, line)
        score = self.evaluator.best.score
        self.reporting.note(step, f"step {step}: {score} {scores[score]:.4f}{', the best so far' if is_best else ''}")

    def _sample_if_missing(self, stage: ScheduledStage, state: TrainState, step: int) -> None:
        """The picture that is due and that an interruption prevented, or that of a new run."""
        if self._is_sampled(step) and processes.any_process(self.reporting.lacks_images(step)):
            self._sample(stage, state, step)

    def _sample(self, stage: ScheduledStage, state: TrainState, step: int) -> None:
        self.reporting.write_images(step, self._programs(stage).picture(state))

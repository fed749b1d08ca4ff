"""The training loop: stages to batches to steps; logs, samples, checkpoints. No maths."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jgan import config as configs
from jgan.config import Config
from jgan.engine import processes
from jgan.engine.step import TrainStep, active_phases
from jgan.evaluation.collect import StoppedError
from jgan.evaluation.while_training import Evaluator, check_game
from jgan.rundir.checkpoints import Checkpoint, Checkpoints, newest_step
from jgan.rundir.lock import locked, write_environment
from jgan.rundir.monitor import MetricWindow, NonFiniteError, Progress, RunLog, gradient_names
from jgan.rundir.pictures import make_grid, to_uint8
from jgan.setup import PREVIEW, RUN, Setup, prepare, shapes_to_data
from jgan.types import Images, Player, ScheduledStage, TrainState, UserError, stage_ending

Preview = Callable[[TrainState, Player], Images]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: its state, its finished steps, and the signal that interrupted it, if any."""

    state: TrainState
    step: int
    signal: int | None


def train(config: Config, workdir: Path) -> Outcome:
    """Trains to the last stage's end, from the newest checkpoint of `workdir` if there is one.

    Raises:
      UserError: the config, the data or the directory cannot be used; NonFiniteError, a kind of it, when a loss or a
        gradient stops being finite and `on_nonfinite` does not say otherwise.
    """
    configs.check(config)
    check_game(config)
    with locked(workdir) if processes.is_main() else contextlib.nullcontext():
        _check_resume(config, workdir)
        setup = prepare(config)
        with contextlib.ExitStack() as stack:
            checkpoints = stack.enter_context(contextlib.closing(Checkpoints(workdir, keep=config.keep_checkpoints)))
            evaluator = _open_evaluator(setup, workdir)
            if evaluator:
                stack.callback(evaluator.best.close)
            return _Loop(setup, workdir, checkpoints, evaluator).run()


def _check_resume(config: Config, workdir: Path) -> None:
    """Raises UserError where the directory holds a run of another config."""
    done = newest_step(workdir)
    if done is None:
        metrics = workdir / "metrics.jsonl"
        if metrics.is_file() and metrics.stat().st_size:
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
    config = setup.config
    return Evaluator(config, setup.dataset, setup.batches[-1], workdir) if config.evaluate_every else None


class _Loop:
    """One process's side of a run."""

    def __init__(self, setup: Setup, workdir: Path, checkpoints: Checkpoints, evaluator: Evaluator | None) -> None:
        self.setup, self.config, self.workdir, self.checkpoints = setup, setup.config, workdir, checkpoints
        self.evaluator = evaluator
        # The cache is the loop's own: one of the class would keep every run's programs while the process lives.
        self._compiled = functools.cache(self._compile)
        self.total = sum(stage.steps for stage in setup.stages)
        self.window = MetricWindow(self.config.log_every, self._gradient_names(), self._write)
        self.rollbacks = 0
        self.saved_step: int | None = None
        self.log: RunLog | None = None  # in the main process

    def run(self) -> Outcome:
        """Until the end, an interruption or an error."""
        try:
            state, step = self._start()
            if processes.is_main():
                configs.save(self.config, self.workdir / "config.json")
                write_environment(self.workdir)
            self.progress = Progress(self.total, step, visible=processes.is_main())
            with _Interruption() as interruption, contextlib.closing(self.progress):
                self._note(step, f"{'resuming' if step else 'starting'} at step {step} of {self.total}")
                state, step = self._run_stages(state, step, interruption)
        finally:
            if self.log:
                self.log.close()
        return Outcome(state, step, interruption.signal)

    def _run_stages(self, state: TrainState, step: int, interruption: _Interruption) -> tuple[TrainState, int]:
        while step < self.total and not interruption.signal:
            try:
                state, step = self._run_stage(state, step, interruption)
                self._finish_stage(state, step)
            except NonFiniteError as error:
                state, step = self._roll_back(error)
        if not interruption.signal:
            self._evaluate(state, step, interruption)
        if interruption.signal:
            self._note(step, f"{signal.Signals(interruption.signal).name}: saved step {step} and stopped")
        return state, step

    def _start(self) -> tuple[TrainState, int]:
        """The newest checkpoint, or a new state, saved at once so that there is always one to go back to."""
        checkpoint = self.checkpoints.restore(self.setup.target)
        if checkpoint is not None:
            return self._continue(checkpoint)
        state = self.setup.create_state()
        self._open_log(0, 0)
        self._save(state, 0)
        return state, 0

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
        self._open_log(step, step if step == self.total else record["window"]["start"])
        self.window.resume(step, record["window"])
        return checkpoint.state.replace(frozen=self.setup.load_frozen()), step

    def _run_stage(self, state: TrainState, step: int, interruption: _Interruption) -> tuple[TrainState, int]:
        """The steps from `step` to the end of its stage, or to an interruption."""
        stage = next(stage for stage in self.setup.stages if step < stage.start + stage.steps)
        phases = self.config.game.phases(stage)
        train_step, preview = self._compiled(stage)
        rng = self.setup.key(RUN, self.rollbacks)
        if stage.reset_optimizers and step == stage.start:
            state = self.setup.reset_optimizers(state, stage)
        if step == 0:
            self._sample(preview, state, step)
        self._evaluate(state, step, interruption)
        with contextlib.closing(self.setup.feeds(stage, step)) as feeds:
            while step < stage.start + stage.steps and not self._is_interrupted(interruption, step):
                with jax.transfer_guard("disallow"):
                    feed = next(feeds)
                    state, metrics = train_step(state, feed, rng, active_phases(phases, step - stage.start))
                    self.window.add(step, metrics)
                step += 1
                self.progress.show(self.window.finished, stage.batch_size, self.window.latest)
                if step % self.config.sample_every == 0 or step == self.total:
                    self._sample(preview, state, step)
                if step % self.config.checkpoint_every == 0 and step < self.total:
                    self._save(state, step)
                if step < self.total:
                    self._evaluate(state, step, interruption)
        return state, step

    def _compile(self, stage: ScheduledStage) -> tuple[TrainStep, Preview]:
        """The stage's step, and a function of (state, generator) that draws its picture."""
        draw = jax.jit(functools.partial(self.config.game.preview, stage), out_shardings=self.setup.sharding.replicated)
        preview = functools.partial(draw, batch=self.setup.preview_batch(stage), rng=self.setup.key(PREVIEW))
        return self.setup.make_step(stage), preview

    def _is_interrupted(self, interruption: _Interruption, step: int) -> bool:
        """One process looks before every step; several agree now and then."""
        if interruption.signal:
            return True
        if jax.process_count() > 1 and step % self.config.log_every:
            return False
        return interruption.agreed()

    def _finish_stage(self, state: TrainState, step: int) -> None:
        self.window.drain()
        self.progress.show(self.window.finished, 0, self.window.latest)
        if step == self.total:
            self.window.write_rest()  # before the checkpoint: with it, the run is finished
        self._save(state, step)
        if self.log:
            self.log.plot()

    def _roll_back(self, error: NonFiniteError) -> tuple[TrainState, int]:
        """The newest checkpoint with fresh keys, if the config allows one more; the error with advice if not."""
        if self.config.on_nonfinite != "rollback" or self.rollbacks >= self.config.max_rollbacks:
            advice = "lower the learning rate" + ("" if self.rollbacks else ", or set on_nonfinite=rollback")
            tried = f" after {self.rollbacks} roll-backs" if self.rollbacks else ""
            raise NonFiniteError(
                f"{error}{tried}; the last good checkpoint, step {self.saved_step}, is intact; {advice}"
            ) from None
        checkpoint = self.checkpoints.restore(self.setup.target)
        if checkpoint is None:
            raise error
        rollbacks = self.rollbacks + 1
        state, step = self._continue(checkpoint)
        self.rollbacks = rollbacks
        self.progress.rewind(step)
        self._note(
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
            "batches": shapes_to_data(self.setup.batches),
            "captions": self.setup.captions_record(),
        }

    def _evaluate(self, state: TrainState, step: int, interruption: _Interruption) -> None:
        """Measures the generator where it is due and not yet done; the step is saved first, so nothing can be lost."""
        if self.evaluator is None or (step % self.config.evaluate_every and step != self.total):
            return
        if not processes.any_process(self.log is not None and not self.log.evaluated(step)):
            return
        self._save(state, step)
        try:
            with self.progress.paused():
                scores = self.evaluator.scores(state.generator, step, interruption.agreed)
        except StoppedError:
            return  # the run evaluates this step when it goes on
        is_best = self.evaluator.best.offer(state, step, self._record(), scores)
        if self.log:
            self.log.write_scores(step, self._images_seen(step), self.evaluator.settings, scores)
            self.log.plot()
        if step == 0:
            for line in self.evaluator.warnings:
                self._note(step, line)
        score = self.evaluator.best.score
        self._note(step, f"step {step}: {score} {scores[score]:.4f}{', the best so far' if is_best else ''}")

    def _sample(self, preview: Preview, state: TrainState, step: int) -> None:
        images = preview(state, state.generator.averaged())
        if self.log:
            self.log.write_images(step, "samples", make_grid(to_uint8(jax.device_get(images))))
            self.log.plot()

    def _open_log(self, step: int, last_line: int) -> None:
        if self.log:
            self.log.close()
        if processes.is_main():
            self.log = RunLog(self.workdir, step, last_line)

    def _write(self, step: int, means: dict[str, float]) -> None:
        self.progress.show(step, stage_ending(self.setup.stages, step).batch_size, self.window.latest)
        if self.log:
            self.log.write(step, {"images_seen": self._images_seen(step), **means}, self.progress.timings())

    def _images_seen(self, step: int) -> int:
        stage = stage_ending(self.setup.stages, step)
        return stage.start_images + (step - stage.start) * stage.batch_size

    def _note(self, step: int, text: str) -> None:
        if self.log:
            self.log.note(step, text)
            self.progress.say(f"{self.workdir}: {text}")

    def _gradient_names(self) -> dict[str, list[str]]:
        phases = [phase for stage in self.setup.stages for phase in self.config.game.phases(stage)]
        return {phase.name: gradient_names(getattr(self.setup.target, phase.player).params) for phase in phases}


class _Interruption:
    """Notes SIGTERM and SIGINT; a second one acts at once, as if nobody had noted the first."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __enter__(self) -> _Interruption:
        numbers = (signal.SIGTERM, signal.SIGINT)
        self._before = {number: signal.signal(number, self._catch) for number in numbers}
        self._caught: int | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def agreed(self) -> bool:
        """Whether any process was told to stop; every process must ask at the same step."""
        if processes.any_process(self._caught is not None):
            self.signal = self._caught or signal.SIGTERM
        return self.signal is not None

    def _catch(self, number: int, frame: types.FrameType | None) -> None:
        del frame
        self._caught = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

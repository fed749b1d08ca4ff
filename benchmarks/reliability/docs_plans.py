"""How each command of the documents is run: whole where that takes seconds, else shortened, planned or explained."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from documents import Line

from jgan import config as configs
from jgan.types import UserError

WHOLE, SHORTENED, DRY_RUN, HELP = "whole", "shortened", "dry run", "help"
TOO_LARGE = ("biggan",)  # configs of which two steps take hours on two cores
DOWNLOADED = ("fid", "clean_fid", "kid", "is")  # metrics whose network comes over the net
STEPS, IMAGES = 2, 8  # of shortened trainings: steps, and images of each
# Runs that a page uses and another page makes, by their directories.
EARLIER = {
    "runs/quickstart": "quickstart",
    "runs/dcgan": "dcgan_digits",
    "runs/stylegan2_digits": "stylegan2_digits",
    "runs/text_digits": "text_digits",
}


class Plan(NamedTuple):
    """A command as it is shown, and what is run in its place."""

    line: Line
    words: tuple[str, ...]
    how: str

    @property
    def shown(self) -> str:
        """As on the page."""
        return shlex.join(self.line.words)


class Run(NamedTuple):
    """A run that a page has made."""

    steps: int
    stages: int = 1
    batches: tuple[str, ...] = ()  # flags that made its batches smaller, and its layers fade in sooner


class Planner:
    """Plans the commands of one page, in order: a run that is trained again gets two more steps each time."""

    def __init__(self, own_configs: Iterable[str] = ()) -> None:
        self._own = set(own_configs)
        self._runs: dict[str, Run] = {}  # by directory

    def plan(self, line: Line) -> list[Plan]:
        """The command, and before it what makes a run that it needs."""
        words, how = self._shortened(line.words)
        for directory in EARLIER.keys() & set(line.words) - self._runs.keys():
            if directory != _option(line.words, "--out"):
                made = ("jgan", "train", "--config", EARLIER[directory], "--workdir", directory)
                return [*self.plan(line._replace(words=made)), *self.plan(line)]
        return [Plan(line, tuple(words), how)]

    def _shortened(self, words: Sequence[str]) -> tuple[list[str], str]:
        program, *rest = words
        if program == "jgan":
            return self._command(rest[0], list(words))
        if program == "make":
            return self._make(list(words))
        if program == "pip":
            return [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", *rest[1:]], DRY_RUN
        if program == "source":
            return ["bash", "-c", shlex.join(words)], WHOLE
        if any(word.startswith("benchmarks/") for word in words):
            place = next(index for index, word in enumerate(words) if word.startswith("benchmarks/"))
            return [*words[: place + 1], "--help"], HELP
        if program == "python" and "--config" in words:  # launch/local.py
            return [*words, f"--config.stages[0].steps={STEPS}"], SHORTENED
        return list(words), WHOLE

    def _command(self, name: str, words: list[str]) -> tuple[list[str], str]:
        if name == "train" and "--dry_run" not in words:
            return self._train(words)
        if name == "sweep" and "--jobs" not in words:
            words = _replaced(words, "--seeds", "1")
            kept = [word for word in _without_steps(words) if not word.startswith("--config.evaluation.num_samples=")]
            return [*kept, *_steps(STEPS, 1), "--config.evaluation.num_samples=100"], SHORTENED
        if name == "evaluate":
            return _evaluate(words)
        if name == "explore":  # until Ctrl-C
            return [
                "timeout",
                "--preserve-status",
                "--signal=INT",
                "90",
                *words,
                "--port",
                "0",
            ], "interrupted"
        if name == "upscale" and "photos" in words:
            return _replaced(words, "--input", "small.png"), SHORTENED
        return words, WHOLE

    def _train(self, words: list[str]) -> tuple[list[str], str]:
        config, directory = _option(words, "--config"), _option(words, "--workdir")
        known = None if directory is None else self._runs.get(directory)
        if config in TOO_LARGE:
            devices = [word.partition("=")[2] for word in words if word.startswith("--config.fsdp=")]
            small = any(word.startswith("--config.data.source=") for word in words)  # stand-ins
            batch = [f"--config.stages[0].batch_size={IMAGES}"] if small else []
            return [*words, *batch, "--dry_run", *(["--devices", devices[0]] if devices else [])], DRY_RUN
        if config is None and "--from" not in words and known is None:  # jgan chooses one
            if directory is not None:
                self._runs[directory] = Run(STEPS)
            asked = _replaced(words, "--steps", str(STEPS)) if "--steps" in words else [*words, "--steps", str(STEPS)]
            return asked, SHORTENED
        run = known or self._new(config, words)
        run = run._replace(steps=run.steps + STEPS)
        if directory is not None:
            self._runs[directory] = run
        return [*_without_steps(words), *run.batches, *_steps(run.steps, run.stages)], SHORTENED

    def _new(self, config: str | None, words: Sequence[str]) -> Run:
        """A run of a config of the package; those of a page, and of runs to start from, have one stage."""
        if config is None or config in self._own:
            return Run(0)
        stages = configs.read_config(config, []).stages
        large = [index for index, stage in enumerate(stages) if stage.batch_size > IMAGES]
        flags = tuple(f"--config.stages[{index}].batch_size={IMAGES}" for index in large)
        fading = [index for index, stage in enumerate(stages) if stage.fade_images > IMAGES]
        fades = tuple(f"--config.stages[{index}].fade_images={IMAGES}" for index in fading)
        batches = () if any(".batch_size=" in word for word in words) else flags
        return Run(len(stages) - 1, len(stages), (*batches, *fades))

    def _make(self, words: list[str]) -> tuple[list[str], str]:
        """Targets with the environment that runs this, which is taken to be complete."""
        environment = Path(sys.prefix)
        make = ["make", f"VENV={environment}", f"--assume-old={environment}/installed", *words[1:]]
        if "quickstart" in words:
            self._runs["runs/quickstart"] = Run(STEPS)
            return [*make, f"ARGS='--config.stages[0].steps={STEPS}'"], SHORTENED
        if "test" in words:
            return [*make, "ARGS=tests/test_architecture.py"], SHORTENED
        if "fuzz" in words:
            return [*make, "ARGS=--examples 46"], SHORTENED
        if "docs" in words:
            return make, WHOLE
        return [*make, "--dry-run"], DRY_RUN


def _evaluate(words: list[str]) -> tuple[list[str], str]:
    """Without the metrics whose networks are not here."""
    if "--weights" in words:
        return [*words[:2], "--help"], HELP
    metrics = (_option(words, "--metrics") or "").split(",")
    left = [metric for metric in metrics if metric not in DOWNLOADED]
    if left == metrics:
        return words, WHOLE
    return (_replaced(words, "--metrics", ",".join(left)), SHORTENED) if left else ([*words[:2], "--help"], HELP)


def _option(words: Sequence[str], *names: str) -> str | None:
    """The value of the first of these options that is there."""
    for name in names:
        if name in words[:-1]:
            return words[words.index(name) + 1]
    return None


def _replaced(words: Sequence[str], option: str, value: str) -> list[str]:
    """With another value of the option."""
    if option not in words:
        raise UserError(f"{shlex.join(words)}: expected {option}")
    place = words.index(option) + 1
    return [*words[:place], value, *words[place + 1 :]]


def _without_steps(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("--config.stages[0].steps=")]


def _steps(steps: int, stages: int) -> list[str]:
    """Flags that let each stage but the last have a step, and the run so many."""
    each = [1] * (stages - 1) + [steps - stages + 1]
    return [f"--config.stages[{index}].steps={count}" for index, count in enumerate(each)]

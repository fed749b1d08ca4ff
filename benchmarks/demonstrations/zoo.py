"""Trains every family at 32 x 32 and puts them side by side: one table and one contact sheet for each data set.

    make zoo-small                              # the embedded digits
    make zoo-small CIFAR=DIR ARGS="--seeds 3"   # and CIFAR-10: a folder with a sub-folder of images for each class
    make zoo-small ARGS="--rows dcgan cgan --scale 0.02 --out runs/trial"

The rows and their steps are in zoo_rows.py. Each run is `jgan train` in a process and a directory of its own
(OUT/digits/dcgan/seed0), then measured by `jgan evaluate` on EfficientNet-Lite0 and drawn by
`jgan sample`; conditional families draw the classes 0 to 9 in turn. One classifier reads all digits. It is
trained here on the embedded ones; better is one that has seen more, given as `--classifier digits.npz`:
`jgan classifier --source idx:MNIST --test idx:MNIST:t10k --out digits.npz`.

The same command goes on where it was stopped and leaves alone what is finished; a run that failed is tried again. What
fails is shown as failed, with its last line, and the others go on. OUT gets zoo.md, zoo.json, zoo_digits.png and
zoo_cifar.png, written anew after every run; rows left out of --rows stay in them once they are finished. A time is that
of the whole training command, start and compilation included; CPU time, in seconds of one core, depends little on what
else runs. Exit code: 0, or 1 where a run failed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zoo_report
from training_cost import read_cost, train
from zoo_report import COLUMNS, Result
from zoo_rows import CLASSES, CONFIGS, DIGITS, RESOLUTION, ROWS, DataSet, Run, cifar, plan

from jgan import command
from jgan import config as configs
from jgan.ablation.subprocesses import Subprocesses
from jgan.data.pixels import Format
from jgan.data.registry import open_source
from jgan.evaluation.collect import SourceImages
from jgan.rundir.atomic_files import sha256
from jgan.rundir.checkpoints import newest_step
from jgan.rundir.lock import locked
from jgan.rundir.new_directories import make_directory
from jgan.types import UserError

# The data of a run may move, but not change: other data are another run.
FREE_FIELDS = [field for field in configs.FREE_FIELDS if field != "data.source"]


def main(argv: Sequence[str]) -> int:
    """1 where a run failed, 128 + the number of the signal that interrupted the zoo."""
    options = parse(argv)
    command.stay_on_cpu()
    out: Path = options.out
    make_directory(out, "--out")
    data_sets = [DIGITS, *([cifar(options.cifar)] if options.cifar else [])]
    real = {data.name: real_images(data) for data in data_sets}
    seeds = range(options.seeds)
    runs = [plan(row, data, seed, out, options.scale) for seed in seeds for data in data_sets for row in ROWS]
    chosen = [run for run in runs if run.row.name in options.rows]
    failures: dict[str, str] = {}
    with locked(out), Subprocesses() as subprocesses:
        settings = Settings(options.num_samples, options.classifier or train_classifier(subprocesses, out))
        for number, run in enumerate(chosen, start=1):
            if subprocesses.signal:
                break
            if failure := finish(subprocesses, run, settings, f"run {number} of {len(chosen)}"):
                failures[run.name] = failure
                print(f"{run.name} failed: {failure}; going on", file=sys.stderr)
            results = [read(run, settings, failures.get(run.name)) for run in runs]
            shown = [result for result in results if result is not None]
            zoo_report.write(out, shown, [row.name for row in ROWS], real, options.num_samples)
    if subprocesses.signal:
        print("Stopped on request; what was done is saved. The same command goes on.", file=sys.stderr)
        return 128 + subprocesses.signal
    print((out / "zoo.md").read_text())
    for name, reason in failures.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW", help=f"of {', '.join(names)}")
    parser.add_argument("--cifar", metavar="DIR", type=Path, help="CIFAR-10, a sub-folder for each class")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("runs/zoo"), help="(default runs/zoo)")
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="runs a row, with seeds 0 to N - 1 (default 1)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of steps, for quick trials")
    parser.add_argument("--num-samples", type=int, default=2000, help="images that are measured (default 2000)")
    parser.add_argument("--classifier", metavar="FILE", type=Path, help="of jgan classifier, for digits")
    options = parser.parse_args(argv)
    if options.seeds < 1 or options.num_samples < 1 or options.scale <= 0:
        parser.error("--seeds and --num-samples: expected at least 1; --scale: expected more than 0")
    return options


def real_images(data: DataSet) -> np.ndarray:
    """Of the classes in turn, as conditional families draw them: uint8 [COLUMNS, r, r, 3].

    Raises:
      UserError: the data do not have ten classes.
    """
    source = open_source(data.source, "--cifar" if data is not DIGITS else "data.source")
    if source.num_classes != CLASSES:
        raise UserError(
            f"{data.source}: {source.num_classes or 'no'} classes; expected a sub-folder for each of {CLASSES}"
        )
    batches = SourceImages(source, source.count, Format(RESOLUTION, 3, "crop", 255)).batches()
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    rows = [np.resize(np.flatnonzero(labels == label), COLUMNS // CLASSES) for label in range(CLASSES)]
    return images[np.stack(rows, axis=1).reshape(-1)]


def train_classifier(subprocesses: Subprocesses, out: Path) -> Path:
    """The classifier of the embedded digits, trained where it is not there yet."""
    path = out / "classifier.npz"
    if not path.exists():
        print(f"training the classifier of digits: {path}", flush=True)
        ending = subprocesses.run(
            [sys.executable, "-m", "jgan.classifier", "--source", DIGITS.source, "--out", str(path)]
        )
        if ending.code and not subprocesses.signal:
            raise UserError(f"{path}: {ending}")
    return path


# --- One run ---


@dataclasses.dataclass(frozen=True)
class Settings:
    """How runs are measured."""

    num_samples: int
    classifier: Path


class Part(NamedTuple):
    """One of a run's commands, and whether what it makes is there."""

    verb: str
    words: list[str]
    done: bool


def finish(subprocesses: Subprocesses, run: Run, settings: Settings, title: str) -> str | None:
    """Does what is left to do of a run; the reason why that failed, None where it did not or a signal came."""
    for part in parts(run, settings):
        if part.done:
            continue
        print(f"{title}, {run.name}: {part.verb}", flush=True)
        words = [sys.executable, "-m", *part.words]
        ending = train(subprocesses, run.workdir, words) if part.verb == "train" else subprocesses.run(words)
        if subprocesses.signal:
            return None
        if ending.code:
            return f"{part.verb}: {ending}"
    return None


def parts(run: Run, settings: Settings) -> Iterator[Part]:
    """In order; each is looked at once those before it are done."""
    place = ["--workdir", str(run.workdir)]
    config = str(CONFIGS / f"{run.row.config}.py")
    yield Part("train", ["jgan.main", "--config", config, *place, *run.overrides], is_trained(run))
    words = ["jgan.evaluate", *place, "--metrics", ",".join(metrics(run)), "--num_samples", str(settings.num_samples)]
    words += ["--classifier", str(settings.classifier)] if run.data is DIGITS else []
    yield Part("evaluate", words, scores(run, settings) is not None)
    drawn = drawn_directory(run)
    words = ["jgan.sample", *place, "--num", str(COLUMNS), "--seed", "0", "--out", str(drawn)]
    yield Part("sample", words, (drawn / "grid.png").exists())  # the last that it writes


def is_trained(run: Run) -> bool:
    """Whether the last checkpoint of this very run is there."""
    step = newest_step(run.workdir) or 0
    if step < run.steps:
        return False
    return not configs.differences(configs.read_saved(run.workdir / "config.json"), run.config, step, FREE_FIELDS)


def metrics(run: Run) -> list[str]:
    """What is measured of a run. A small classifier reads digits well enough to say something, but not photographs."""
    reading = ["accuracy", "modes"] if run.is_conditional else ["modes"]
    return ["fd", "kd", "pr", *(reading if run.data is DIGITS else [])]


def scores(run: Run, settings: Settings) -> dict[str, float] | None:
    """Those of the newest checkpoint, measured as asked; None where it was not."""
    path = run.workdir / "eval" / "eval.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    measured = (found["images"]["step"], found["images"]["count"], list(found["definitions"]))
    if measured != (newest_step(run.workdir), settings.num_samples, metrics(run)):
        return None
    if found["classifier"] and found["classifier"]["sha256"] != sha256(settings.classifier):
        return None
    return found["scores"]


def drawn_directory(run: Run) -> Path:
    """Where the samples of the newest checkpoint are."""
    return run.workdir / "drawn" / f"step{newest_step(run.workdir)}"


def read(run: Run, settings: Settings, failure: str | None) -> Result | None:
    """What a run came to; None of one that is neither finished nor failed."""
    result = Result(run.data.name, run.row.name, run.seed, run.overrides, failure)
    if failure:
        return result
    if not all(part.done for part in parts(run, settings)):
        return None
    return dataclasses.replace(
        result,
        steps=newest_step(run.workdir),
        cost=read_cost(run.workdir),
        scores=scores(run, settings),
        drawn=str(drawn_directory(run)),
    )


if __name__ == "__main__":
    command.run(main)

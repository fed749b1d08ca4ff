"""StyleGAN2 at 64 x 64 on few images: without augmentation, with DiffAugment, with ADA; and what its styles do.

    make style-small DATA=DIR            # first the StyleGAN line at 32 px (zoo.py), then this
    python benchmarks/demonstrations/style_small.py --data DIR --out DIR [--sets emoji] [--scale 0.1]

DIR holds the folders of SETS. Each run is `jgan train --config stylegan2_small` in OUT/SET/WAY, then measured by `jgan
evaluate`. Beside them, for each set:

    SET.png            real images, then generated ones: a row a way, the same latents
    SET_curves.png     D(real), D(fake), and ADA's r_t and probability, over images seen
    SET_WAY_nearest.png  generated images beside the nearest ones of the training set
    SET_truncation.png   the same latents, nearer to the average style from row to row
    SET_mixing.png       rows of one image's coarse styles with the finer ones of a column's image

and style_small.md, the table. The same command goes on where it was stopped; with more steps runs go on to these.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import style_pictures
from training_cost import read_cost, train

from jgan import command
from jgan.ablation.subprocesses import Subprocesses
from jgan.rundir.atomic_files import replacing
from jgan.rundir.checkpoints import newest_step
from jgan.rundir.lock import locked
from jgan.rundir.new_directories import make_directory
from jgan.types import UserError

SETS = {  # below --data
    "emoji": "noto-emoji-64",
    "aerials": "fewshot/aerial-100-256",
    "animals": "fewshot/afhq-41-256",
}
WAYS = {
    "none": ("--config.game.augment=()",),
    "diffaugment": (),  # the config's own
    "ada": (
        '--config.game.augment=("ada_geometry","ada_colors")',
        "--config.game.ada_target=0.6",
        "--config.game.ada_images=100_000",
    ),
}
STEPS = 2000  # of a run
TABLE = (
    ("FD", "fd_efficientnet_lite0", ".1f"),
    ("precision", "pr_efficientnet_lite0_precision", ".3f"),
    ("recall", "pr_efficientnet_lite0_recall", ".3f"),
)


class Run(NamedTuple):
    """A way of augmentation on a set of images."""

    set: str
    way: str
    source: str
    workdir: Path
    steps: int

    @property
    def is_trained(self) -> bool:
        """As far as it shall be."""
        return (newest_step(self.workdir) or 0) >= self.steps

    @property
    def train_command(self) -> list[str]:
        """Of the run, new or gone on with."""
        words = ["jgan.main", "--config", "stylegan2_small", "--workdir", str(self.workdir), *WAYS[self.way]]
        words += [f"--config.data.source={self.source}", f"--config.stages[0].steps={self.steps}"]
        return [sys.executable, "-m", *words, "--config.log_every=20", "--config.sample_every=500"]

    @property
    def results(self) -> Path:
        """Where its newest checkpoint is measured."""
        return self.workdir / "measured" / f"step{newest_step(self.workdir)}"


def main(argv: Sequence[str]) -> int:
    """1 where a command failed, 128 + the number of the signal that interrupted it."""
    options = parse(argv)
    command.stay_on_cpu()
    command.enable_compilation_cache()
    make_directory(options.out, "--out")
    steps = max(1, round(options.scale * STEPS))
    runs = [
        Run(name, way, f"folder:{place(options.data, name)}", options.out / name / way, steps)
        for name in options.sets
        for way in options.ways
    ]
    with locked(options.out), Subprocesses() as subprocesses:
        failed = [run for run in runs if not subprocesses.signal and not finish(subprocesses, run, options.num_samples)]
        if subprocesses.signal:
            print("Stopped on request; the same command goes on.", file=sys.stderr)
            return 128 + subprocesses.signal
        done = [run for run in runs if run not in failed]
        for name in options.sets:
            show(name, [run for run in done if run.set == name], options.out)
        table = markdown(done)
        with replacing(options.out / "style_small.md") as partial:
            partial.write_text(table)
        print(table)
    return 1 if failed else 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("runs/style-small"), metavar="DIR")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--scale", type=float, default=1.0, help=f"of the {STEPS} steps of a run")
    parser.add_argument("--num-samples", type=int, default=1000, help="generated images that are measured")
    return parser.parse_args(argv)


def place(data: Path, name: str) -> Path:
    """The folder of a set. Raises UserError where it is not there."""
    folder = data / SETS[name]
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected it below --data, or leave {name} out of --sets")
    return folder


def finish(subprocesses: Subprocesses, run: Run, num_samples: int) -> bool:
    """Trains and measures a run where that is not done; False where a command failed."""
    words = ["jgan.evaluate", "--workdir", str(run.workdir), "--metrics", "fd,pr", "--num_samples", str(num_samples)]
    if not run.is_trained:
        print(f"{run.set}, {run.way}: train", flush=True)
        ending = train(subprocesses, run.workdir, run.train_command)
        if ending.code:
            print(f"{run.set}, {run.way}: train: {ending}", file=sys.stderr)
            return False
    if not (run.results / "eval.json").exists():
        print(f"{run.set}, {run.way}: evaluate", flush=True)
        ending = subprocesses.run([sys.executable, "-m", *words, "--out", str(run.results)])
        if ending.code:
            print(f"{run.set}, {run.way}: evaluate: {ending}", file=sys.stderr)
            return False
    return True


def show(name: str, runs: Sequence[Run], out: Path) -> None:
    """The pictures of a set; what styles do is that of its last way."""
    if not runs:
        return
    workdirs = {run.way: run.workdir for run in runs}
    style_pictures.contact_sheet(runs[0].source, workdirs, out / f"{name}.png")
    style_pictures.curves(workdirs, out / f"{name}_curves.png")
    for run in runs:
        shutil.copyfile(run.results / "nearest.png", out / f"{name}_{run.way}_nearest.png")
    style_pictures.truncations(runs[-1].workdir, out / f"{name}_truncation.png")
    style_pictures.mixing(runs[-1].workdir, out / f"{name}_mixing.png")


def markdown(runs: Sequence[Run]) -> str:
    """The table of all runs."""
    titles = ["set", "augmentation", "images seen", *(title for title, _, _ in TABLE), "processor s"]
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    for run in runs:
        found, cost = json.loads((run.results / "eval.json").read_text()), read_cost(run.workdir)
        seen = (newest_step(run.workdir) or 0) * style_pictures.batch_size(run.workdir)
        cells = [run.set, run.way, f"{seen:,}", *(format(found["scores"][key], form) for _, key, form in TABLE)]
        lines.append(f"| {' | '.join(cells)} | {f'{cost.cpu_seconds:.0f}' if cost else 'not known'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    command.run(main)

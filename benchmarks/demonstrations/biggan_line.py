"""What the zoo cannot show of the BigGAN line: ProGAN's stages, BigGAN's truncation, standing statistics and classes.

    make biggan-small                    # trains the rows first, into runs/biggan-small
    python benchmarks/demonstrations/biggan_line.py --runs runs/biggan-small/digits --out runs/biggan-small

From the runs `progan/seed0` and `biggan/seed0` of a zoo (benchmarks/demonstrations/zoo.py) it draws

    progan_stages.png       the same latents after each stage, a row a stage, enlarged to the last one's size
    biggan_truncation.png   the same latents, truncated more from row to row, by running, then by standing statistics
    biggan_classes.png      from one class to the next in equal steps between their vectors, a latent a row
    curves.png              the losses of every run there, over images seen
    biggan_truncation.md    Frechet distance, precision and recall of each truncation, running and standing statistics

A measurement is `jgan evaluate`, and one that is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jgan import config as configs
from jgan.command import enable_compilation_cache
from jgan.config import Config
from jgan.inference.sampling import Sampler, classes_in_turn, latent_game
from jgan.inference.weights import Weights, restore_generator
from jgan.rundir.atomic_files import read_lines, replacing
from jgan.rundir.checkpoints import Checkpoints
from jgan.rundir.new_directories import make_directory
from jgan.rundir.pictures import make_grid, save_png, to_uint8
from jgan.types import Player, schedule

COLUMNS, ROWS = 20, 4  # of pictures
PLOTS = 4  # in a row
TRUNCATIONS = (None, 1.0, 0.5)
STANDING_BATCHES = 16  # Brock et al. 2019; BigGAN-PyTorch's num_standing_accumulations
BATCH = 64  # images of a batch that statistics are taken from
TABLE = (
    ("FD", "fd_efficientnet_lite0", ".1f"),
    ("KD", "kd_efficientnet_lite0", ".3g"),
    ("precision", "pr_efficientnet_lite0_precision", ".3f"),
    ("recall", "pr_efficientnet_lite0_recall", ".3f"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="of a data set, in the directory of a zoo")
    parser.add_argument("--out", type=Path, required=True, help="where pictures and the table go")
    parser.add_argument("--num-samples", type=int, default=2000, help="images that are measured (default 2000)")
    options = parser.parse_args()
    enable_compilation_cache()
    make_directory(options.out, "--out")
    progan, biggan = options.runs / "progan" / "seed0", options.runs / "biggan" / "seed0"
    save_png(options.out / "progan_stages.png", make_grid(stages(progan)))
    save_png(options.out / "biggan_truncation.png", make_grid(truncations(biggan)))
    save_png(options.out / "biggan_classes.png", make_grid(classes(biggan)))
    plot_curves(options.runs, options.out / "curves.png")
    table = measure(biggan, options.num_samples)
    with replacing(options.out / "biggan_truncation.md") as partial:
        partial.write_text(table)
    print(table)


def stages(workdir: Path) -> np.ndarray:
    """[stages, COLUMNS, r, r, c]: the checkpoint at each stage's end."""
    config = configs.load(workdir)
    game = latent_game(config, "--runs")
    sampler = Sampler(game, config.stages, COLUMNS, enlarge=True)
    there = Checkpoints(workdir, read_only=True).steps()
    rows = []
    for stage in schedule(config.stages):
        end = stage.start + stage.steps
        if end not in there:
            sys.exit(f"{workdir}: no checkpoint of step {end}; train it with --config.keep_checkpoints=20")
        generator, step = restore_generator(config, workdir, Weights(step=end))
        ((images, _),) = sampler(generator, step, classes_in_turn(game, COLUMNS), COLUMNS, seed=0)
        rows.append(images)
    return np.stack(rows)


def truncations(workdir: Path) -> np.ndarray:
    """[2 * TRUNCATIONS, COLUMNS, r, r, c]: with running, then with standing statistics."""
    config = configs.load(workdir)
    game = latent_game(config, "--runs")
    generator, step = restore_generator(config, workdir)
    labels = classes_in_turn(game, COLUMNS)
    rows = []
    for standing in (False, True):
        for truncation in TRUNCATIONS:
            sampler = Sampler(game, config.stages, BATCH, truncation)
            player = generator
            if standing:
                every = classes_in_turn(game, game.num_classes)
                player = sampler.with_standing_statistics(generator, step, every, STANDING_BATCHES, seed=0)
            ((images, _),) = sampler(player, step, labels, COLUMNS, seed=0)
            rows.append(images)
    return np.stack(rows)


def classes(workdir: Path) -> np.ndarray:
    """[ROWS, COLUMNS, r, r, c]: one latent a row; its class goes from the row's number to the next one.

    The vectors in between take the place of the table of the classes' own, so each label stands for a place on the way.
    """
    config = configs.load(workdir)
    generator, step = restore_generator(config, workdir)
    rows = [_between(config, generator, step, row) for row in range(ROWS)]
    return np.stack(rows)


def _between(config: Config, generator: Player, step: int, row: int) -> np.ndarray:
    game = latent_game(config, "--runs")
    table = np.asarray(generator.params["class_vectors"]["embedding"])
    first, second = table[2 * row], table[2 * row + 1]
    stage = schedule(config.stages)[-1]
    images = []
    for part in np.array_split(np.linspace(0.0, 1.0, COLUMNS), COLUMNS // len(table)):
        vectors = first + part[:, None] * (second - first)
        params = {**generator.params, "class_vectors": {"embedding": jnp.asarray(vectors)}}
        keys = jnp.broadcast_to(jax.random.key(row), (len(part),))
        growth = game.growth(stage, jnp.int32(step))
        images.append(game.sample(generator.replace(params=params), keys, jnp.arange(len(part)), growth=growth))
    return to_uint8(np.concatenate(images))


def plot_curves(runs: Path, path: Path) -> None:
    """A plot for each run of seed 0: what its log holds of the losses."""
    workdirs = sorted(log.parent for log in runs.glob("*/seed0/metrics.jsonl"))
    rows = math.ceil(len(workdirs) / PLOTS)
    figure = Figure(figsize=(2.6 * PLOTS, 2.3 * rows), layout="constrained")
    for place, workdir in enumerate(workdirs):
        lines = read_lines(workdir / "metrics.jsonl")
        axes = figure.add_subplot(rows, PLOTS, place + 1)
        for player in ("discriminator", "generator"):
            points = [(line["images_seen"], line[f"{player}/loss"]) for line in lines if f"{player}/loss" in line]
            axes.plot(*zip(*points, strict=True), label=player, linewidth=1)
        axes.set(title=workdir.parent.name, xlabel="images seen")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("loss")
    figure.axes[0].legend()
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=90)


def measure(workdir: Path, num_samples: int) -> str:
    """The table in Markdown."""
    lines = [f"| truncation | statistics | {' | '.join(title for title, _, _ in TABLE)} |"]
    lines.append("|" + " --- |" * (2 + len(TABLE)))
    for standing in (0, STANDING_BATCHES):
        for truncation in TRUNCATIONS:
            scores = evaluate(workdir, truncation, standing, num_samples)
            cells = ["none" if truncation is None else f"{truncation:g}", "standing" if standing else "running"]
            cells += [format(scores[name], form) for _, name, form in TABLE]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def evaluate(workdir: Path, truncation: float | None, standing: int, num_samples: int) -> dict[str, float]:
    """The scores of one way to draw."""
    out = workdir / "truncation" / f"{truncation or 'none'}-{standing}-{num_samples}"
    if not (out / "eval.json").exists():
        words = ["--workdir", str(workdir), "--metrics", "fd,kd,pr", "--num_samples", str(num_samples)]
        words += ["--standing_batches", str(standing), "--out", str(out)]
        words += [] if truncation is None else ["--truncation", str(truncation)]
        subprocess.run([sys.executable, "-m", "jgan.evaluate", *words], check=True)
    return json.loads((out / "eval.json").read_text())["scores"]


if __name__ == "__main__":
    main()

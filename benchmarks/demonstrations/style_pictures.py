"""Pictures of runs with styles: samples side by side, curves, truncation, style mixing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import jgan
from jgan import config as configs
from jgan.data.pixels import Format
from jgan.data.registry import open_source
from jgan.evaluation.collect import SourceImages
from jgan.games.forward import forward
from jgan.inference.sampling import classes_in_turn, latent_game
from jgan.inference.weights import restore_generator
from jgan.rundir.atomic_files import read_lines, replacing
from jgan.rundir.pictures import make_grid, save_png, to_uint8

COLUMNS, MIXED_ROWS, MIXED_COLUMNS = 12, 4, 8
PSIS = (1.0, 0.7, 0.4, 0.0)
CURVES = ("logits_real", "logits_fake", "r_t", "augment_probability")


def contact_sheet(source: str, workdirs: Mapping[str, Path], path: Path) -> None:
    """A row of real images, then a row for each run; the classes in turn, where there are some."""
    config = configs.load(next(iter(workdirs.values())))
    pixels = Format(config.stages[-1].resolution, config.data.channels, config.data.fit, config.data.background)
    opened = open_source(source, "data.source")
    batches = SourceImages(opened, opened.count, pixels).batches()
    real = np.concatenate([images for images, _ in batches])
    spread = np.linspace(0, len(real) - 1, COLUMNS).astype(int)
    rows = [real[spread], *(jgan.open(workdir).sample(COLUMNS) for workdir in workdirs.values())]
    save_png(path, make_grid(np.stack(rows)))


def curves(workdirs: Mapping[str, Path], path: Path) -> None:
    """A plot for each run, over images seen."""
    figure = Figure(figsize=(4 * len(workdirs), 3), layout="constrained")
    for number, (name, workdir) in enumerate(workdirs.items(), start=1):
        axes = figure.add_subplot(1, len(workdirs), number)
        lines = read_lines(workdir / "metrics.jsonl")
        for curve in (f"discriminator/{curve}" for curve in CURVES):
            points = [(line["images_seen"], line[curve]) for line in lines if curve in line]
            if points:
                axes.plot(*zip(*points, strict=True), label=curve.partition("/")[2], linewidth=1)
        axes.set(title=name, xlabel="images seen")
        axes.grid(alpha=0.3)
        axes.legend()
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=90)


def truncations(workdir: Path, path: Path) -> None:
    """The same latents, a row for each psi: variety goes, and at 0 each class has its average image."""
    run = jgan.open(workdir)
    rows = [run.sample(COLUMNS, truncation=psi or 1e-6) for psi in PSIS]
    save_png(path, make_grid(np.stack(rows)))


def mixing(workdir: Path, path: Path) -> None:
    """Karras et al. 2019, Figure 3, in three blocks: coarse, middle and fine styles of the column's image.

    The first row and the first column are the images whose styles are mixed; all others keep the rest of the row's.
    """
    config = configs.load(workdir)
    game = latent_game(config, "--workdir")
    player, _ = restore_generator(config, workdir)
    count = MIXED_ROWS + MIXED_COLUMNS
    keys = jax.random.split(jax.random.key(0), count)
    labels = classes_in_turn(game, count)
    latents, noise = game.sample_latents(keys), keys[0]
    styles, _ = forward(game.generator, player, latents, labels, method="styles", rng=noise, train=False)

    @jax.jit
    def synthesize(styles: jax.Array) -> jax.Array:
        return forward(game.generator, player, styles, method="synthesize", rng=noise, train=False)[0]

    of_rows, of_columns = styles[:MIXED_ROWS], styles[MIXED_ROWS:]
    layers = np.arange(styles.shape[1])
    first = to_uint8(synthesize(of_columns))
    blocks = []
    for part in np.array_split(layers, 3):
        taken = np.isin(layers, part)[None, None, :, None]
        mixed = jnp.where(taken, of_columns[None], of_rows[:, None])
        images = to_uint8(synthesize(mixed.reshape(-1, *styles.shape[1:])))
        blocks.append(images.reshape(MIXED_ROWS, MIXED_COLUMNS, *images.shape[1:]))
    own = np.tile(to_uint8(synthesize(of_rows)), (3, 1, 1, 1))[:, None]
    body = np.concatenate([own, np.concatenate(blocks)], axis=1)
    corner = np.full_like(first[:1], 255)
    save_png(path, make_grid(np.concatenate([np.concatenate([corner, first])[None], body])))


def batch_size(workdir: Path) -> int:
    """Images of a step of the run."""
    return configs.load(workdir).stages[-1].batch_size

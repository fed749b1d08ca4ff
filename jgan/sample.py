"""Draw images from a run: `jgan sample --workdir runs/dcgan --num 64 --out samples/`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from jgan import command
from jgan import config as configs
from jgan.games.latent import LatentGAN
from jgan.inference.captions import read_captions
from jgan.inference.sampling import Sampler, classes_in_turn, latent_game, restore_generator
from jgan.rundir.files import make_directory
from jgan.rundir.pictures import make_grid, save_png
from jgan.types import PixelBatch, UserError

DESCRIPTION = """Draws images from the averaged generator of a run: numbered PNGs and grid.png.

  jgan sample --workdir runs/dcgan --num 64 --out samples/
  jgan sample --workdir runs/digits --num 40 --labels 3,5 --truncation 0.7 --out samples/
  jgan sample --workdir runs/text --caption "a thin seven" --caption "a bold upright three" --out samples/

Image number i depends on --seed, i and its label or caption alone, not on --num (and on --batch_size by rounding at
most, or, with --standing_batches, since statistics are those of batches of that size).

Of captions, each is a row of the grid: --caption once for each, --captions FILE with one a line, or, for a run on
vectors of captions, --embeddings FILE.npz with `embeddings` [captions, features]."""

GRID_IMAGES = 400  # at most, in grid.png
NUM = 64  # images, where --num does not say
OF_A_CAPTION = 8  # images of each caption, where --num does not say


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("sample", DESCRIPTION)
    parser.add_argument("--workdir", metavar="DIR", type=Path, required=True, help="directory of the run")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where the PNGs go (default: drawn/ of the run)")
    parser.add_argument("--num", type=int, help="how many images (default 64), with captions of each (default 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the latents (default 0)")
    parser.add_argument("--labels", metavar="3,5", help="classes, taken in turn (default: all of them)")
    parser.add_argument("--caption", action="append", metavar="TEXT", help="what to draw; may be given several times")
    parser.add_argument("--captions", metavar="FILE", type=Path, help="a caption in each line, in place of --caption")
    parser.add_argument("--embeddings", metavar="FILE", type=Path, help="vectors of captions, in place of --caption")
    parser.add_argument(
        "--truncation",
        type=float,
        help="draw normal latents from [-t, t] only; of imported weights, their scale, at most 1",
    )
    parser.add_argument("--raw", action="store_true", help="the trained weights, not their average")
    parser.add_argument(
        "--step", type=int, metavar="N", help="the checkpoint of step N, not the newest (keep_checkpoints)"
    )
    parser.add_argument("--best", action="store_true", help="the best checkpoint (evaluate_every), not the newest")
    command.add_standing_batches(parser)
    parser.add_argument("--batch_size", type=int, default=64, help="images at once (default 64)")
    options = parser.parse_args(argv)
    out: Path = options.out or options.workdir / "drawn"
    command.check_standing_batches(options.standing_batches)
    for name in ("num", "batch_size"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise UserError(f"--{name}={value}: expected at least 1")
    command.check_seed(options.seed)
    config = configs.load(options.workdir)
    game = latent_game(config, "--workdir", options.truncation)
    captions = read_captions(game, options)
    labels, columns = _labels_and_columns(game, options) if captions is None else _in_rows(captions, options.num)
    num = len(labels) if labels is not None else options.num or NUM
    _check_out(out, num)
    make_directory(out, "--out")
    generator, step = restore_generator(config, options.workdir, raw=options.raw, best=options.best, step=options.step)
    draw = Sampler(game, config.stages, options.seed, options.batch_size, options.truncation)
    if options.standing_batches:
        if captions is not None:
            raise UserError("--standing_batches: these are statistics over all captions, which only evaluate has")
        classes = classes_in_turn(game, game.num_classes)
        generator = draw.with_standing_statistics(generator, step, classes, options.standing_batches)
    images = _collect(draw(generator, step, labels, num), num, shown=num >= 10 * options.batch_size)
    _write(images, out, columns)
    weights = "trained" if options.raw else "averaged"
    print(f"{num} images from the {weights} generator at step {step}: {out}/grid.png")
    return 0


def _labels_and_columns(game: LatentGAN, options: argparse.Namespace) -> tuple[np.ndarray | None, int]:
    num = options.num or NUM
    return _labels(game, options.labels, num), _columns(options.labels, game, num)


def _in_rows(captions: np.ndarray, num: int | None) -> tuple[np.ndarray, int]:
    """Each caption as often as asked for, and the columns of a grid with a row for each."""
    columns = num or OF_A_CAPTION
    return np.repeat(captions, columns, axis=0), columns


def _labels(game: LatentGAN, text: str | None, num: int) -> np.ndarray | None:
    """The label of every image, int32 [num]; None for an unconditional game."""
    if not game.num_classes:
        if text is not None:
            raise UserError("--labels: this run is unconditional (num_classes=0), it has no classes to choose")
        return None
    try:
        classes = [int(part) for part in text.split(",")] if text is not None else range(game.num_classes)
    except ValueError:
        raise UserError(f"--labels={text}: expected numbers separated by commas, such as 3,5") from None
    for label in classes:
        if not 0 <= label < game.num_classes:
            raise UserError(f"--labels={text}: {label} is not a class; expected 0 to {game.num_classes - 1}")
    return np.resize(np.asarray(classes, np.int32), num)


def _columns(labels: str | None, game: LatentGAN, num: int) -> int:
    """As square as can be, every class in columns of its own where there are classes."""
    side = math.sqrt(min(num, GRID_IMAGES))
    classes = len(labels.split(",")) if labels is not None else game.num_classes
    return classes * max(1, round(side / classes)) if 1 < classes <= 32 else math.ceil(side)


def _collect(batches: Iterable[PixelBatch], num: int, *, shown: bool) -> np.ndarray:
    images = []
    with tqdm(total=num, unit="image", disable=not shown) as bar:
        for batch, _ in batches:
            images.append(batch)
            bar.update(len(batch))
    return np.concatenate(images)


def _check_out(directory: Path, num: int) -> None:
    """Raises UserError where images of an earlier draw would stay among those of this one."""
    names = {_file_name(index, num) for index in range(num)}
    left = sorted(path.name for path in directory.glob("[0-9]*.png") if path.name not in names)
    if left:
        raise UserError(f"--out={directory}: holds {left[0]} of another draw; choose another directory, or empty it")


def _file_name(index: int, num: int) -> str:
    return f"{index:0{max(5, len(str(num - 1)))}d}.png"


def _write(images: np.ndarray, directory: Path, columns: int) -> None:
    for index, image in enumerate(images):
        save_png(directory / _file_name(index, len(images)), image)
    shown = images[:GRID_IMAGES]
    rows = math.ceil(len(shown) / columns)
    blank = np.full((rows * columns - len(shown), *shown.shape[1:]), 255, np.uint8)
    cells = np.concatenate([shown, blank])
    save_png(directory / "grid.png", make_grid(cells.reshape(rows, columns, *cells.shape[1:])))


if __name__ == "__main__":
    command.run(main)

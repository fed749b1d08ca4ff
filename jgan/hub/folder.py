"""The folder of a run as it goes to the Hub: its newest checkpoint, what it measured, samples and a model card."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax
from PIL import Image

from jgan import config as configs
from jgan.config import Config
from jgan.data.classes import names_or_numbers
from jgan.hub.card import Facts, Given, make_card
from jgan.inference.samples import RunSampler, Sampling
from jgan.inference.sampling import classes_in_turn
from jgan.inference.weights import Weights, batch_shapes, read_numbering, read_record, restore_state
from jgan.reports.runs import read_run
from jgan.rundir.atomic_files import writing
from jgan.rundir.checkpoints import BEST, CHECKPOINTS
from jgan.rundir.new_directories import making_directory
from jgan.rundir.pictures import make_grid, read_picture, save_png
from jgan.types import PyTree, UserError

PICTURE, CARD = "samples.png", "README.md"
COPIED = ("config.json", "environment.json", "start.json", "metrics.jsonl", "timings.jsonl", "evaluations.jsonl")
ROWS, COLUMNS = 6, 10


def make_folder(workdir: Path, out: Path, given: Given, weights: Weights, picture: Path | None = None) -> Path:
    """Writes the folder, whole or not at all, and gives the path of its card. The run stays as it is.

    `picture`, an image file, takes the place of generated images of seed 0, which only runs of latents have.

    Raises:
      UserError: there is no such checkpoint, or `out` is there already or cannot be written.
    """
    given.check()
    shown = None if picture is None else _read_picture(picture)
    _, step = restore_state(configs.load(workdir), workdir, weights)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"--out={out}: is there already; choose a new folder, or remove it")
    with making_directory(out.parent, "--out"), writing(out), tempfile.TemporaryDirectory(dir=out.parent) as own:
        whole = Path(own) / "folder"
        whole.mkdir()
        _copy_run(workdir, whole, BEST if weights.best else CHECKPOINTS, str(step))
        if shown is not None:
            shown.save(whole / PICTURE)
        facts = _facts(configs.load(whole), whole, workdir.resolve().name)
        (whole / CARD).write_text(make_card(facts, given), encoding="utf-8")
        whole.replace(out)
    return out / CARD


def _read_picture(path: Path) -> Image.Image:
    try:
        return read_picture(path, "RGB")
    except UserError:
        raise UserError(f"--picture={path}: cannot be read as an image; give a PNG or JPEG file") from None


def _copy_run(workdir: Path, whole: Path, checkpoints: str, step: str) -> None:
    """What opens as a run, and what it measured; no pictures or events, which may show the training set."""
    source = workdir / checkpoints / step
    try:
        for name in COPIED:
            if (workdir / name).is_file():
                shutil.copyfile(workdir / name, whole / name)
        for path in sorted((workdir / "eval").glob("*.json")):
            (whole / "eval").mkdir(exist_ok=True)
            shutil.copyfile(path, whole / "eval" / path.name)
        shutil.copytree(source, whole / CHECKPOINTS / step)
    except (FileNotFoundError, shutil.Error):
        raise UserError(f"{source}: was replaced by a newer checkpoint meanwhile; run the command again") from None


def _facts(config: Config, folder: Path, name: str) -> Facts:
    """Of the copied run, whose weights are read back from there; its picture is written."""
    state, step = restore_state(config, folder)
    record, game = read_record(folder), config.game
    names = read_numbering(folder).names
    return Facts(
        run=read_run(folder, name),
        task=_task(game),
        step=step,
        weights=Weights().title,
        shape=_image_shape(config, folder),
        classes=names_or_numbers(names, game.num_classes) if game.num_classes else None,
        parameters={name: _count(getattr(state, name).params) for name in ("generator", "discriminator")},
        family=type(getattr(game, "generator", game)).__module__.rpartition(".")[2],
        source=Path(config.data.source).name,
        data_count=record.get("data_count"),
        fingerprint=record["data"],
        imported=[one["file"] for one in record.get("imported", ())],
        sampled=_write_picture(config, folder),
        command=game.how_to_sample(),
    )


def _task(game: Any) -> str:
    if game.generates_from != "latents":
        return "images"
    return "latents" if game.captions == "none" else "captions"


def _count(params: PyTree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def _image_shape(config: Config, folder: Path) -> tuple[int, int, int]:
    """Height, width and channels of what is generated."""
    batch = batch_shapes(config, folder)[-1]
    _, height, width, channels = batch["targets" if "targets" in batch else min(batch)].shape  # images, or images_a
    return height, width, channels


def _write_picture(config: Config, folder: Path) -> str:
    """samples.png of a run of latents, a column a class where these are few, if it is not there; what it shows."""
    if (folder / PICTURE).exists():
        return "a picture that the author chose"
    if config.game.generates_from != "latents" or config.game.captions != "none":
        return ""  # which inputs it should show is for the author to choose
    sampler = RunSampler(config, folder)
    game = sampler.game
    columns = game.num_classes if 1 < game.num_classes <= 2 * COLUMNS else COLUMNS
    count = ROWS * columns
    labels = classes_in_turn(game, count)
    images = sampler.sample(labels, count, Sampling(), Weights())
    save_png(folder / PICTURE, make_grid(images.reshape(ROWS, columns, *images.shape[1:])))
    return f"{count} generated images of seed 0, not selected" + (
        ", a column for each class" if columns == game.num_classes else ""
    )

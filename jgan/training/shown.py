"""Where the sample pictures of image-to-image runs take their inputs from: held-out data, if there are some."""

from __future__ import annotations

from pathlib import Path

from jgan.config import Config
from jgan.data.file_trees import open_files
from jgan.data.folders import TEST_DOMAINS
from jgan.data.layouts import HELD_OUT, TRAINING
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.registry import TEST
from jgan.evaluation.translated import open_held_out
from jgan.setup import PREVIEW_EXAMPLES, Setup
from jgan.types import UserError


def open_shown(setup: Setup) -> tuple[Dataset | UnpairedDataset, str | None]:
    """The data whose images a run's pictures start from, and a line that says which; None where they need no image.

    `evaluation.held_out` if it is set; of `pairs:DIR/train` the folder DIR/val, DIR/test or the like, of `unpaired:DIR`
    its folders testA and testB; else the training set.

    Raises:
      UserError: `evaluation.held_out` cannot be used.
    """
    config = setup.config
    if config.game.generates_from != "images":
        return setup.dataset, None
    if config.evaluation.held_out:
        return _held_out(setup, config.evaluation.held_out, "evaluation.held_out")
    source = held_out_beside(config)
    if source is None:
        return setup.dataset, f"samples: {PREVIEW_EXAMPLES} inputs of the training set; no held-out images were found"
    try:
        return _held_out(setup, source, source)
    except UserError as error:
        return setup.dataset, f"samples: {PREVIEW_EXAMPLES} inputs of the training set ({error})"


def held_out_beside(config: Config) -> str | None:
    """The source of the held-out images that lie where such data have them, beside those of training."""
    scheme, _, name = config.data.source.partition(":")
    if scheme == "unpaired" and _folders(name).issuperset(TEST_DOMAINS):
        return config.data.source + TEST
    if scheme == "pairs" and Path(name).name in TRAINING:
        beside = _folders(str(Path(name).parent))
        return next((f"pairs:{Path(name).with_name(folder)}" for folder in HELD_OUT if folder in beside), None)
    return None


def _folders(path: str) -> set[str]:
    """The folders in a folder or an archive; none where it is neither."""
    try:
        return open_files(path).top()[0]
    except UserError:
        return set()


def _held_out(setup: Setup, source: str, field: str) -> tuple[Dataset | UnpairedDataset, str]:
    dataset = open_held_out(setup.config, source, setup.batches[-1], field)
    return dataset, f"samples: {PREVIEW_EXAMPLES} held-out inputs of {source}"

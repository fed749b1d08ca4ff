"""Where Python begins: `jgan.load_config`, `jgan.train`, `jgan.open`, `jgan.grid`."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan import config as configs
from jgan.api.arguments import checked
from jgan.api.run import Run
from jgan.autoconfig.follow import follow_data
from jgan.config import Config
from jgan.engine import processes
from jgan.engine.allocator import keep_memory
from jgan.rundir.atomic_files import usable_cache
from jgan.rundir.fetched import fetch, is_on_hub
from jgan.rundir.paths import given_path
from jgan.rundir.pictures import make_grid
from jgan.training.loop import DivergedError
from jgan.training.loop import train as train_run
from jgan.training.start_from import StartFrom
from jgan.training.start_settings import with_resumed_settings
from jgan.types import UserError


@checked
def load_config(config: str | Path, /, **overrides: Any) -> Config:
    """The config that a name or a path means, "dcgan" or "mine/dcgan.py", with fields set anew.

    A field is its path: `load_config("dcgan", seed=1, **{"game.generator.channels": 32})`. Where `data.source` is set,
    channels and classes of the networks follow the data, as with `jgan train`; they have to be there.

    Raises:
      UserError: there is no such config or field, a value is not of the field's type, or the data cannot be used.
    """
    flags = [f"--config.{path}={value}" for path, value in overrides.items()]
    return follow_data(configs.read_config(str(config), flags), flags, may_be_missing=False)[0]


@checked
def train(
    config: Config | str | Path,
    workdir: str | Path,
    *,
    start_from: str | Path | None = None,
    keep_step: bool = False,
) -> Run:
    """Trains as `jgan train` does, to the end of the config, and opens the run.

    A new run takes what fits of the state of `start_from`, a run or one of its checkpoints, as `--from` does; with
    `keep_step` it counts on from that step.

    A run that is in `workdir` already goes on from its newest checkpoint. A first Ctrl-C (in a notebook: stop) saves
    the run and raises KeyboardInterrupt; call it again to go on.

    Raises:
      UserError: the config, the data or the directory cannot be used; or the training diverged.
    """
    place = given_path(workdir, "workdir=")
    config = config if isinstance(config, Config) else configs.read_config(str(config), [])
    configs.check_is_data(config)
    keep_memory()
    _prepare()
    if start_from is None and keep_step:
        raise UserError("keep_step: part of start_from, which says from where; leave it out")
    start = None if start_from is None else StartFrom(given_path(start_from, "start_from="), keep_step)
    config, resumed = with_resumed_settings(config, start, place)
    if resumed and processes.is_main():
        print(resumed, flush=True)
    try:
        outcome = train_run(config, place, start)
    except DivergedError as error:
        raise UserError(
            f"{error}; a new run goes on from it, with lower learning rates in its config, by "
            f"jgan.train(config, another_workdir, start_from={str(error.checkpoint)!r}, keep_step=True)"
        ) from None
    if outcome.signal == signal.SIGINT:
        raise KeyboardInterrupt(f"stopped at step {outcome.step}; everything is saved")
    if outcome.signal:
        raise SystemExit(128 + outcome.signal)
    return Run(place)


@checked
def open_run(workdir: str | Path) -> Run:
    """The run in a directory: one that was trained, one that trains now, or one of imported weights.

    "hf://owner/name", or "hf://owner/name@revision", is one on the Hugging Face Hub; it is fetched once.

    Raises:
      UserError: there is no run, or it has no checkpoint yet.
    """
    _prepare()
    return Run(fetch(workdir) if is_on_hub(workdir) else given_path(workdir, "workdir="))


@checked
def grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Images uint8 [n, h, w, c] as one picture [height, width, c], row by row; what is left of a row stays white.

    Raises:
      UserError: an array that holds no such images, or fewer columns than one.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not images.size:
        raise UserError(
            f"images: an array {list(images.shape)} of {images.dtype}; expected uint8 [n, height, width, channels], "
            "as run.sample gives them"
        )
    if columns < 1:
        raise UserError(f"columns={columns}: expected at least 1")
    blank = np.full((-len(images) % columns, *images.shape[1:]), 255, np.uint8)
    cells = np.concatenate([images, blank])
    return make_grid(cells.reshape(-1, columns, *images.shape[1:]))


def _prepare() -> None:
    """Keeps programs that took a second to compile where the commands keep theirs, unless JAX has a place already.

    And keeps Orbax from warning, through absl, of settings that are meant.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and jax.config.values["jax_compilation_cache_dir"] is None:
        directory = usable_cache("compiled programs are", "xla")
        jax.config.update("jax_compilation_cache_dir", None if directory is None else str(directory))

"""A run's data with the class numbers that the run has had from its beginning, or that the run it starts from has."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from jgan.config import Config
from jgan.data.classes import NEW, Numbering, numbering_of
from jgan.rundir.checkpoints import Checkpoints, newest_step
from jgan.setup import Setup, prepare
from jgan.training.start_from import StartFrom, open_origin
from jgan.types import UserError

logger = logging.getLogger(__name__)


def prepare_numbered(config: Config, workdir: Path, start: StartFrom | None) -> Setup:
    """As `prepare`, with the classes numbered as in the checkpoints of `workdir`.

    A new run numbers them as the one that it starts from, whose weights know them so, unless it has others.

    Raises:
      UserError: as `prepare`; or the data have a class that the run does not have.
    """
    if start is None:
        return prepare(config, _numbering(workdir))
    try:
        return prepare(config, numbering_of(open_origin(start.path).record))
    except UserError as error:
        setup = prepare(config)  # raises again what is not about classes
        reason = str(error).partition(";")[0]
        logger.warning(
            "--from=%s: its run has other classes; those of this run are numbered anew (%s)", start.path, reason
        )
        return setup


def _numbering(workdir: Path) -> Numbering:
    if newest_step(workdir) is None:
        return NEW
    with contextlib.closing(Checkpoints(workdir, read_only=True)) as checkpoints:
        record = checkpoints.peek()
    return NEW if record is None else numbering_of(record)

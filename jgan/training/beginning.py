"""What a run writes before its first step is finished; it goes again where the run is refused by then."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from jgan.engine import processes
from jgan.rundir.checkpoints import CHECKPOINTS
from jgan.rundir.lock import locked
from jgan.rundir.new_directories import taking_back_unless_kept
from jgan.training.start_from import START

BEFORE_CHECKPOINT = {START, "config.json", "environment.json", CHECKPOINTS}
BEFORE_STEP = (  # the checkpoint goes last: as long as it is there, the run can be begun
    *("samples", "plots", "tensorboard", "eval", "best", "evaluations.jsonl", "metrics.jsonl", "timings.jsonl"),
    *("events.jsonl", CHECKPOINTS),
)


@contextlib.contextmanager
def beginning(workdir: Path) -> Iterator[Callable[[], None]]:
    """Holds the directory of a run, and gives `keep()`: there is something to keep, a finished step or earlier ones.

    Where the block raises UserError before that, nothing new stays: it would be in the way of a start with another
    config, a smaller batch where the first step did not fit the memory.

    Raises:
      UserError: as `locked`.
    """
    if not processes.is_main():
        yield lambda: None
        return
    with locked(workdir, BEFORE_CHECKPOINT), taking_back_unless_kept(workdir, BEFORE_STEP) as keep:
        yield keep

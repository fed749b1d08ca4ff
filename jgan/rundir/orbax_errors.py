"""Failed writes of Orbax and TensorStore as one clear line: their threads print hundreds of one full disk as well."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jgan.types import UserError

# TensorStore raises ValueError for all that a file system refuses, as "OUT_OF_RANGE: Error writing ...".
REFUSED = re.compile(r"[A-Z]+(_[A-Z]+)*: .*(writ|creat|open|renam|delet|sync|space|permission|quota)", re.IGNORECASE)


@contextlib.contextmanager
def clear_errors(directory: Path) -> Iterator[None]:
    """Raises UserError, which names the directory, for a write that failed, and keeps Orbax's own reports quiet."""
    logger, hook = logging.getLogger("absl"), sys.unraisablehook
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    sys.unraisablehook = lambda found: None if _of_orbax(found) else hook(found)
    try:
        yield
    except OSError as error:
        raise _failed(directory, error) from None
    except ValueError as error:
        if not REFUSED.match(str(error)):
            raise
        raise _failed(directory, error) from None
    # After a failure both stay: what is left of the write is collected at some later time, up to the program's end.
    logger.setLevel(level)
    sys.unraisablehook = hook


def _failed(directory: Path, error: Exception) -> UserError:
    text = " ".join(str(error).split())
    of_system = re.search(r"os_error_code='(\d+)'", text)  # among other notes, in any order
    reason = os.strerror(int(of_system[1])) if of_system else text[:300]
    return UserError(f"{directory}: cannot write a checkpoint ({reason}); earlier ones are intact")


def _of_orbax(found: Any) -> bool:
    """Whether an error that nobody can catch is of a write that was given up."""
    code = getattr(found.object, "cr_code", None)
    given_up = isinstance(found.exc_value, RuntimeError) and str(found.exc_value) == "Event loop is closed"
    return given_up or "orbax" in getattr(code, "co_filename", "")

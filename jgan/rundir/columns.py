"""The numbers of a run's .jsonl files, name by name."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from jgan.rundir.atomic_files import read_lines


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """Each name's values, one a line of the file: "step" and "images_seen" int64, others float64.

    A line without the name has nan. What is no number is left out; {} where there is no such file.

    Raises:
      UserError: a line is not what was written.
    """
    lines = read_lines(path)
    names = dict.fromkeys(name for line in lines for name, value in line.items() if _is_number(value))
    columns = {}
    for name in names:
        values = [line.get(name, math.nan) for line in lines]
        whole = all(isinstance(value, int) for value in values)
        columns[name] = np.array(values, np.int64 if whole else np.float64)
    return columns


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

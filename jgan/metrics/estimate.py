"""The result of a metric that is an average over parts of the data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """Mean and population standard deviation (ddof 0) over the parts: the metric says which parts."""

    mean: float
    std: float

    @classmethod
    def over(cls, values: np.ndarray) -> Estimate:
        """Of the values [parts] of all parts."""
        return cls(float(np.mean(values)), float(np.std(values)))

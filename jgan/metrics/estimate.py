"""The result of a metric that is an average over parts of the data."""

from __future__ import annotations

from collections.abc import Sequence
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


def finite_mean(values: Sequence[float] | np.ndarray) -> tuple[float, int]:
    """(mean of the values that are finite, how many are not), as the PSNR of equal images is not.

    Without a finite value the mean is that of the others: infinite, or nan.
    """
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    return float((finite if len(finite) else values).mean()), len(values) - len(finite)

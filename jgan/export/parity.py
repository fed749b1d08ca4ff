"""Whether an exported file gives what the run gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from jgan.export.network import Network
from jgan.types import UserError

# Float32 rounds each result by up to half an epsilon of it, 2^-24. Two orders of the same sums differ by a few of these
# a layer, and a hundred layers and their norms pass it on: 2^10 epsilons leave room for that. It is a 32nd of the step
# between two of the 256 levels of a pixel. Where images go beyond [-1, 1], it is a share of the largest number.
TOLERANCE = 2**10 * float(np.finfo(np.float32).eps)

Inputs = Sequence[np.ndarray]


def check_parity(network: Network, run: Callable[[Inputs], np.ndarray], what: str) -> float:
    """The largest difference between images of the run and those that `run` gives for the same inputs.

    Raises:
      UserError: it is beyond the tolerance, or not a number, or the shapes differ.
    """
    reference = jax.jit(network.function)
    return max(_difference(np.asarray(reference(*inputs)), run(inputs), what) for inputs in network.examples)


def _difference(expected: np.ndarray, made: np.ndarray, what: str) -> float:
    if made.shape != expected.shape or made.dtype != expected.dtype:
        raise UserError(
            f"{what}: gives {made.dtype} {list(made.shape)} where the run gives {expected.dtype} "
            f"{list(expected.shape)}; nothing was written"
        )
    if not np.isfinite(expected).all():
        raise UserError(f"{what}: the run's own images are not finite; train it anew, or choose another --step")
    largest = float(np.abs(made - expected).max())
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not largest <= allowed:
        raise UserError(
            f"{what}: its images differ from the run's by {largest:.2g}, and {allowed:.2g} is what float32 explains; "
            "nothing was written"
        )
    return largest

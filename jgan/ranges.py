"""What numbers the fields of a config may hold, by the field's name."""

from __future__ import annotations

import math
from typing import Any

from jgan.types import DTYPES, UserError

AT_LEAST_ONE = {"steps", "batch_size", "resolution", "accumulate", "channels", "image_channels", "widths", "fsdp"}
AT_LEAST_ONE |= {
    "groups",
    "blocks",
    "expansion",
    "keep_checkpoints",
    "num_samples",
    "latent_dim",
    "latent_units",
    "label_units",
    "image_units",
    "joint_units",
    "generator_batches",
    "lecam_half_life_images",
    "class_features",
    "word_units",
    "text_features",
}
BELOW_ONE = {
    "b1",
    "b2",
    "final_b2",
    "unroll_b1",
    "unroll_b2",
    "smoothing",
    "dropout",
    "label_smoothing",
    "label_flipping",
}


def check_range(path: str, value: Any) -> None:
    """Sizes and periods are at least 1, shares below 1, everything but the seed finite and not negative."""
    name = path.rsplit(".", 1)[-1]
    if name == "dtype" and value not in DTYPES:
        raise UserError(f"{path}={value!r}: expected one of {', '.join(DTYPES)}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if not math.isfinite(value):
        raise UserError(f"{path}={value}: expected a finite number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UserError(f"{path}={value}: expected a whole number of 64 bits")
    counts = name in AT_LEAST_ONE or name.endswith("_every")
    least = 1 if counts and path not in ("data.channels", "evaluate_every") else 0
    if path != "seed" and value < least:
        raise UserError(f"{path}={value}: expected at least {least}")
    if name in BELOW_ONE and value >= 1:
        raise UserError(f"{path}={value}: expected less than 1")


def check_seed(seed: int) -> None:
    """Raises UserError for a `--seed` that JAX or numpy does not take."""
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed={seed}: expected a number from 0 to 2**63 - 1")

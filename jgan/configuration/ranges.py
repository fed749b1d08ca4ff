"""What numbers the fields of a config may hold, by the field's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jgan.types import DTYPES, Stage, UserError

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


# The most that a whole number may be, by its field's name or the name's end. No size overflows what XLA counts with: it
# would end the process. All others are sizes of layers and the like.
LARGEST_SIZE = 2**16
MOST_IMAGES = 10**8  # that are sampled or measured: their labels alone take 400 MB
LARGEST = {"seed": 2**63 - 1, "steps": 2**31 - 1, "vocabulary": 2**24, "num_classes": 100_000}
LARGEST |= {"keep_checkpoints": 2**31 - 1, "max_rollbacks": 2**31 - 1, "pool_size": 2**24, "resolution": 2**13}
LARGEST |= {"blocks": 1024, "convolutions": 1024, "unroll_steps": 1024, "generator_batches": 1024, "scale": 64}
LARGEST |= {"downs": 16, "downsamples": 16, "num_samples": MOST_IMAGES}
LARGEST |= {"norm_classes": LARGEST["num_classes"], "latent_dim": 2**20}
LARGEST_BY_END = {"_every": 2**31 - 1, "_images": 2**53, "_megabytes": 2**31 - 1}
BATCH_PIXELS = 2**31


def check_totals(stages: Sequence[Stage]) -> None:
    """Raises UserError where the stages have more steps than are counted, or batches of more than BATCH_PIXELS."""
    if sum(stage.steps for stage in stages) > LARGEST["steps"]:
        raise UserError(f"stages: more than {LARGEST['steps']} steps in all")
    for index, stage in enumerate(stages):
        if stage.batch_size * stage.resolution**2 > BATCH_PIXELS:
            sizes = f"batch_size={stage.batch_size}, resolution={stage.resolution}"
            raise UserError(f"stages[{index}]: {sizes}: expected {BATCH_PIXELS} pixels in a batch at most")


def _largest(name: str) -> int:
    by_end = (most for end, most in LARGEST_BY_END.items() if name.endswith(end))
    return LARGEST.get(name, next(by_end, LARGEST_SIZE))


def check_range(path: str, value: Any) -> None:
    """Sizes and periods are at least 1, shares below 1, everything but the seed finite and not negative."""
    name = path.rsplit(".", 1)[-1]
    if name == "dtype" and value not in DTYPES:
        raise UserError(f"{path}={value!r}: expected one of {', '.join(DTYPES)}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if not math.isfinite(value):
        raise UserError(f"{path}={value}: expected a finite number")
    if isinstance(value, int) and value > _largest(name):
        raise UserError(f"{path}={value}: expected {_largest(name)} at most")
    counts = name in AT_LEAST_ONE or name.endswith("_every")
    least = 1 if counts and path not in ("data.channels", "evaluate_every") else 0
    if path == "seed" and value < -(2**63):
        raise UserError(f"{path}={value}: expected a whole number of 64 bits")
    if path != "seed" and value < least:
        raise UserError(f"{path}={value}: expected at least {least}")
    if name in BELOW_ONE and value >= 1:
        raise UserError(f"{path}={value}: expected less than 1")


def check_count(flag: str, count: int | None) -> None:
    """Raises UserError for a number of images that are to be sampled or measured; None is any."""
    if count is not None and not 1 <= count <= MOST_IMAGES:
        raise UserError(f"{flag}={count}: expected 1 to {MOST_IMAGES:,}")


def check_seed(seed: int) -> None:
    """Raises UserError for a `--seed` that JAX or numpy does not take."""
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed={seed}: expected a number from 0 to 2**63 - 1")

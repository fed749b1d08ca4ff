"""What a run says about its task: which degraded side it makes of each photo."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jgan.types import UserError

SCALES = (1, 2, 3, 4, 8)
COLOUR_TASKS = ("colorization", "blind_super_resolution")  # take RGB images


def check_colours(task: str, gray: int, count: int, field: str) -> None:
    """Raises UserError, beginning with `field`, where a task learns colours and `count` images are all gray."""
    if task == "colorization" and gray == count:
        raise UserError(f"{field}: all {count:,} images are gray, and it learns colours; give photos in colour")


@dataclasses.dataclass(frozen=True)
class TaskConfig:
    """The inputs that are made of images, which become the targets.

    - "colorization": gray, one channel;
    - "inpainting": black where a mask hides them, with the mask as one more channel (1 hidden, -1 known);
    - "edges": lines on white, one channel;
    - "denoising": with Gaussian noise;
    - "deblurring": blurred by a Gaussian;
    - "super_resolution": `scale` times smaller;
    - "blind_super_resolution": the same with blur, noise and JPEG, each of random strength (blind.py).

    All are rounded to 8 bits, as the files that a trained network will be given.
    """

    name: Literal[
        "none",
        "colorization",
        "inpainting",
        "edges",
        "denoising",
        "deblurring",
        "super_resolution",
        "blind_super_resolution",
    ] = "none"
    scale: int = 4  # of both kinds of super_resolution
    mask: Literal["rectangles", "strokes"] = "rectangles"  # of inpainting; strokes: free-form
    noise: float = 25.0  # of denoising: standard deviation in gray levels of 256
    least_noise: float = 25.0  # each image's is sampled between the two
    blur: float = 2.0  # of deblurring: standard deviation in pixels
    least_blur: float = 2.0

    @property
    def is_blind(self) -> bool:
        """Whether inputs are made on the host, where JPEG is."""
        return self.name == "blind_super_resolution"

    def check(self) -> None:
        """Raises UserError, naming the field, for values that no task understands."""
        if self.scale not in SCALES:
            raise UserError(f"data.task.scale={self.scale}: expected one of {', '.join(map(str, SCALES))}")
        for name in ("noise", "blur"):
            most, least = getattr(self, name), getattr(self, f"least_{name}")
            if not 0 < least <= most:
                raise UserError(
                    f"data.task.least_{name}={least}, data.task.{name}={most}: expected numbers above 0, the first no "
                    "larger than the second"
                )

    def check_resolution(self, resolution: int, field: str) -> None:
        """Raises UserError where a target's side does not divide by the scale; `field` names the resolution."""
        if self.name.endswith("super_resolution") and resolution % self.scale:
            raise UserError(f"{field}={resolution}: expected a multiple of data.task.scale={self.scale}")

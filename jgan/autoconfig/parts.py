"""What the configs of all families have: resolution, fit, channels, batch, steps."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

from jgan.autoconfig.calls import Call
from jgan.autoconfig.facts import DataFacts
from jgan.autoconfig.machine import MachineFacts
from jgan.autoconfig.plan import Choice
from jgan.autoconfig.sizes import Size, Sizes
from jgan.autoconfig.wishes import Wishes

SMALLEST = 16  # pixels of a side that the networks make
LONG = 2.0  # sides of this ratio and more are padded to a square; others lose less than half
ROUND_UP = 0.75  # of a resolution: images from this size on are enlarged to it
MAX_EPOCHS = 20_000  # visits of an image
CHECKPOINTS = 10  # of a run, at least


class Parts(NamedTuple):
    """What a family adds to a plan."""

    config: Call
    choices: tuple[Choice, ...]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Context:
    """What a family's config is chosen from."""

    family: str
    data: DataFacts
    machine: MachineFacts
    wishes: Wishes
    sizes: Sizes

    def resolution(self, size: Size) -> tuple[int, str]:
        """Pixels of a side, and why: those of the images, and no more than the machine can do."""
        if self.wishes.resolution:
            return self.wishes.resolution, "as asked for"
        side = min(self.data.width, self.data.height)
        images = f"the images are {self.data.width} x {self.data.height}"
        nearest = 2 ** math.floor(math.log2(max(side, SMALLEST) / ROUND_UP))
        if nearest > size.resolution:
            return size.resolution, f"what {self.machine.title} can do in the time; {images}"
        return nearest, f"{images}{', enlarged' if nearest > side else ''}"

    def width(self, size: Size) -> Choice:
        """The row of the networks' width."""
        machine = f"what {self.machine.title} can do in the time"
        reason = "as asked for" if self.wishes.width else machine
        return row("width", size.channels, f"{reason}: channels at full resolution", "--width")

    def batch_size(self, most: int) -> int:
        """A power of two up to `most` that the data fill, the same on every device."""
        devices = self.machine.devices
        batch = 2 ** math.floor(math.log2(min(most * (devices if self.machine.accelerator else 1), self.data.count)))
        return max(devices, batch // devices * devices)

    def steps(self, size: Size, batch: int) -> tuple[int, str]:
        """Steps of a run, and why so many."""
        if self.wishes.steps:
            return self.wishes.steps, f"as asked for: {self.wishes.steps * batch:,} images seen"
        most = max(1, MAX_EPOCHS * self.data.count // batch)
        steps = min(size.steps, most)
        each = steps * batch / self.data.count
        reason = f"{steps * batch:,} images seen, each {_times(each)}"
        return steps, reason + ("" if steps < most else ", which is the most")

    def fit(self) -> tuple[str, str]:
        """How images become square, and what that does to them."""
        long, short = max(self.data.width, self.data.height), min(self.data.width, self.data.height)
        shape = f"{self.data.width} x {self.data.height}"
        if long == short:
            return "crop", "the images are square; of others, the middle"
        if long / short >= LONG:
            return "pad", f"{shape}: whole, on gray level 255 (data.background) above and below or beside it"
        return "crop", f"{shape}: the middle square; {1 - short / long:.0%} of each is cut off; pad keeps all"

    def channels(self) -> tuple[int, str]:
        """Channels of the images, and why."""
        data = self.data
        if data.channels == 1:
            return 1, "all images are gray"
        reasons = [f"{data.gray} are gray, others are not"] if data.gray else []
        if data.transparent:
            reasons.append(
                f"{data.transparent:,} have an alpha channel; what is transparent shows white (data.background); 4 "
                "makes images with transparency"
            )
        return 3, "; ".join(reasons) or "the images have colours"


def row(name: str, value: object, reason: str, flag: str = "") -> Choice:
    """A choice whose flag is that of a field, by default."""
    return Choice(name, str(value), reason, flag)


def sampling(size: Size, steps: int) -> dict[str, int]:
    """Fields of a Config: how often samples and checkpoints are written, whatever the number of steps."""
    sample = max(1, min(size.sample_every, steps // 5))
    return {"log_every": min(50, sample), "sample_every": sample, "checkpoint_every": max(sample, steps // CHECKPOINTS)}


def common_rows(context: Context, size: Size, steps: int, why_steps: str, batch: int) -> tuple[Choice, ...]:
    """The rows of batch, steps and samples."""
    few = f"; the data have {context.data.count}" if batch < size.batch_size else ""
    return (
        row("batch", batch, f"images a step{few}", "--config.stages[0].batch_size"),
        row("steps", f"{steps:,}", why_steps, "--steps"),
        row(
            "samples", f"every {sampling(size, steps)['sample_every']}", "steps, into samples/", "--config.sample_every"
        ),
    )


def _times(number: float) -> str:
    return f"{number:,.0f} times" if number >= 10 else f"{number:.2g} times"

"""What a user asks for beside the data: the flags of a choice, and what they may be."""

from __future__ import annotations

import dataclasses
import typing

from jgan.autoconfig.facts import DataFacts
from jgan.configuration import catalog
from jgan.configuration.cards import read_card
from jgan.errors import UserError, counted, did_you_mean
from jgan.tasks.config import TaskConfig, check_colours

TASKS = tuple(name for name in typing.get_args(typing.get_type_hints(TaskConfig)["name"]) if name != "none")
LATENT_FAMILIES = ("conditional_dcgan", "dcgan")
FAMILIES = (*LATENT_FAMILIES, "text", "pix2pix", "cyclegan", "srgan")
FEWEST_IMAGES = 8  # that a generator of new images is trained on
FEWEST_PER_CLASS = 10  # images of a class, in the mean, from which on labels are used
LARGEST = 1024  # pixels of a side
WIDEST = 1024  # channels
EXPECTED = {  # of the flag of each wish
    "family": f"one of {', '.join(FAMILIES)}",
    "task": f"one of {', '.join(TASKS)}",
    "resolution": f"a power of two from 16 to {LARGEST}",
    "steps": "1 or more",
    "width": f"1 to {WIDEST}",
}


@dataclasses.dataclass(frozen=True)
class Wishes:
    """Empty and 0: as data and machine suggest."""

    family: str = ""
    task: str = ""
    resolution: int = 0
    steps: int = 0
    width: int = 0  # channels at full resolution

    @property
    def takes_whole_images(self) -> bool:
        """Whether files that look like pairs side by side are images all the same."""
        return bool(self.task) or self.family in (*LATENT_FAMILIES, "srgan")

    def check(self) -> None:
        """Raises UserError for what there is not."""
        for name, value, known in (("family", self.family, FAMILIES), ("task", self.task, TASKS)):
            if value and value not in known:
                configs = _configs_of(value) if name == "family" else []
                if configs:
                    raise UserError(
                        f"--family={value}: expected {EXPECTED['family']}; of this one take --config {configs[0]}"
                    )
                raise UserError(f"--{name}={value}: no such {name}{did_you_mean(value, known)}")
        if self.resolution and (not 16 <= self.resolution <= LARGEST or self.resolution & (self.resolution - 1)):
            raise UserError(f"--resolution={self.resolution}: expected {EXPECTED['resolution']}")
        if self.steps < 0:
            raise UserError(f"--steps={self.steps}: expected {EXPECTED['steps']}")
        if not 0 <= self.width <= WIDEST:
            raise UserError(f"--width={self.width}: expected {EXPECTED['width']}")


def _configs_of(family: str) -> list[str]:
    """The configs of a family that is not chosen by itself, the smallest first."""
    cards = [read_card(catalog.DIRECTORY / f"{name}.py") for name in catalog.names()]
    found = [card for card in cards if card.family == family]
    return [card.name for card in sorted(found, key=lambda card: not card.measured)]


def choose_family(data: DataFacts, wishes: Wishes) -> tuple[str, str]:
    """The family, and the reason.

    Raises:
      UserError: it cannot be trained on these data, or there are too few of them.
    """
    possible = _possible(data, wishes.task)
    if wishes.family and wishes.family not in possible:
        names = " or ".join(possible)
        raise UserError(f"--family={wishes.family}: {data.source}: {_reason(data, wishes.task)}; leave it, or {names}")
    family = wishes.family or next(iter(possible))
    if family in (*LATENT_FAMILIES, "text") and data.count < FEWEST_IMAGES:
        raise UserError(
            f"{data.source}: {counted(data.count, 'image')}; a generator of new images needs {FEWEST_IMAGES} at the "
            "very least, and some hundreds to do well; add images, or give a --task such as colorization"
        )
    return family, "as asked for" if wishes.family else _reason(data, wishes.task)


def _possible(data: DataFacts, task: str) -> tuple[str, ...]:
    """The best first."""
    if task and data.kind in ("pairs", "unpaired"):
        raise UserError(
            f"--task={task}: {data.source}: {data.reason}, which need no task; leave it out, or give images of one "
            f"kind, {' or '.join(data.sides)}"
        )
    check_colours(task, data.gray, data.count, f"--task={task}: {data.source}")
    if task:
        return ("srgan",) if task.endswith("super_resolution") else ("pix2pix",)
    if data.kind != "images":
        return {"pairs": ("pix2pix",), "unpaired": ("cyclegan",), "captions": ("text", "dcgan")}[data.kind]
    if data.num_classes < 2:
        return ("dcgan",)
    return LATENT_FAMILIES if data.count >= FEWEST_PER_CLASS * data.num_classes else LATENT_FAMILIES[::-1]


def _reason(data: DataFacts, task: str) -> str:
    if task:
        unused = f"; their {data.num_classes:,} classes are not used" if data.num_classes > 1 else ""
        return f"the task {task} makes its inputs of the images{unused}"
    if data.kind != "images":
        return data.reason
    if data.num_classes < 2:
        return "images without labels"
    each = data.count / data.num_classes
    few = (
        f", too few to learn a class from; --family {LATENT_FAMILIES[0]} takes them" if each < FEWEST_PER_CLASS else ""
    )
    return f"{data.num_classes:,} classes of {each:,.3g} images each, in the mean{few}"

"""What a config file's docstring says of it, read without running the file.

Behind its first paragraph stand lines such as "Family: dcgan"; tests/test_configs.py holds them to the config.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

TASKS = ("images", "images by class", "images by caption", "image-to-image", "super-resolution")


@dataclasses.dataclass(frozen=True)
class Card:
    """The lines of one config. `measured` is empty where it was never trained as it stands."""

    name: str
    family: str  # a preset of jgan.families
    paper: str  # authors and year, link, place in the paper
    task: str  # one of TASKS
    data: str  # the source and the resolution
    parameters: str  # of generator and discriminator
    cost: str  # "1.2 PFLOP", computed: matrix products and convolutions of all steps
    measured: str = ""  # "700 steps in 8 processor minutes"

    @property
    def citation(self) -> str:
        """Authors and year."""
        return self.paper.partition(",")[0]

    @property
    def source(self) -> str:
        """As data.source has it."""
        return self.data.partition(" at ")[0]

    @property
    def size(self) -> str:
        """Width and height of the images at the end of training, as "64 x 64"."""
        return self.data.partition(" at ")[2]


def read_card(path: Path) -> Card:
    """The card of a config of the package, each of which has one."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    names = [field.name for field in dataclasses.fields(Card)]
    lines = re.findall(rf"^({'|'.join(names)}): (.+)$", docstring, re.MULTILINE | re.IGNORECASE)
    return Card(path.stem, **{name.lower(): text for name, text in lines})

"""What an image of the page is made of: plain numbers and names, which its favourites keep."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One image by its seed and what the controls say; `towards` is a seed that it has gone `share` of the way to."""

    seed: int
    label: str | None = None  # a class by name; None: the one that `jgan sample` gives the seed
    caption: str | None = None  # words, or the number of a vector of captions
    truncation: float | None = None
    truncation_cutoff: int | None = None  # the first layers of a StyleGAN, which alone are truncated; None: as the run
    towards: int | None = None
    share: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """What is set, for JSON."""
        data = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        if self.towards is None:
            del data["share"]
        return data

    def __str__(self) -> str:
        parts = [f"seed {self.seed}"]
        if self.towards is not None:
            parts.append(f"{self.share:.2f} of the way to seed {self.towards}")
        if self.label is not None:
            parts.append(f"class {self.label}")
        if self.caption is not None:
            parts.append(f"caption {self.caption}")
        if self.truncation is not None:
            first = "" if self.truncation_cutoff is None else f" of the first {self.truncation_cutoff} layers"
            parts.append(f"truncation {self.truncation:g}{first}")
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True)
class Between:
    """An image on the way from one recipe to another."""

    start: Recipe
    end: Recipe
    share: float  # of the way

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"between": [self.start.as_data(), self.end.as_data()], "share": self.share}

    def __str__(self) -> str:
        return f"{self.share:.2f} of the way from ({self.start}) to ({self.end})"


@dataclasses.dataclass(frozen=True)
class Mix:
    """A StyleGAN's image with the styles of one recipe in its first layers and those of another from `layer` on."""

    coarse: Recipe
    fine: Recipe
    layer: int

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"coarse": self.coarse.as_data(), "fine": self.fine.as_data(), "layer": self.layer}

    def __str__(self) -> str:
        return f"coarse of ({self.coarse}), fine of ({self.fine}) from layer {self.layer}"


AnyRecipe = Recipe | Between | Mix

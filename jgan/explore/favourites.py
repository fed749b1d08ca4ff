"""Images that are kept, and the archive in which they leave the page: PNGs, and how each was made."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jgan import __version__
from jgan.explore.recipes import AnyRecipe
from jgan.explore.shown import as_png
from jgan.rundir.atomic_files import as_json
from jgan.types import UserError

MOST = 200  # of one visitor: they are in memory
RECORD = "favourites.json"
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold: the same images give the same bytes


class Favourite(NamedTuple):
    """An image uint8 [h, w, c], and what it is made of."""

    image: np.ndarray
    recipe: AnyRecipe


def kept(favourites: list[Favourite], image: np.ndarray, recipe: AnyRecipe) -> list[Favourite]:
    """The favourites with another one, unless it is among them. Raises UserError where there are too many."""
    if any(favourite.recipe == recipe for favourite in favourites):
        return favourites
    if len(favourites) == MOST:
        raise UserError(f"{MOST} images are kept, which is all the page holds; download them, and clear the list")
    return [*favourites, Favourite(image, recipe)]


def archive(favourites: list[Favourite], run: Path, step: int, weights: str) -> bytes:
    """A zip of 001.png, 002.png, ... and favourites.json, which says of which run, step and seeds they are."""
    images = []
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as packed:  # PNGs are packed already
        for number, favourite in enumerate(favourites, start=1):
            name = f"{number:03}.png"
            packed.writestr(zipfile.ZipInfo(name, DATE), as_png(favourite.image))
            images.append({"file": name, **favourite.recipe.as_data()})
        packed.writestr(zipfile.ZipInfo(RECORD, DATE), as_json(_record(run, step, weights, images)))
    return data.getvalue()


def _record(run: Path, step: int, weights: str, images: list[dict[str, Any]]) -> dict[str, Any]:
    return {"run": str(run), "step": step, "weights": weights, "made_by": f"jgan {__version__}", "images": images}

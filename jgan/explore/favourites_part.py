"""The images that a visitor has kept, to be downloaded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jgan.explore.events import BUTTON
from jgan.explore.favourites import Favourite, archive, kept
from jgan.explore.galleries import gallery
from jgan.explore.latent_images import LatentImages
from jgan.explore.offline import gr
from jgan.explore.recipes import AnyRecipe
from jgan.explore.shown import as_rgb, note, refusing
from jgan.types import UserError

NONE = "Nothing is kept yet."


class About(NamedTuple):
    """Where images come from, for their archive."""

    run: Path
    weights: str


def add_favourites(images: LatentImages, about: About, kept_by: Sequence[tuple[Any, Any]], files: Path) -> None:
    """`kept_by` are buttons, each with the state that holds the recipe to keep; `files` is a folder for archives."""
    favourites = gr.State([])
    line = gr.HTML(note(NONE), elem_id="kept")
    shown = gallery("Kept images", 4, elem_id="favourites")
    with gr.Row():
        download = gr.DownloadButton("Download (zip)", interactive=False, min_width=120, elem_id="download")
        clear = gr.Button("Clear", min_width=80, elem_id="clear")
    outputs = [favourites, shown, download, line]

    def show(found: list[Favourite]) -> Any:
        items = [(as_rgb(favourite.image), str(favourite.recipe)) for favourite in found]
        if not found:
            return found, items, gr.DownloadButton(interactive=False, value=None), note(NONE)
        data = archive(found, about.run, images.space.step, about.weights)
        path = Path(tempfile.mkdtemp(dir=files)) / "favourites.zip"
        path.write_bytes(data)
        count = f"{len(found)} image{'s' * (len(found) > 1)} kept: PNGs, and favourites.json with their seeds."
        return found, items, gr.DownloadButton(interactive=True, value=str(path)), note(count)

    @refusing(4)
    def keep(found: list[Favourite], recipe: AnyRecipe | None) -> Any:
        if recipe is None:
            raise UserError("there is no image yet; pin two images first")
        return show(kept(found, images.image(recipe), recipe))

    for button, recipe in kept_by:
        button.click(keep, [favourites, recipe], outputs, **BUTTON)
    clear.click(lambda: show([]), None, outputs, **BUTTON)

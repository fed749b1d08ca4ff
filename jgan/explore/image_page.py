"""The page of an image-to-image run: a file is dropped, and what the run makes of it comes beside it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jgan.explore.events import LONG
from jgan.explore.offline import gr
from jgan.explore.photo_images import Asked, PhotoImages
from jgan.explore.shown import note, refusing
from jgan.inference.one_image import Tiles
from jgan.types import UserError

WAYS = {"a_to_b": "A to B", "b_to_a": "B to A"}
HELP = "Drop an image, or choose a file. The left half of what comes is what the network saw; move the bar between."


def add_image_page(photos: PhotoImages, files: Path) -> None:
    """Adds it to the `gr.Blocks` that is open. `files` is a folder for the images that are downloaded."""
    gr.HTML(note(HELP))
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            file = gr.File(label="Image", elem_id="drop", height=140)
            mask = gr.File(label="Mask: white where to fill", elem_id="mask", height=140, visible=photos.fills_masks)
            names = [(WAYS[way], way) for way in photos.directions]
            way = gr.Radio(
                names,
                value=photos.directions[0] if names else None,
                label="Direction",
                elem_id="direction",
                visible=bool(names),
            )
            degrade = gr.Checkbox(
                False, label="The image is clean: first degrade it as the run's task does", visible=photos.degrades
            )
            with gr.Accordion("Tiles", open=False):
                tile = gr.Number(
                    None,
                    precision=0,
                    label="Side",
                    info=f"Pixels; larger images go through in squares. Empty: {photos.usual_tile}, or the multiple of "
                    f"{photos.multiple} above; 0: whole.",
                    elem_id="tile",
                )
                overlap = gr.Number(
                    None, precision=0, label="Overlap", info="Pixels that squares share; empty: as usual"
                )
            again = gr.Button("Again", elem_id="again")
        with gr.Column(scale=3, min_width=280):
            shown = gr.ImageSlider(
                label="Before and after", format="png", interactive=False, elem_id="after", buttons=["fullscreen"]
            )
            line = gr.HTML(elem_id="line")
            download = gr.DownloadButton("Download (PNG)", interactive=False, elem_id="download")

    @refusing(3)
    def translate(
        given: str | None, hidden: str | None, direction: str | None, clean: bool, side: int | None, shared: int | None
    ) -> Any:
        if given is None:
            raise UserError("there is no image yet; drop one")
        tiles = Tiles(_number("tile", side), _number("overlap", shared), photos.usual_tile)
        asked = Asked(Path(given), direction, None if hidden is None else Path(hidden), tiles, clean)
        made = photos(asked)
        path = Path(tempfile.mkdtemp(dir=files)) / f"{Path(given).stem}.png"
        path.write_bytes(made.png)
        height, width = made.after.shape[:2]
        said = note(f"{Path(given).name}: {width} x {height} pixels")
        return (made.before, made.after), gr.DownloadButton(interactive=True, value=str(path)), said

    inputs = [file, mask, way, degrade, tile, overlap]
    outputs = [shown, download, line]
    file.upload(translate, inputs, outputs, **LONG)
    mask.upload(translate, inputs, outputs, **LONG)
    again.click(translate, inputs, outputs, **LONG)


def _number(name: str, value: float | None) -> int | None:
    """Raises UserError for a number below 0."""
    if value is None:
        return None
    if value < 0:
        raise UserError(f"{name}={value}: expected no negative number")
    return int(value)

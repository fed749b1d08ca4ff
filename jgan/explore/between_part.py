"""The way from one pinned image to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jgan.explore.events import BUTTON, QUICK
from jgan.explore.latent_images import LatentImages
from jgan.explore.offline import gr
from jgan.explore.recipes import Between, Recipe
from jgan.explore.shown import note, nothing, picture, refusing

HELP = "Pin the image above as A, choose another one, pin it as B: the slider goes from A to B."


def add_between(images: LatentImages, current: Any, pins: Sequence[Any]) -> tuple[Any, Any]:
    """`pins` are the two buttons. Gives the button that keeps the image, and the state with its recipe."""
    gr.HTML(note(HELP))
    ends, recipe = [gr.State(None), gr.State(None)], gr.State(None)
    with gr.Row(elem_classes="row-of-two"):
        pictures = [
            gr.HTML(nothing(f"{name}: nothing is pinned"), elem_classes="picture", elem_id=f"end-{name}", min_width=80)
            for name in "AB"
        ]
    share = gr.Slider(0.0, 1.0, 0.5, step=0.02, label="From A to B", elem_id="share")
    shown = gr.HTML(nothing("Pin two images"), elem_classes="picture", elem_id="between")
    line = gr.HTML(elem_id="between-line")
    keep = gr.Button("Keep this one", elem_id="keep-between")

    @refusing(2)
    def pin(wanted: Recipe) -> Any:
        return wanted, picture(images.image(wanted), wanted)

    @refusing(3)
    def show(start: Recipe | None, end: Recipe | None, way: float) -> Any:
        if start is None or end is None:
            return None, nothing("Pin two images"), ""
        wanted = Between(start, end, way)
        return wanted, picture(images.image(wanted), wanted), note(wanted)

    for button, end, place in zip(pins, ends, pictures, strict=True):
        button.click(pin, current, [end, place], **BUTTON)
    for moved in (*ends, share):
        moved.change(show, [*ends, share], [recipe, shown, line], **QUICK)
    return keep, recipe

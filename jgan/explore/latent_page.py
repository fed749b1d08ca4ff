"""The page of a run of latents: one image with its controls, and below it what can be made of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jgan.explore.between_part import add_between
from jgan.explore.controls import LARGEST_SEED, Controls
from jgan.explore.events import BUTTON, QUICK
from jgan.explore.favourites_part import About, add_favourites
from jgan.explore.latent_images import LatentImages
from jgan.explore.mixing_part import add_mixing
from jgan.explore.neighbours_part import add_neighbours
from jgan.explore.offline import gr
from jgan.explore.shown import note, picture, refusing


def add_latent_page(images: LatentImages, about: About, files: Path) -> None:
    """Adds it to the `gr.Blocks` that is open. `files` is a folder for the archives of favourites."""
    first = images.first_recipe()
    current = gr.State(first)
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            shown = gr.HTML(picture(images.image(first), first), elem_id="image", elem_classes="picture")
            line = gr.HTML(note(first), elem_id="line")
            with gr.Row():
                keep = gr.Button("Keep", variant="primary", min_width=80, elem_id="keep")
                pins = [gr.Button(f"Pin as {name}", min_width=80, elem_id=f"pin-{name}") for name in "AB"]
        with gr.Column(scale=3, min_width=280):
            controls = Controls(images)
            again = gr.Button("Another seed", elem_id="another")
    outputs = [current, shown, line]
    again.click(lambda: random.randint(0, LARGEST_SEED), None, controls.seed, **BUTTON)
    _follow(images, controls, outputs)
    with gr.Tabs():
        with gr.Tab("Neighbours"):
            add_neighbours(images, current, outputs)
        with gr.Tab("Between two"):
            kept = [(keep, current), add_between(images, current, pins)]
        if images.layers > 1:
            with gr.Tab("Mix styles"):
                kept.append(add_mixing(images))
        with gr.Tab("Favourites"):
            add_favourites(images, about, kept, files)


def _follow(images: LatentImages, controls: Controls, outputs: Sequence[Any]) -> None:
    """The image follows its controls while they move."""

    @refusing(3)
    def show(*values: Any) -> Any:
        recipe = controls.recipe(*values)
        return recipe, picture(images.image(recipe), recipe), note(recipe)

    for component in controls.components:
        component.change(show, controls.components, list(outputs), **QUICK)

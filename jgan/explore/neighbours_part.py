"""Images near the one that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jgan.explore.events import BUTTON, QUICK
from jgan.explore.galleries import chosen, gallery
from jgan.explore.latent_images import LatentImages
from jgan.explore.offline import gr
from jgan.explore.recipes import Recipe
from jgan.explore.shown import as_rgb, note, picture, refusing

COUNT = 8
HELP = "Images a little of the way from this seed to the next ones. Choose one to look at it."


def add_neighbours(images: LatentImages, current: Any, outputs: Sequence[Any]) -> None:
    """`current` is the state with the recipe that is shown; `outputs` are it, its picture and its line."""
    gr.HTML(note(HELP))
    far = gr.Slider(0.05, 1.0, 0.3, step=0.05, label="How far", elem_id="far")
    first = images.neighbours(images.first_recipe(), far.value, COUNT)
    recipes = gr.State(first)
    shown = gallery("Neighbours", 4, value=_items(images, first), elem_id="neighbours")
    problem = gr.HTML()

    @refusing(3)
    def near(recipe: Recipe, share: float) -> Any:
        found = images.neighbours(recipe, share, COUNT)
        return found, _items(images, found), ""

    @refusing(3)
    def choose(found: list[Recipe], event: gr.SelectData) -> Any:
        recipe = chosen(found, event)
        return recipe, picture(images.image(recipe), recipe), note(recipe)

    for moved in (current, far):
        moved.change(near, [current, far], [recipes, shown, problem], **QUICK)
    shown.select(choose, recipes, list(outputs), **BUTTON)


def _items(images: LatentImages, recipes: Sequence[Recipe]) -> list[tuple[Any, str]]:
    return [(as_rgb(images.image(recipe)), f"to seed {recipe.towards}") for recipe in recipes]

"""Style mixing (Karras et al. 2019, 3.1): the first layers of one image, the later ones of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jgan.explore.events import BUTTON, QUICK
from jgan.explore.galleries import chosen, gallery
from jgan.explore.latent_images import LatentImages
from jgan.explore.offline import gr
from jgan.explore.recipes import Mix, Recipe
from jgan.explore.shown import as_rgb, note, picture, refusing

COUNT = 10
LAST_FIRST_SEED = 9_990
COARSE, FINE = "coarse", "fine"
HELP = (
    "Choose an image for the coarse styles, which say what is shown and where, then one for the fine ones, which say "
    "how it looks. The slider says where the fine ones begin."
)


def add_mixing(images: LatentImages) -> tuple[Any, Any]:
    """Gives the button that keeps the image, and the state with its recipe."""
    gr.HTML(note(HELP))
    first = _sources(images, 0)
    sources, mix = gr.State(first), gr.State(Mix(first[0], first[1], images.layers // 2))
    seed = gr.Slider(0, LAST_FIRST_SEED, 0, step=COUNT, label="First seed of the row", elem_id="row")
    role = gr.Radio([COARSE, FINE], value=COARSE, label="The next choice is the source of the", elem_id="role")
    shown = gallery("Sources", 5, value=_items(images, first), elem_id="sources")
    layer = gr.Slider(
        0, images.layers, images.layers // 2, step=1, label=f"Fine from layer, of {images.layers}", elem_id="layer"
    )
    result = gr.HTML(picture(images.image(mix.value), mix.value), elem_classes="picture", elem_id="mix")
    line = gr.HTML(note(mix.value), elem_id="mix-line")
    keep = gr.Button("Keep this one", elem_id="keep-mix")

    @refusing(3)
    def row(start: int) -> Any:
        found = _sources(images, start)
        return found, _items(images, found), note("")

    @refusing(4)
    def choose(found: list[Recipe], now: Mix, kind: str, event: gr.SelectData) -> Any:
        source = chosen(found, event)
        wanted = Mix(source, now.fine, now.layer) if kind == COARSE else Mix(now.coarse, source, now.layer)
        return wanted, FINE if kind == COARSE else COARSE, picture(images.image(wanted), wanted), note(wanted)

    @refusing(3)
    def move(now: Mix, start: int) -> Any:
        wanted = Mix(now.coarse, now.fine, int(start))
        return wanted, picture(images.image(wanted), wanted), note(wanted)

    seed.change(row, seed, [sources, shown, line], **QUICK)
    shown.select(choose, [sources, mix, role], [mix, role, result, line], **BUTTON)
    layer.change(move, [mix, layer], [mix, result, line], **QUICK)
    return keep, mix


def _sources(images: LatentImages, start: int) -> list[Recipe]:
    return [images.seeded(int(start) + index) for index in range(COUNT)]


def _items(images: LatentImages, recipes: Sequence[Recipe]) -> list[tuple[Any, str]]:
    return [(as_rgb(images.image(recipe)), f"seed {recipe.seed}") for recipe in recipes]

"""The controls of a run of latents, and the recipe that they say."""

from __future__ import annotations

import functools
from typing import Any

from jgan.explore.latent_images import LatentImages
from jgan.explore.offline import gr
from jgan.explore.recipes import Recipe
from jgan.types import UserError

LARGEST_SEED = 9_999
FEW_CLASSES = 12  # that are buttons; more are a list that is searched by typing
THE_SEEDS = "the seed's"
CAPTION_LETTERS = 1_000


class Controls:
    """The components, in the order in which `recipe` takes their values."""

    def __init__(self, images: LatentImages) -> None:
        self._images = images
        self._names: list[str] = []
        self.components: list[Any] = []
        first = images.first_recipe()
        self.seed = self._add("seed", gr.Slider(0, LARGEST_SEED, first.seed, step=1, label="Seed", elem_id="seed"))
        self._add_condition(first)
        self._add_truncation()

    def recipe(self, *values: Any) -> Recipe:
        """What the controls say.

        Raises:
          UserError: values that they cannot have.
        """
        given = dict(zip(self._names, values, strict=True))
        seed = _whole("seed", given["seed"])
        truncation, cutoff = given.get("truncation"), given.get("cutoff")
        if truncation is not None and truncation >= (self._images.most_truncation or 0.0):
            truncation = None
        if truncation is None or cutoff == self._images.layers:
            cutoff = None
        return Recipe(
            seed,
            label=self._label(seed, given.get("class")),
            caption=self._caption(given.get("caption")),
            truncation=None if truncation is None else float(truncation),
            truncation_cutoff=None if cutoff is None else _whole("truncation cutoff", cutoff),
        )

    def _label(self, seed: int, index: int | None) -> str | None:
        """The class of an index, of which 0 and none are the seed's own."""
        if not index:
            return self._images.label_of(seed)
        return self._images.classes[index - 1]

    def _caption(self, given: Any) -> str | None:
        if given is None:
            return None
        if self._images.captions == "vectors":
            return str(_whole("caption", given))
        text = " ".join(str(given).split())
        if len(text) > CAPTION_LETTERS:
            raise UserError(f"the caption: {len(text):,} letters; expected at most {CAPTION_LETTERS:,}")
        return text

    def _add(self, name: str, component: Any) -> Any:
        self._names.append(name)
        self.components.append(component)
        return component

    def _add_condition(self, first: Recipe) -> None:
        images = self._images
        if images.classes:
            choices = [THE_SEEDS, *images.classes]
            kind = gr.Radio if len(images.classes) <= FEW_CLASSES else functools.partial(gr.Dropdown, filterable=True)
            self._add("class", kind(choices, value=THE_SEEDS, type="index", label="Class", elem_id="class"))
        if images.captions == "words":
            shown = ", ".join(images.words[:40]) + (", ..." if len(images.words) > 40 else "")
            box = gr.Textbox(
                first.caption, label="Caption", info=f"Words of this run: {shown}", max_lines=2, elem_id="caption"
            )
            self._add("caption", box)
        if images.captions == "vectors" and images.number_of_vectors > 1:
            last = images.number_of_vectors - 1
            self._add("caption", gr.Slider(0, last, 0, step=1, label="Caption, by its row in the file"))

    def _add_truncation(self) -> None:
        images = self._images
        if images.most_truncation is not None:
            most = images.most_truncation
            label = f"Truncation (at {most:g}: none)"
            slider = gr.Slider(0.05, most, most, step=0.05, label=label, elem_id="truncation")
            self._add("truncation", slider)
        if images.layers > 1:
            label = f"Layers that are truncated, of {images.layers}"
            self._add("cutoff", gr.Slider(1, images.layers, images.layers, step=1, label=label, elem_id="cutoff"))


def _whole(name: str, value: Any) -> int:
    """Raises UserError for what is no whole number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise UserError(f"{name}: expected a whole number")
    return int(value)

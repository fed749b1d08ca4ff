"""Images of a run of latents by recipe, one at a time, as fast as the page asks for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jgan.config import Config
from jgan.explore.recipes import AnyRecipe, Between, Mix, Recipe
from jgan.inference.given_captions import GivenCaptions, encode_captions, given_texts, vectors_of_file
from jgan.inference.weights import NEWEST, Weights, read_vocabulary
from jgan.latents.interpolate import lerp, slerp
from jgan.latents.neighbours import beside
from jgan.latents.space import LatentSpace
from jgan.types import UserError

STEPS = 3  # images that are made to prepare
STYLE_RANGE, NORMAL_RANGE = 1.0, 3.0  # largest truncations that do something


class Code(NamedTuple):
    """What an image comes from: styles [layers, w] of a StyleGAN, else latents [z], and the label or caption's row."""

    values: np.ndarray
    label: np.ndarray | None
    truncation: float | None  # that chooses a BigGAN's statistics


class LatentImages:
    """The images of a run of latents.

    Attributes:
      space: of the run.
      classes: the names of its classes, or their numbers; empty where it has none.
      most_truncation: from which on nothing is truncated; None where latents cannot be.
      layers: of styles; 0 where the run has none.
    """

    def __init__(
        self, config: Config, workdir: Path, weights: Weights = NEWEST, embeddings: Path | None = None
    ) -> None:
        """Reads the weights.

        Raises:
          UserError: the run does not start from latents, has no such checkpoint, or needs other captions.
        """
        self.space = LatentSpace(config, workdir, weights, batch_size=1)
        game = self.space.game
        self.classes = self.space.class_titles
        self.layers = self.space.style_shape[0] if self.space.has_styles else 0
        self.most_truncation = self._most_truncation()
        self.captions = game.captions
        self.words: tuple[str, ...] = ()
        if self.captions == "words":
            self.words = tuple(word for word in read_vocabulary(workdir, weights).words if word)
        given = None if embeddings is None else vectors_of_file(embeddings)
        self._vectors: np.ndarray | None = None
        if self.captions == "vectors" or given is not None:
            self._vectors = encode_captions(game, given, lambda: read_vocabulary(workdir, weights))

    @property
    def number_of_vectors(self) -> int:
        """How many vectors of captions there are to choose from."""
        return 0 if self._vectors is None else len(self._vectors)

    def first_recipe(self) -> Recipe:
        """What the page begins with."""
        caption = {"none": None, "words": " ".join(self.words[:1]), "vectors": "0"}[self.captions]
        return Recipe(0, label=self.label_of(0), caption=caption)

    def seeded(self, seed: int) -> Recipe:
        """The first recipe with another seed, and its class."""
        return dataclasses.replace(self.first_recipe(), seed=seed, label=self.label_of(seed))

    def prepare(self, after_step: Callable[[], object]) -> None:
        """Compiles what the page runs, by running it once."""
        recipe = self.first_recipe()
        truncation = None if self.most_truncation is None else self.most_truncation / 2
        for wanted in (recipe, dataclasses.replace(recipe, truncation=truncation), Between(recipe, recipe, 0.5)):
            self.image(wanted)
            after_step()

    def image(self, wanted: AnyRecipe) -> np.ndarray:
        """The image uint8 [h, w, c] of a recipe.

        Raises:
          UserError: a seed out of range, an unknown class or word, or a truncation that this run does not take.
        """
        code = self.code(wanted)
        if self.layers:
            return self.space.images_of_styles(code.values[None])[0]
        label = None if code.label is None else code.label[None]
        return self.space.images(code.values[None], label, code.truncation)[0]

    def code(self, wanted: AnyRecipe) -> Code:
        """What the image of a recipe comes from. Raises as `image`."""
        if isinstance(wanted, Between):
            return self._between(self.code(wanted.start), self.code(wanted.end), wanted.share)
        if isinstance(wanted, Mix):
            coarse, fine = self.code(wanted.coarse), self.code(wanted.fine)
            first = np.arange(self.layers)[:, None] < wanted.layer
            return coarse._replace(values=np.where(first, coarse.values, fine.values))
        return self._code(wanted)

    def label_of(self, seed: int) -> str | None:
        """The class that `jgan sample` gives a seed; None where the run has none."""
        return self.classes[seed % len(self.classes)] if self.classes else None

    def neighbours(self, recipe: Recipe, share: float, count: int) -> list[Recipe]:
        """Recipes on the way from one seed to the next ones."""
        return [dataclasses.replace(recipe, towards=recipe.seed + 1 + index, share=share) for index in range(count)]

    def _code(self, recipe: Recipe) -> Code:
        truncation = recipe.truncation
        # A StyleGAN's truncation is that of its styles.
        latents = self.space.latents([recipe.seed], truncation)
        if recipe.towards is not None:
            others = self.space.latents([recipe.towards], truncation)
            latents = beside(self.space, latents, others, recipe.share, truncation)
        labels = self._labels(recipe)
        if not self.layers:
            return Code(latents[0], None if labels is None else labels[0], truncation)
        styles = self.space.styles(latents, labels)[0]
        return Code(self._truncated(styles, truncation, recipe.truncation_cutoff), None, truncation)

    def _labels(self, recipe: Recipe) -> np.ndarray | None:
        if self.captions == "vectors":
            assert self._vectors is not None, "refused otherwise"
            return self._vectors[[int(recipe.caption or 0)]]
        captions: GivenCaptions | None = None
        if self.captions == "words":
            captions = given_texts([recipe.caption or ""], "the caption")
        return self.space.labels([recipe.seed], None if recipe.label is None else [recipe.label], captions)

    def _truncated(self, styles: np.ndarray, truncation: float | None, cutoff: int | None) -> np.ndarray:
        """Styles [layers, w], the first ones moved towards their average (Karras et al. 2019, appendix B)."""
        if truncation is None:
            return styles
        first: int = cutoff or getattr(self.space.game, "truncation_cutoff", 0) or self.layers
        average = self.space.average_style
        moved = average + truncation * (styles - average)
        return np.where(np.arange(self.layers)[:, None] < first, moved, styles).astype(np.float32)

    def _between(self, start: Code, end: Code, share: float) -> Code:
        """Styles lie on a line, latents on an arc; the class or caption is that of the nearer end."""
        nearer = start if share < 0.5 else end
        straight = self.layers or self.space.game.latent_distribution == "uniform"  # which lie in a cube
        on_the_way = lerp if straight else slerp
        values = on_the_way(start.values[None], end.values[None], np.full((1, 1), share))[0]
        return nearer._replace(values=values.astype(np.float32))

    def _most_truncation(self) -> float | None:
        game = self.space.game
        try:
            game.check_truncation(STYLE_RANGE)
        except UserError:
            return None
        scaled = self.layers or game.truncation_tables or game.latent_distribution == "truncated_normal"
        return STYLE_RANGE if scaled else NORMAL_RANGE

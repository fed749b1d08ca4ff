"""The whole page of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jgan.config import Config
from jgan.explore.favourites_part import About
from jgan.explore.image_page import add_image_page
from jgan.explore.latent_images import STEPS, LatentImages
from jgan.explore.latent_page import add_latent_page
from jgan.explore.offline import gr
from jgan.explore.photo_images import PhotoImages
from jgan.explore.shown import note
from jgan.explore.training_page import add_training_page
from jgan.inference.weights import NEWEST, Weights
from jgan.reports.markup import element
from jgan.rundir.checkpoints import newest_step
from jgan.terminal import bars

KEPT_SECONDS = 3600  # that files of the page stay, at least


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What the page shows, and with what."""

    config: Config
    workdir: Path
    weights: Weights = NEWEST
    embeddings: Path | None = None


def make_page(chosen: Chosen, files: Path) -> Any:
    """The page as `gr.Blocks`, once all programs that it runs are compiled. `files` is a folder for its files.

    Raises:
      UserError: the run cannot be shown so.
    """
    title = chosen.workdir.resolve().name
    add_images = None if newest_step(chosen.workdir) is None else _prepared(chosen, files)
    with gr.Blocks(title=f"{title} - jgan", analytics_enabled=False, delete_cache=(600, KEPT_SECONDS)) as page:
        gr.HTML(element("h1", title, class_="title"))
        if add_images is None:
            gr.HTML(note("There is no checkpoint yet. Start the page again when there is one, to make images."))
            add_training_page(chosen.workdir)
            return page
        with gr.Tabs():
            with gr.Tab("Images"):
                add_images()
            with gr.Tab("Training"):
                add_training_page(chosen.workdir)
    return page


def _prepared(chosen: Chosen, files: Path) -> Callable[[], None]:
    """What adds the images to the page, when it is open, once their programs are compiled."""
    title = chosen.weights.title
    if chosen.config.game.generates_from != "latents":
        photos = PhotoImages(chosen.config, chosen.workdir, chosen.weights)
        with bars.bar(total=1, desc="preparing", unit="program") as bar:
            photos.prepare()
            bar.update()

        def add_photos() -> None:
            gr.HTML(note(f"{title} of step {photos.step:,}"))
            add_image_page(photos, files)

        return add_photos
    images = LatentImages(chosen.config, chosen.workdir, chosen.weights, chosen.embeddings)
    with bars.bar(total=STEPS, desc="preparing", unit="program") as bar:
        images.prepare(bar.update)

    def add_latents() -> None:
        gr.HTML(note(f"{title} of step {images.space.step:,}"))
        add_latent_page(images, About(chosen.workdir, chosen.weights.kind), files)

    return add_latents

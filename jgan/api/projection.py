"""Photos to latents and styles, on an opened run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jgan.api.arguments import checked
from jgan.config import Config
from jgan.inference.arrays import ImageLike, photo_of
from jgan.inference.given_captions import given_in_python
from jgan.inference.weights import Weights
from jgan.latents.project import usual_space
from jgan.latents.projection import BATCH_SIZE, STEPS, How, Projected, Projector
from jgan.latents.space import LatentSpace
from jgan.latents.starts import given_conditions
from jgan.latents.targets import fitted
from jgan.latents.working_file import WorkingFile


class Projecting:
    """What a `Run` does with photos."""

    config: Config
    _space: Callable[[Weights], LatentSpace]  # with these weights; kept

    @checked
    def project(
        self,
        images: Sequence[ImageLike] | np.ndarray,
        *,
        space: str | None = None,
        steps: int = STEPS,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        seed: int = 0,
        batch_size: int = BATCH_SIZE,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> Projected:
        """The latents or styles whose images are most like photos, as `jgan latents project` finds them.

        `images` are files, images of Pillow, or arrays uint8, or floats in [-1, 1], [h, w] or [h, w, c]; or an array
        [n, h, w, c]. `space` is "z", "w" or "w+" (default: w of StyleGANs, z of other runs). `labels` and `captions`
        are taken in turn, one an image; without labels all classes are tried.

        Raises:
          UserError: images that cannot be read, or settings that the run does not allow.
        """
        latents = self._space(Weights(raw, best, step))
        how = How(space or usual_space(latents), steps, batch_size, seed)
        how.check(latents)
        photos = fitted([photo_of(image, "images") for image in images], latents.image_shape, self.config.data)
        conditions = given_conditions(latents, len(photos), labels, given_in_python(captions))
        projector = Projector(latents, how, self.config.data.background)
        return projector(photos, conditions, WorkingFile(None, ""))

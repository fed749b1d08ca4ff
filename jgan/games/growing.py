"""The game of latents to images of growing resolution: ProGAN (Karras et al. 2018, https://arxiv.org/abs/1710.10196).

Section 2: a stage for each resolution. At its start the new layers fade in, while the real images fade from what the
stage before has seen. The state holds the layers of all stages from the start on, so its shape never changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from jgan.games.latent import LatentGAN
from jgan.games.networks import StepInputs
from jgan.layers.resample import average_pool, crossfade, upsample
from jgan.types import Array, Batch, LossOutput, PyTree, Rngs, ScheduledStage, Stage, TrainState, UserError

FIRST_RESOLUTION = 4


@dataclasses.dataclass(frozen=True)
class GrowingGAN(LatentGAN):
    """Both networks take the keywords `resolution`, a number, and `fade`, a scalar, or None where nothing fades."""

    def growth(self, stage: ScheduledStage, step: Array) -> Mapping[str, Any]:
        """The stage's resolution, and how much of its newest layers shows after so many steps."""
        return {"resolution": stage.resolution, "fade": stage.fade(step) if stage.fade_images else None}

    def step_inputs(self, stage: ScheduledStage, state: TrainState, batch: Batch, rngs: Rngs) -> StepInputs:
        """Real images have as much detail as the fake ones, as in the authors' code."""
        inputs = super().step_inputs(stage, state, batch, rngs)
        share = inputs.growth["fade"]
        if share is None:
            return inputs
        return inputs._replace(images=crossfade(upsample(average_pool(inputs.images)), inputs.images, share))

    def discriminator_loss(
        self, stage: ScheduledStage, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs
    ) -> LossOutput:
        """As of every game of latents, with the metric `fade`."""
        loss, (metrics, state) = super().discriminator_loss(stage, params, state, batch, rngs)
        return loss, (metrics | {"fade": stage.fade(state.step)}, state)

    def check_truncation(self, truncation: float) -> None:
        """Raises UserError: latents are scaled to one length, so there are no rare ones to leave out."""
        del truncation
        raise UserError("--truncation: this run's latents have one length, there is nothing to truncate; leave it out")

    def _check_stages(self, stages: tuple[ScheduledStage, ...]) -> None:
        before = 0
        for index, stage in enumerate(stages):
            _check_growth(f"stages[{index}]", stage, before)
            before = stage.resolution


def _check_growth(path: str, stage: Stage, before: int) -> None:
    """Raises UserError unless the stage goes on from the resolution before, 0 if it is the first."""
    if not stage.adversarial:
        raise UserError(f"{path}.adversarial: this family has no such stage; leave the field as it was")
    if before and stage.resolution not in (before, 2 * before):
        raise UserError(
            f"{path}.resolution={stage.resolution}: the stage before has {before}; expected that, or {2 * before}"
        )
    if stage.fade_images and stage.resolution != 2 * before:
        raise UserError(f"{path}.fade_images={stage.fade_images}: the stage has no new layers to fade in; set it to 0")
    images = stage.steps * stage.batch_size
    if stage.fade_images > images:
        raise UserError(
            f"{path}.fade_images={stage.fade_images}: the stage ends after {images} images, before its layers are in; "
            f"set it to at most {images}"
        )


def growing_stages(
    resolution: int,
    batch_sizes: Mapping[int, int],
    fade_images: int,
    steady_images: int,
    learning_rate_scales: Mapping[int, float] | None = None,
    last_images: int = 0,
    first_resolution: int = FIRST_RESOLUTION,
) -> tuple[Stage, ...]:
    """A stage for each resolution from the first up to `resolution`; each begins with optimizers as new.

    `batch_sizes` and `learning_rate_scales` (of those left out: 1) go by resolution. All stages but the first fade
    their layers in, and all train for `steady_images` then, the last for `last_images` more.

    Raises:
      UserError: a resolution is not 4 times a power of 2, has no batch size, or the first one is above the last.
    """
    sides = [FIRST_RESOLUTION << level for level in range(max(resolution, first_resolution).bit_length())]
    for name, side in (("resolution", resolution), ("first_resolution", first_resolution)):
        if side not in sides:
            raise UserError(f"growing_stages({name}={side}): expected 4, 8, 16, 32, ...")
    if first_resolution > resolution:
        raise UserError(f"growing_stages(first_resolution={first_resolution}): expected at most {resolution}")
    stages = []
    for side in sides[sides.index(first_resolution) : sides.index(resolution) + 1]:
        if side not in batch_sizes:
            raise UserError(f"growing_stages(batch_sizes=...): expected one for the resolution {side}")
        fading = fade_images if side > first_resolution else 0
        images = fading + steady_images + (last_images if side == resolution else 0)
        stages.append(
            Stage(
                steps=-(-images // batch_sizes[side]),
                batch_size=batch_sizes[side],
                resolution=side,
                name=f"{side}x{side}",
                fade_images=fading,
                learning_rate_scale=(learning_rate_scales or {}).get(side, 1.0),
                reset_optimizers=side > first_resolution,
            )
        )
    return tuple(stages)

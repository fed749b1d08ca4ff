"""Configs of image-to-image runs: Pix2Pix on pairs and tasks, CycleGAN between two domains, SRGAN."""

from __future__ import annotations

from typing import Any

from jgan.autoconfig.calls import Call
from jgan.autoconfig.parts import Context, Parts, common_rows, row, sampling
from jgan.autoconfig.sizes import Size
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.errors import counted
from jgan.families.cyclegan import cyclegan
from jgan.families.pix2pix import pix2pix
from jgan.families.srgan import msrgan
from jgan.tasks.config import COLOUR_TASKS, TaskConfig
from jgan.types import Stage, UserError

PATCHED = 1_024  # pixels: sides of files up to here are cheap enough to decode for each patch
AT_OWN_SCALE = ("denoising", "deblurring", "super_resolution", "blind_super_resolution")  # depend on the pixels' size
TASKS: dict[str, dict[str, Any]] = {  # what a task draws, as its config in configs/ has it
    "inpainting": {"mask": "strokes"},
    "denoising": {"noise": 50.0, "least_noise": 5.0},
    "deblurring": {"blur": 3.0, "least_blur": 1.0},
}
FEW = 100  # images, or pairs
MULTIPLE = 8  # of which their sides are one, whatever the scale
SMALLEST_LARGE = 16  # pixels of a side of the large images of super-resolution
BATCH_OF_TASK = 8  # images: tasks have many, and few cores
JITTER = 9 / 8  # as 286 pixels to 256
EMA_IMAGES = 1_000.0  # half-life of the average, of runs of minutes
RECEPTIVE_FIELDS = ((128, 70), (64, 34), (16, 16))  # of the discriminator's patches, by resolution
BLOCKS = ((256, 9), (128, 6), (16, 3))  # of CycleGAN's translators


def pairs_to_images(context: Context) -> Parts:
    """Pix2Pix, on pairs or on what a task makes of images."""
    task, size = context.wishes.task, context.sizes.pairs
    if task and not context.machine.accelerator:
        size = size._replace(batch_size=BATCH_OF_TASK)
    resolution, why_resolution = context.resolution(size)
    fit, why_fit = _fit(context, resolution, patches=not task or task in AT_OWN_SCALE)
    data, why_channels = _data(context, fit)
    downs = min(8, resolution.bit_length() - 1 - (fit == "patch"))
    field = _by_resolution(RECEPTIVE_FIELDS, resolution)
    keywords = {"downs": downs, "channels": size.channels, "image_channels": data["channels"], "receptive_field": field}
    keep = {"keep_known": True} if task == "inpainting" else {}
    game = Call(pix2pix, (), {**keywords, **keep, "test_as_trained": False})
    rows = (
        row("resolution", f"{resolution} x {resolution}", why_resolution, "--resolution"),
        row("fit", fit, why_fit, "--config.data.fit"),
        row("channels", data["channels"], why_channels, "--config.data.channels"),
        _direction(context),
    )
    return _run(context, size, resolution, game, data, rows)


def domain_to_domain(context: Context) -> Parts:
    """CycleGAN."""
    size = context.sizes.domains
    resolution, why_resolution = context.resolution(size)
    fit, why_fit = context.fit()
    data, why_channels = _data(context, fit)
    blocks, field = _by_resolution(BLOCKS, resolution), _by_resolution(RECEPTIVE_FIELDS, resolution)
    keywords: dict[str, Any] = {"blocks": blocks, "channels": size.channels}
    keywords |= {"image_channels": (data["channels"],) * 2, "receptive_field": field}
    rows = (
        row("resolution", f"{resolution} x {resolution}", why_resolution, "--resolution"),
        row("fit", fit, why_fit, "--config.data.fit"),
        row("channels", data["channels"], why_channels, "--config.data.channels"),
        row("blocks", blocks, "of each translator, by the resolution", "--resolution"),
    )
    return _run(context, size, resolution, Call(cyclegan, (), keywords), data, rows)


def small_to_large(context: Context) -> Parts:
    """SRGAN as BasicSR has it: first the mean absolute error alone, then against a discriminator."""
    size, wide = context.sizes.super_resolution, bool(context.machine.accelerator)
    scale, (resolution, why_resolution) = (4 if wide else 2), _large(context, size)
    fit, why_fit = _fit(context, resolution, patches=True)
    data, why_channels = _data(context, fit)
    data |= {"rotate": True, "task": Call(TaskConfig, (context.wishes.task,), {"scale": scale})}
    discriminator = (
        {"discriminator_channels": 64, "hidden": 1024} if wide else {"discriminator_channels": 24, "hidden": 256}
    )
    game = Call(msrgan, (), {"scale": scale, "channels": size.channels, "blocks": 16 if wide else 8, **discriminator})
    rows = (
        row("scale", scale, "times larger", "--config.data.task.scale --config.game.generator.scale"),
        row("resolution", f"{resolution} x {resolution}", f"of the large images: {why_resolution}", "--resolution"),
        row("fit", fit, why_fit, "--config.data.fit"),
        row("channels", data["channels"], why_channels, "--config.data.channels"),
    )
    return _run(context, size, resolution, game, data, rows, pretraining=True)


def _large(context: Context, size: Size) -> tuple[int, str]:
    """The side of the large images, and why: no longer than the images', which would be enlarged otherwise.

    Raises:
      UserError: the images are too small to be made smaller and larger again.
    """
    data = context.data
    if context.wishes.resolution:
        return context.wishes.resolution, "as asked for"
    side, images = min(data.width, data.height), f"the images are {data.width} x {data.height}"
    if side < SMALLEST_LARGE:
        raise UserError(
            f"--task={context.wishes.task}: {data.source}: {images}; expected sides of {SMALLEST_LARGE} pixels at "
            "least, since these are made smaller and enlarged again"
        )
    if side >= size.resolution:
        return size.resolution, f"what {context.machine.title} can do; {images}"
    return side // MULTIPLE * MULTIPLE, images


def _by_resolution(table: tuple[tuple[int, int], ...], resolution: int) -> int:
    return next(value for least, value in table if resolution >= least)


def _fit(context: Context, resolution: int, *, patches: bool) -> tuple[str, str]:
    """Patches at the images' own scale where they can be cut, whole images otherwise."""
    data = context.data
    if not patches or min(data.width, data.height) == resolution:
        return context.fit()
    if data.smallest < resolution:
        fit, reason = context.fit()
        return fit, f"one has a side of {data.smallest}, too short for patches; {reason}"
    if max(data.width, data.height) > PATCHED:
        fit, reason = context.fit()
        return fit, f"too large to cut patches at each step; {reason}"
    return "patch", f"squares of {resolution} cut at random: details keep their scale; crop shrinks whole images"


def _data(context: Context, fit: str) -> tuple[dict[str, Any], str]:
    """Fields of the DataConfig, and why it has these channels."""
    data, task = context.data, context.wishes.task
    channels, reason = context.channels()
    if task in COLOUR_TASKS:
        channels, reason = 3, "it makes colours" if task == "colorization" else "it takes images of three channels"
    fields: dict[str, Any] = {"source": data.source, "channels": channels, "fit": fit}
    if data.kind == "pairs":
        fields["input_channels"] = data.input_channels
        reason += f"; {data.input_channels} of the inputs"
    if fit != "patch" and task != "blind_super_resolution":
        fields["jitter"] = JITTER
    if task:
        fields["task"] = Call(TaskConfig, (task,), TASKS.get(task, {}))
    return fields | {"flip": True}, reason


def _direction(context: Context) -> Any:
    if context.wishes.task:
        return row("task", context.wishes.task, "as asked for", "--task")
    return row("direction", "a_to_b", "from A, or the left half, to B", "--config.data.direction")


def _run(
    context: Context,
    size: Size,
    resolution: int,
    game: Call,
    data: dict[str, Any],
    rows: tuple,
    *,
    pretraining: bool = False,
) -> Parts:
    batch = context.batch_size(size.batch_size)
    steps, why_steps = context.steps(size, batch)
    seen = steps * batch
    shape = {"batch_size": batch, "resolution": resolution}
    if pretraining:
        first = max(1, 2 * steps // 3)
        stages = (
            Call(Stage, (), {"steps": first, **shape, "name": "pretraining", "adversarial": False}),
            Call(Stage, (), {"steps": max(1, steps - first), **shape, "name": "adversarial", "reset_optimizers": True}),
        )
        rates = {
            "learning_rate": 5e-4,
            "b1": 0.9,
            "b2": 0.99,
            "decay": "cosine",
            "decay_images": first * batch,
            "final_scale": 0.1,
        }
    else:
        stages = (Call(Stage, (), {"steps": steps, **shape}),)
        rates = {"learning_rate": 2e-4, "b1": 0.5, "decay": "linear"}
        rates |= {"decay_start_images": seen // 2, "decay_images": max(1, seen // 2)}
    adam = Call(AdamConfig, (), rates, variable="adam")
    config = Call(
        Config,
        (),
        {
            "game": game,
            "data": Call(DataConfig, (), data),
            "stages": stages,
            "generator_optimizer": adam,
            "discriminator_optimizer": adam,
            "ema": Call(EmaConfig, (), {"half_life_images": EMA_IMAGES}),
            **sampling(size, steps),
        },
    )
    mirrored = row(
        "flip", "true", "mirrored images are as good; false where left and right matter", "--config.data.flip"
    )
    rows = (*rows, context.width(size), mirrored, *common_rows(context, size, steps, why_steps, batch))
    return Parts(config, rows, _notes(context))


def _notes(context: Context) -> tuple[str, ...]:
    data, notes = context.data, []
    if data.count < FEW:
        nouns = {"pairs": ("pair",), "unpaired": ("image of a domain", "images of a domain")}.get(data.kind, ("image",))
        notes.append(
            f"Training on {counted(data.count, *nouns)} alone, the network may learn them by heart and do little for "
            "others. Keep some aside, look at what it makes of those, and add more if you can."
        )
    if context.wishes.task == "colorization" and data.gray:
        notes.append(
            f"{data.gray:,} of {data.count:,} images are gray: from them it learns to leave photos gray; take them out."
        )
    return tuple(notes)

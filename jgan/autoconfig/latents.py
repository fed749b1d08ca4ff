"""Configs of new images: a DCGAN without labels, with classes, or with captions, held by R1."""

from __future__ import annotations

import dataclasses
from typing import Any

from jgan.autoconfig.calls import Call
from jgan.autoconfig.parts import Context, Parts, common_rows, row, sampling
from jgan.autoconfig.plan import Choice
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, EmaConfig
from jgan.families.cgan import conditional_dcgan
from jgan.families.dcgan import Discriminator, dcgan
from jgan.families.text import text
from jgan.types import Stage

ENOUGH = 5_000  # images, from which on none is augmented
FEW = 500  # images that can be learned by heart
POLICY = ("color", "translation", "cutout")
LATENTS, R1_EVERY = 64, 8  # as configs/quickstart.py has them
R1_GRAY, R1_COLOUR = 0.1, 1.0  # gamma at 32 x 32
UNBALANCED = 10  # times that the largest class is as large as the smallest
NARROW = 32  # channels; networks up to here take a higher rate
EMA_SHARE = 40  # of the run is the half-life of the average


def latents_to_images(context: Context) -> Parts:
    """Images from latents, by class where the family has classes."""
    resolution, channels, gamma, rows = _networks(context)
    conditional = context.family == "conditional_dcgan"
    shape = {"resolution": resolution, "channels": context.sizes.latents.channels}
    if conditional:
        keywords = {"image_channels": channels, "num_classes": context.data.num_classes, "r1_gamma": gamma}
        game = Call(conditional_dcgan, (), {**shape, **keywords})
    else:
        networks = Call(dcgan, (), {**shape, "image_channels": channels})
        discriminator = Call(Discriminator, (), {**shape, "norm": "none"})
        fields = {"latent_distribution": "normal", **_penalty(gamma)}
        game = Call(dataclasses.replace, (networks,), {"discriminator": discriminator, **fields})
    augment, why = _augmentation(context)
    if augment:
        game = Call(dataclasses.replace, (game,), {"augment": augment})
    policy = row("augmentation", ", ".join(augment) or "none", why, "--config.game.augment")
    return _run(context, game, resolution, channels, (*rows, policy), _notes(context, conditional=conditional))


def captions_to_images(context: Context) -> Parts:
    """Images from latents and captions, as configs/text_digits.py has it."""
    resolution, channels, gamma, rows = _networks(context)
    size, data = context.sizes.latents, context.data
    words = (
        {"embedding_features": data.embedding_features} if data.embedding_features else {"vocabulary": data.vocabulary}
    )
    keywords = {
        "resolution": resolution,
        "generator_channels": size.channels,
        "discriminator_channels": size.channels,
        "image_channels": channels,
    }
    keywords |= {**words, "generator_text_features": 16, "discriminator_norm": "none"}
    game = Call(text, (), keywords)
    game = Call(dataclasses.replace, (game,), _penalty(gamma))
    what = f"vectors of {data.embedding_features} numbers" if data.embedding_features else f"{data.vocabulary:,} words"
    captions = row("captions", what, "as the data have them", "SOURCE")
    return _run(context, game, resolution, channels, (*rows, captions), _notes(context, conditional=False))


def _networks(context: Context) -> tuple[int, int, float, tuple[Choice, ...]]:
    """Resolution, channels, R1's gamma, and the rows that say so."""
    resolution, why_resolution = context.resolution(context.sizes.latents)
    channels, why_channels = context.channels()
    fit, why_fit = context.fit()
    gamma = (R1_GRAY if channels == 1 else R1_COLOUR) * (resolution / 32) ** 2
    rows = (
        row("resolution", f"{resolution} x {resolution}", why_resolution, "--resolution"),
        row("fit", fit, why_fit, "--config.data.fit"),
        row("channels", channels, why_channels, "--config.data.channels"),
        row("R1 gamma", f"{gamma:g}", "holds the discriminator; grows with the pixels", "--config.game.r1_gamma"),
    )
    return resolution, channels, gamma, rows


def _penalty(gamma: float) -> dict[str, Any]:
    return {"latent_dim": LATENTS, "r1_gamma": gamma, "r1_every": R1_EVERY}


def _augmentation(context: Context) -> tuple[tuple[str, ...], str]:
    """DiffAugment's policy, and why."""
    count = context.data.count
    if count >= ENOUGH:
        return (), f"{count:,} images are enough without"
    return POLICY, f"{count:,} images are few: the discriminator sees them, and the generated ones, changed at random"


def _run(
    context: Context, game: Call, resolution: int, channels: int, rows: tuple[Choice, ...], notes: tuple[str, ...]
) -> Parts:
    size, data = context.sizes.latents, context.data
    batch = context.batch_size(size.batch_size)
    steps, why_steps = context.steps(size, batch)
    half_life = max(500, batch * steps // EMA_SHARE)
    rate = 1e-3 if size.channels <= NARROW else 2e-4
    adam = Call(AdamConfig, (), {"learning_rate": rate, "b1": 0.0, "b2": 0.99}, variable="adam")
    config = Call(
        Config,
        (),
        {
            "game": game,
            "data": Call(DataConfig, (), {"source": data.source, "channels": channels, "fit": context.fit()[0]}),
            "stages": (Call(Stage, (), {"steps": steps, "batch_size": batch, "resolution": resolution}),),
            "generator_optimizer": adam,
            "discriminator_optimizer": adam,
            "ema": Call(EmaConfig, (), {"half_life_images": float(half_life)}),
            **sampling(size, steps),
        },
    )
    average = row(
        "average", f"{half_life:,}", "images of half-life, a fortieth of the run", "--config.ema.half_life_images"
    )
    return Parts(
        config, (*rows, context.width(size), *common_rows(context, size, steps, why_steps, batch), average), notes
    )


def _notes(context: Context, *, conditional: bool) -> tuple[str, ...]:
    data, notes = context.data, []
    if data.count < FEW:
        notes.append(
            f"{data.count} images can be learned by heart: samples may be copies. The discriminator sees all images "
            "changed (augmentation), which delays it; look at samples beside their nearest training images "
            "(nearest.png of the command evaluate), stop when they become copies, and add images if you can."
        )
    sizes = data.class_sizes
    if conditional and sizes and max(sizes) > UNBALANCED * max(min(sizes), 1):
        notes.append(
            f"the largest class has {max(sizes):,} images, the smallest {min(sizes):,}: samples of small classes will "
            "vary little; each class is seen as often as the data have it."
        )
    return tuple(notes)

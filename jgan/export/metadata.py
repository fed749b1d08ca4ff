"""What an exported file says of itself: inputs, classes, licence as given, and where it comes from, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jgan import __version__
from jgan.config import Config
from jgan.configuration.data import to_data
from jgan.export.network import OUTPUT, Input
from jgan.inference.weights import Weights, digest_of, read_numbering, read_vocabulary
from jgan.rundir.atomic_files import as_json
from jgan.types import Player, UserError

MAX_LICENCE = 200  # characters


def check_licence(licence: str | None) -> None:
    """Raises UserError for what is no line of text."""
    if licence is not None and not (licence.strip() and licence.isprintable() and len(licence) <= MAX_LICENCE):
        raise UserError(
            f"--license: expected a name of at most {MAX_LICENCE} characters, such as apache-2.0; leave it out where "
            "none is known"
        )


def metadata_of(
    config: Config,
    workdir: Path,
    weights: Weights,
    player: Player,
    step: int,
    licence: str | None,
    inputs: Sequence[Input] = (),
) -> dict[str, Any]:
    """The metadata of an exported generator, or of its weights where it has no inputs, without what a comparison finds.

    Of the machine it tells nothing: the run's directory goes by its name, and the config's data are left out.
    """
    stated: dict[str, Any] = {}
    if inputs:
        stated |= {"inputs": [field._asdict() for field in inputs], "output": OUTPUT}
    stated |= {
        "run": workdir.resolve().name,
        "network": to_data(getattr(config.game, "generator")),  # noqa: B009  # of latents or of images
        "step": step,
        "weights": weights.kind + (", best checkpoint" if weights.best else ""),
        "weights_sha256": digest_of(player),
        "jgan": __version__,
        "jax": jax.__version__,
    }
    if config.game.num_classes:
        names = read_numbering(workdir, weights).names
        stated["classes"] = names or [str(number) for number in range(config.game.num_classes)]
    if config.game.captions == "words":
        stated["vocabulary"] = read_vocabulary(workdir, weights).words
    if licence is not None:
        stated["license"] = licence
    return stated


def as_texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """For fields that hold texts alone: what is none becomes JSON."""
    return {name: value if isinstance(value, str) else as_json(value, indent=None) for name, value in metadata.items()}

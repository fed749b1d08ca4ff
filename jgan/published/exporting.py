"""Networks of a run as files that other code bases read: the inverse of an import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jgan.config import Config
from jgan.families import stylegan, stylegan2, stylegan3
from jgan.inference.weights import Weights, restore_state
from jgan.interop import stylegan as of_stylegan
from jgan.interop import stylegan2 as of_stylegan2
from jgan.interop import stylegan3 as of_stylegan3
from jgan.interop.safetensors import write_safetensors
from jgan.rundir.atomic_files import replacing, writing
from jgan.types import Player, PyTree, UserError

Tensors = Mapping[str, np.ndarray]


class Written(NamedTuple):
    """The networks that a code base has, and how their variables become its tensors."""

    generators: tuple[type[nn.Module], ...]
    discriminators: tuple[type[nn.Module], ...]
    write: Callable[[PyTree], Tensors]


def _write_npz(path: Path, tensors: Tensors) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(tensors))


NAMES = ("G_ema", "G", "D")
FORMATS = {
    "stylegan": Written((stylegan.Generator,), (stylegan.Discriminator,), of_stylegan.write),
    "stylegan2": Written((stylegan2.Generator,), (stylegan2.Discriminator,), of_stylegan2.write),
    "stylegan3": Written((stylegan3.Generator,), (stylegan2.Discriminator,), of_stylegan3.write),
}
FILES: dict[str, Callable[[Path, Tensors], None]] = {"safetensors": write_safetensors, "npz": _write_npz}


def export_networks(
    config: Config, workdir: Path, format_name: str, kind: str, out: Path, weights: Weights
) -> list[Path]:
    """Writes G_ema, G and D of a run's checkpoint to the directory `out`, each a file of this kind; their paths.

    `format_name` is one of FORMATS, `kind` one of FILES.

    Raises:
      UserError: the run has other networks, no such checkpoint, or the directory has such files or cannot be written.
    """
    game: Any = config.game
    written = FORMATS[format_name]
    generator, discriminator = game.generator, game.discriminator
    if not isinstance(generator, written.generators):
        raise UserError(
            f"--format={format_name}: it has no such generator as this run ({type(generator).__module__}."
            f"{type(generator).__name__}); expected one of {', '.join(kind.__module__ for kind in written.generators)}"
        )
    if out.exists() and not out.is_dir():
        raise UserError(f"--out={out}: is a file; expected a directory")
    if there := [name for name in NAMES if (out / f"{name}.{kind}").exists()]:
        raise UserError(f"--out={out}: holds {there[0]}.{kind} already; choose another directory, or move it away")
    state, _ = restore_state(config, workdir, weights)
    players = [state.generator.averaged(), state.generator]
    if isinstance(discriminator, written.discriminators):
        players.append(state.discriminator)
    networks = [written.write(_variables(player)) for player in players]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, tensors in zip(NAMES, networks, strict=False):
        path = out / f"{name}.{kind}"
        with replacing(path) as partial:
            FILES[kind](partial, tensors)
        paths.append(path)
    return paths


def _variables(player: Player) -> PyTree:
    return jax.device_get({"params": player.params, **player.variables})

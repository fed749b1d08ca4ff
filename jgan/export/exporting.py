"""A run's generator as one file, compared with the run before it is there."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgan.config import Config
from jgan.configuration.ranges import check_count
from jgan.engine.matching import by_path
from jgan.errors import shown
from jgan.export.metadata import as_texts, check_licence, metadata_of
from jgan.export.network import Shapes, open_network
from jgan.export.onnx_file import as_bytes, check_libraries, make_onnx, run_onnx
from jgan.export.parity import TOLERANCE, check_parity
from jgan.export.stablehlo_file import make_stablehlo, run_stablehlo
from jgan.inference.weights import NEWEST, Weights, restore_generator
from jgan.interop.safetensors import read_safetensors, write_safetensors
from jgan.rundir.atomic_files import check_name, replacing, write_json
from jgan.rundir.new_directories import making_directory
from jgan.types import Player, UserError

FORMATS = ("onnx", "stablehlo", "safetensors")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be exported, and how."""

    format: str  # one of FORMATS
    weights: Weights = NEWEST
    batch_size: int | None = None  # None: any
    size: tuple[int, int] | None = None  # (height, width) of input images; None: any that the network takes
    direction: str | None = None  # of a run between two domains
    truncation: float | None = None  # fixed; None: of StyleGANs an input, else none
    licence: str | None = None  # as it is to be stated
    overwrite: bool = False

    def check(self) -> None:
        """Raises UserError for what no run can be exported as."""
        if self.format not in FORMATS:
            raise UserError(f"--format={self.format}: expected one of {', '.join(FORMATS)}")
        check_count("--batch_size", self.batch_size)
        for side in self.size or ():
            check_count("--size", side)
        check_licence(self.licence)
        of_program = {
            "--batch_size": self.batch_size,
            "--size": self.size,
            "--direction": self.direction,
            "--truncation": self.truncation,
        }
        given = [flag for flag, value in of_program.items() if value is not None]
        if self.format == "safetensors" and given:
            raise UserError(f"{given[0]}: safetensors hold weights alone, whatever they are used for; leave it out")
        if self.format == "onnx":
            check_libraries()


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written: its size, and how far its images are from the run's."""

    path: Path
    bytes: int
    difference: float  # the largest of any number, of images from -1 to 1; 0 of weights

    def __str__(self) -> str:
        compared = f"differs from the run by {self.difference:.2g} at most (float32 explains {TOLERANCE:.2g})"
        return f"{self.path}: {self.bytes:,} bytes, {compared if self.difference else 'the same to the last bit'}"


def export_run(config: Config, workdir: Path, out: Path, wanted: Wanted) -> Written:
    """Writes the generator of a run to the file `out`; of StableHLO also `out`.json with its metadata.

    It is compared with the run first; where it differs, nothing is written.

    Raises:
      UserError: the run cannot be exported so, or the file is there already or cannot be written.
    """
    wanted.check()
    _check_out(out, wanted)
    if wanted.format == "safetensors":
        return _export_weights(config, workdir, out, wanted)
    shapes = Shapes(wanted.batch_size, wanted.size)
    network = open_network(
        config, workdir, wanted.weights, shapes, direction=wanted.direction, truncation=wanted.truncation
    )
    metadata = metadata_of(
        config, workdir, wanted.weights, network.player, network.step, wanted.licence, network.inputs
    )
    what = f"--format={wanted.format}"
    if wanted.format == "onnx":
        model = make_onnx(network)
        difference = check_parity(network, functools.partial(run_onnx, model), what)
        data = as_bytes(model, as_texts(_with_comparison(metadata, difference)))
    else:
        data = make_stablehlo(network)
        difference = check_parity(network, functools.partial(run_stablehlo, data), what)
    with making_directory(out.parent, "--out"), replacing(out) as partial:
        partial.write_bytes(data)
        if wanted.format == "stablehlo":
            write_json(_beside(out), _with_comparison(metadata, difference))
    return Written(out, len(data), difference)


def _with_comparison(metadata: Mapping[str, Any], difference: float) -> dict[str, Any]:
    return {**metadata, "largest_difference": difference, "tolerance": TOLERANCE}


def _beside(out: Path) -> Path:
    """Where the metadata of StableHLO are: it has no place for any."""
    return out.with_name(f"{out.name}.json")


def _check_out(out: Path, wanted: Wanted) -> None:
    check_name(out, "--out")
    for path in (out, _beside(out)) if wanted.format == "stablehlo" else (out,):
        if path.exists() and not path.is_file():
            raise UserError(f"--out={path}: is there and is no file; expected the name of a new file")
        if path.exists() and not wanted.overwrite:
            raise UserError(f"--out={path}: is there already; choose another name, or replace it by --overwrite")


def _export_weights(config: Config, workdir: Path, out: Path, wanted: Wanted) -> Written:
    player, step = restore_generator(config, workdir, wanted.weights)
    tensors = _tensors(player)
    metadata = metadata_of(config, workdir, wanted.weights, player, step, wanted.licence)
    with making_directory(out.parent, "--out"), replacing(out) as partial:
        write_safetensors(partial, tensors, as_texts(metadata))
        _check_same(read_safetensors(partial), tensors)
        size = partial.stat().st_size
    return Written(out, size, 0.0)


def _tensors(player: Player) -> dict[str, np.ndarray]:
    """Flax's variables by path: "params/block_16/kernel"."""
    found: dict[str, Any] = by_path({"params": player.params, **player.variables})
    return {path: np.asarray(jax.device_get(leaf)) for path, leaf in found.items()}


def _check_same(read: Mapping[str, np.ndarray], written: Mapping[str, np.ndarray]) -> None:
    """Raises UserError where the file does not hold what was written, to the last bit."""
    wrong = [name for name, array in written.items() if name not in read or read[name].tobytes() != array.tobytes()]
    if wrong or len(read) != len(written):
        raise UserError(f"--out: {shown(wrong)} came back otherwise than written; is the disk in order?")

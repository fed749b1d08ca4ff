"""Directions that were found in a run, and their files: arrays of numbers, and what they come from as JSON."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jgan.inference.weights import digest_of
from jgan.interop.weights import read_weights
from jgan.latents.space import LatentSpace
from jgan.rundir.atomic_files import as_json, replacing_shared
from jgan.rundir.paths import given_path
from jgan.types import UserError
from jgan.untrusted.fields import (
    anything,
    check_fields,
    list_of,
    map_of,
    matching,
    number,
    one_of,
    optional,
    text,
    whole,
)
from jgan.untrusted.json_data import parse_json

KIND = "directions of jgan latents"
METHODS = ("ganspace", "sefa", "supervised")
SPACES = ("z", "w")
MOST = 2**16  # directions or dimensions of a file
UNIT = 1e-3  # how far from 1 the length of a direction may be
ABOUT = {
    "kind": one_of(KIND),
    "method": one_of(*METHODS),
    "space": one_of(*SPACES),
    "names": list_of(text(200), MOST),
    "measure": text(200),
    "values": list_of(number(), MOST),
    "layers": optional(list_of(whole(0, MOST), MOST)),
    "settings": map_of(anything(), 100),
    "run": text(),
    "step": whole(),
    "weights": matching("[0-9a-f]{64}", "a SHA-256"),
}


@dataclasses.dataclass(frozen=True)
class Directions:
    """Unit vectors in the latents or the styles of a run, best first.

    Attributes:
      vectors: float32 [k, z or w], each of length 1.
      scales: float32 [k], the standard deviation of the run's latents or styles along each: strength 1 is one of these.
      space: "z" or "w".
      method: "ganspace", "sefa" or "supervised".
      names: of each.
      measure: what `values` [k] are: a share of variance, an eigenvalue, an accuracy on images held out.
      layers: the styles that they were found for; None: all, or latents.
      settings: what they were found with.
      run, step, weights: the run's name, the step of its checkpoint, the SHA-256 of its generator.
    """

    vectors: np.ndarray
    scales: np.ndarray
    space: str
    method: str
    names: tuple[str, ...]
    measure: str
    values: tuple[float, ...]
    layers: tuple[int, ...] | None
    settings: dict[str, Any]
    run: str
    step: int
    weights: str

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, index: int) -> Directions:
        """One of them."""
        if not 0 <= index < len(self):
            raise UserError(f"there is no direction {index}; expected 0 to {len(self) - 1}")
        one = slice(index, index + 1)
        return dataclasses.replace(
            self,
            vectors=self.vectors[one],
            scales=self.scales[one],
            names=self.names[one],
            values=self.values[one],
        )

    def save(self, path: str | Path) -> None:
        """Writes an .npz, whole or not at all. Raises UserError where it cannot, or for another ending."""
        path = Path(path)
        if path.suffix != ".npz":
            raise UserError(f"--out={path}: expected a name that ends in .npz")
        about = {"kind": KIND, **{name: getattr(self, name) for name in ABOUT if name != "kind"}}
        packed = np.frombuffer(as_json(about, indent=None).encode(), np.uint8)
        with replacing_shared(path) as partial, partial.open("wb") as file:
            np.savez(file, about=packed, vectors=self.vectors, scales=self.scales)

    def check(self, space: LatentSpace, place: str) -> None:
        """Raises UserError, naming the `place` they come from, where they are not for latents or styles of this run.

        Warns where they were found with other weights.
        """
        if self.space == "w" and not space.has_styles:
            raise UserError(f"{place}: directions of styles, and this run has none; take directions of its latents")
        layers, size = space.style_shape if self.space == "w" else (0, space.game.latent_dim)
        if self.vectors.shape[1] != size:
            raise UserError(
                f"{place}: directions of {self.vectors.shape[1]} numbers, and this run's {self.space} has {size}; they "
                f"are of the run {self.run!r}; find some for this run with jgan latents directions"
            )
        if self.layers is not None and max(self.layers) >= max(layers, 1):
            raise UserError(f"{place}: directions of the styles of layer {max(self.layers)}, and this run has {layers}")
        if self.weights != digest_of(space.player):
            logging.getLogger("jgan").warning(
                "%s: found with other weights (run %r, step %d); they may do something else here",
                *(place, self.run, self.step),
            )


def load_directions(path: str | Path) -> Directions:
    """What `save` wrote; nothing in the file is executed.

    Raises:
      UserError: no such file, damaged, or no directions.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise UserError(f"{path}: expected a file of directions, which ends in .npz")
    arrays = read_weights(path)
    try:
        if arrays.keys() != {"about", "vectors", "scales"}:
            raise ValueError(f"it holds {', '.join(sorted(arrays)[:5])}")
        if arrays["about"].dtype != np.uint8 or arrays["about"].ndim != 1:
            raise ValueError(f"about is {arrays['about'].dtype} {list(arrays['about'].shape)}")
        about: Any = check_fields(parse_json(arrays["about"].tobytes()), ABOUT)
        vectors, scales = _checked(arrays["vectors"], arrays["scales"], about)
    except (KeyError, TypeError, ValueError, RecursionError, UserError) as error:
        raise UserError(
            f"{path}: not directions of jgan latents ({error}); find some with jgan latents directions"
        ) from None
    about.pop("kind")
    tuples = {name: tuple(about.pop(name)) for name in ("names", "values")}
    layers = about.pop("layers")
    return Directions(vectors, scales, layers=None if layers is None else tuple(layers), **tuples, **about)


def _checked(vectors: np.ndarray, scales: np.ndarray, about: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays. Raises ValueError where they are no unit vectors with a length each."""
    count = len(about["names"])
    if vectors.dtype != np.float32 or vectors.ndim != 2 or not vectors.size or len(vectors) != count:
        raise ValueError(f"vectors is {vectors.dtype} {list(vectors.shape)}; expected float32 [{count}, features]")
    if scales.dtype != np.float32 or scales.shape != (count,) or len(about["values"]) != count:
        raise ValueError(f"scales is {scales.dtype} {list(scales.shape)}; expected float32 [{count}], as many as names")
    if not np.isfinite(vectors).all() or (np.abs(np.linalg.norm(vectors, axis=1) - 1.0) > UNIT).any():
        raise ValueError("its vectors are not of length 1")
    if not np.isfinite(scales).all() or (scales < 0).any():
        raise ValueError("its scales are no positive numbers")
    if about["layers"] is not None and (about["space"] != "w" or not about["layers"]):
        raise ValueError("it has layers, which only styles have")
    return vectors, scales


def parse_direction(given: str, flag: str = "--direction") -> Directions:
    """The direction of FILE:3, or the first of FILE.

    Raises:
      UserError: no such file, damaged, or it has no such direction.
    """
    if not given:
        raise UserError(f"{flag}='': expected a file of directions")
    path, index = given_path(given), 0
    head, colon, tail = given.rpartition(":")
    if colon and not path.exists():
        if not (tail.isascii() and tail.isdigit() and len(tail) <= 9):
            raise UserError(f"{flag}={given}: expected FILE.npz or FILE.npz:3, the number of one of its directions")
        path, index = given_path(head), int(tail)
    try:
        return load_directions(path)[index]
    except UserError as error:
        raise UserError(f"{flag}: {error}") from None


def new_directions(of: LatentSpace, run: str, vectors: np.ndarray, scales: np.ndarray, **about: Any) -> Directions:
    """Directions of a run with their provenance; vectors [k, d] are made as long as 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = (vectors / np.where(lengths == 0.0, 1.0, lengths)).astype(np.float32)
    weights = digest_of(of.player)
    return Directions(vectors, scales.astype(np.float32), run=run, step=of.step, weights=weights, **about)


def check_counts(components: int, num: int) -> None:
    """Raises UserError for a number of directions or samples that there cannot be."""
    if not 1 <= components <= MOST:
        raise UserError(f"--components={components}: expected 1 to {MOST:,}")
    if not 10 <= num <= 10_000_000:
        raise UserError(f"--num={num}: expected 10 to 10,000,000 samples")


def deviations(samples: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The standard deviation [k] of samples [n, d] along vectors [k, d] made as long as 1."""
    lengths = np.linalg.norm(vectors, axis=1)
    along = samples.astype(np.float64) @ vectors.T / np.where(lengths == 0.0, 1.0, lengths)
    return along.std(axis=0)


def joined(names: Sequence[str]) -> str:
    """Names of directions that are moved along together."""
    return " + ".join(names)

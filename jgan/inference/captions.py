"""The captions that `jgan sample` is told to draw."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from jgan.data.captions import load_arrays
from jgan.games.latent import LatentGAN
from jgan.games.text import TextGAN
from jgan.inference.sampling import read_vocabulary
from jgan.types import UserError

FLAGS = ("caption", "captions", "embeddings")


def read_captions(game: LatentGAN, options: argparse.Namespace) -> np.ndarray | None:
    """Captions as the run's networks take them: word ids int32 [m, words], or vectors float32 [m, features].

    None for a run without captions.

    Raises:
      UserError: captions for such a run or none for another, the wrong kind, an unreadable file, an unknown word.
    """
    given = [name for name in FLAGS if getattr(options, name) is not None]
    if not isinstance(game, TextGAN):
        if given:
            raise UserError(f"--{given[0]}: this run was not trained on captions, it has none to draw")
        return None
    if options.labels is not None:
        raise UserError("--labels: this run draws captions, it has no classes to choose")
    if len(given) != 1:
        wanted = "--embeddings FILE.npz" if game.embedding_features else '--caption "..." or --captions FILE'
        found = f"--{given[0]} and --{given[1]} together" if given else "no caption"
        raise UserError(f"{found}: this run draws captions; give {wanted}")
    if game.embedding_features:
        if given != ["embeddings"]:
            raise UserError(f"--{given[0]}: this run was trained on vectors of captions; give --embeddings FILE.npz")
        return _read_vectors(options.embeddings, game.embedding_features)
    if given == ["embeddings"]:
        raise UserError("--embeddings: this run was trained on captions of words; give --caption")
    texts = [("--caption", text) for text in options.caption or ()] or _read_lines(options.captions)
    vocabulary = read_vocabulary(options.workdir, best=options.best)
    return np.stack([vocabulary.encode(text, place) for place, text in texts])


def _read_lines(path: Path) -> list[tuple[str, str]]:
    """(place, text) of every line that is not blank."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--captions={path}: cannot be read as UTF-8 text ({error})") from None
    found = [(f"{path}: line {number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise UserError(f"--captions={path}: holds no caption; expected one in each line")
    return found


def _read_vectors(path: Path, features: int) -> np.ndarray:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"--embeddings={path}: cannot be read ({error.strerror})") from None
    vectors = load_arrays(f"--embeddings={path}", data)["embeddings"]
    if vectors.shape[1] != features:
        raise UserError(f"--embeddings={path}: vectors of {vectors.shape[1]} numbers; this run takes {features}")
    return vectors

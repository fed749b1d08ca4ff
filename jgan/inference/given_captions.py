"""Captions to generate images from, as the networks of a run take them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jgan.data.captions import load_arrays
from jgan.data.vocabulary import Vocabulary
from jgan.games.latent import LatentGAN
from jgan.inference.given_arrays import floats
from jgan.types import UserError
from jgan.untrusted.bounded_read import MAX_TEXT_BYTES, read_file, reason


@dataclasses.dataclass(frozen=True)
class GivenCaptions:
    """Captions of words, or vectors of captions, read when they are known to be wanted; and the flag that gave them."""

    flag: str
    texts: Callable[[], Sequence[tuple[str, str]]] | None = None  # (place to name in an error, words)
    vectors: Callable[[], np.ndarray] | None = None  # [m, features]


def given_texts(texts: Sequence[str], flag: str = "--caption") -> GivenCaptions:
    """Captions of words as they are."""
    return GivenCaptions(flag, texts=lambda: [(flag, text) for text in texts])


def texts_of_file(path: Path) -> GivenCaptions:
    """A caption in every line that is not blank."""
    return GivenCaptions("--captions", texts=functools.partial(_read_lines, path))


def vectors_of_file(path: Path) -> GivenCaptions:
    """`embeddings` [m, features] of an .npz file."""
    return GivenCaptions("--embeddings", vectors=functools.partial(_read_vectors, path))


def given_in_python(captions: Sequence[str] | np.ndarray | None) -> GivenCaptions | None:
    """Captions of words, or one of them, or vectors, as an argument; None without any."""
    if captions is None:
        return None
    if isinstance(captions, np.ndarray):
        return GivenCaptions("captions", vectors=lambda: captions)
    return given_texts([captions] if isinstance(captions, str) else captions, "captions")


def _read_lines(path: Path) -> list[tuple[str, str]]:
    try:
        lines = read_file(path, MAX_TEXT_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--captions={path}: cannot be read as UTF-8 text ({reason(error)})") from None
    found = [(f"{path}: line {number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise UserError(f"--captions={path}: holds no caption; expected one in each line")
    return found


def _read_vectors(path: Path) -> np.ndarray:
    try:
        data = read_file(path)
    except OSError as error:
        raise UserError(f"--embeddings={path}: cannot be read ({reason(error)})") from None
    return load_arrays(f"--embeddings={path}", data)["embeddings"]


def encode_captions(
    game: LatentGAN, given: GivenCaptions | None, read_vocabulary: Callable[[], Vocabulary]
) -> np.ndarray | None:
    """Captions as the game's networks take them: word ids int32 [m, words], or vectors float32 [m, features].

    None for a game without captions. The vocabulary, that of the run, is only read for captions of words.

    Raises:
      UserError: captions for such a game or none for another, the wrong kind, an unreadable file, an unknown word.
    """
    if game.captions == "none":
        if given:
            raise UserError(f"{given.flag}: this run was not trained on captions, it generates images without them")
        return None
    if given is None:
        wanted = "--embeddings FILE.npz" if game.captions == "vectors" else '--caption "..." or --captions FILE'
        raise UserError(f"no caption: this run generates images from captions; give {wanted}")
    if game.captions == "words":
        if given.texts is None:
            raise UserError(f"{given.flag}: this run was trained on captions of words; give --caption")
        vocabulary = read_vocabulary()
        return np.stack([vocabulary.encode(text, place) for place, text in given.texts()])
    if given.vectors is None:
        raise UserError(f"{given.flag}: this run was trained on vectors of captions; give --embeddings FILE.npz")
    caption = game.example_caption()
    assert caption is not None, "its captions are vectors"
    vectors = floats(given.flag, given.vectors(), ("captions", caption.shape[1]))
    return np.asarray(vectors, np.float32)


def given_on_a_command_line(
    texts: Sequence[str] | None, file: Path | None, vectors: Path | None
) -> GivenCaptions | None:
    """What --caption, --captions or --embeddings give, of which there is one at most."""
    if texts:
        return given_texts(texts)
    if file:
        return texts_of_file(file)
    return vectors_of_file(vectors) if vectors else None

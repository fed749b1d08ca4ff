"""Captions of images, several to an image perhaps: word ids of a table's texts, or vectors of any encoder."""

from __future__ import annotations

import csv
import dataclasses
import io
import posixpath
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from jgan.data.labels import read_text
from jgan.data.names import by_normal_name, clean_name
from jgan.data.vocabulary import MAX_WORDS, Vocabulary, split_words, vocabulary_of
from jgan.interop.npz import NUMBERS, TEXTS, read_npz
from jgan.interop.refusal import ZIP_ERRORS
from jgan.types import UserError
from jgan.untrusted.normal_names import normal

TABLE = "captions.csv"
COLUMNS = ("file", "caption")

Read = Callable[[str], bytes]


@dataclasses.dataclass(frozen=True)
class Captions:
    """All captions of a data set. Image i has `counts[i]` of them, from row `starts[i]` of `rows` on."""

    rows: np.ndarray  # word ids int32 [m, words], or vectors float32 [m, features]
    texts: tuple[str, ...]  # [m]; () of vectors
    starts: np.ndarray  # int32 [images]
    counts: np.ndarray  # int32 [images], at least 1
    vocabulary: Vocabulary | None  # None of vectors

    def of(self, images: np.ndarray, visit: int) -> np.ndarray:
        """The caption of each image at a visit, see `caption_places`."""
        return self.rows[caption_places(self.starts, self.counts, images, visit)]

    def text(self, image: int) -> str:
        """The first caption of an image; of vectors, how many it has."""
        return self.texts[self.starts[image]] if self.texts else f"{self.counts[image]} vectors"

    def only(self, images: np.ndarray) -> Captions:
        """Those of some of the images; the vocabulary stays."""
        return dataclasses.replace(self, starts=self.starts[images], counts=self.counts[images])


def caption_places(starts: Any, counts: Any, images: Any, visit: Any) -> Any:
    """Rows of the captions that images have at a visit of them (an epoch): each image takes all of its own in turn.

    `starts`, `counts` int32 [images], the numbers `images` int32 [n]; NumPy's arrays or JAX's.
    """
    return starts[images] + (images + visit) % counts[images]


def captions_of_texts(images: Sequence[int], texts: list[str], count: int) -> Captions:
    """Captions, each of one word at least, of the images with the given numbers in [0, count); each image has one."""
    vocabulary = vocabulary_of(texts)
    order, starts, counts = _grouped(np.asarray(images), count)
    rows = np.stack([vocabulary.encode(texts[place], "a caption") for place in order])
    return Captions(rows, tuple(texts[place] for place in order), starts, counts, vocabulary)


def read_table(title: str, names: list[str], present: Iterable[str], read: Read) -> Captions:
    """Captions of the image files `names` from captions.csv beside all of them: columns file,caption.

    A file may have several rows. Raises UserError, naming table and line, for anything else, a row of no image and an
    image of no row.
    """
    folder, path = _find(title, names, set(present))
    place = f"{title}/{path}"
    rows = _parse(place, read_text(place, path, read))
    numbers = _numbers(place, names, folder)
    for line, name, _ in rows:
        if name not in numbers:
            raise UserError(f"{place}: line {line}: no image {name!r} is there; add it, or remove the row")
    images = [numbers[name] for _, name, _ in rows]
    _check_all(place, names, images, "caption")
    return captions_of_texts(images, [text for _, _, text in rows], len(names))


def read_vectors(file: str, title: str, names: list[str], present: Iterable[str], read: Read) -> Captions:
    """Vectors of captions from an .npz among the files: `files` [m] names, `embeddings` [m, features] numbers.

    Row i is a caption of the image `files[i]`, whose path is below the folder of the .npz; an image may have several.
    Nothing is unpickled.

    Raises:
      UserError: the file is not that, names an image that is not there, or leaves one out.
    """
    place = f"{title}/{file}"
    if file not in present:
        raise UserError(f"{place}: no such file; expected vectors of captions beside the images")
    try:
        listed, vectors = _named_vectors(place, read(file))
    except OSError as error:
        raise UserError(f"{place}: cannot be read ({error}); make it again") from None
    folder = posixpath.dirname(file)
    numbers = _numbers(place, names, folder)
    for row, name in enumerate(listed):
        if name not in numbers:
            raise UserError(f"{place}: files[{row}]: no image {name!r} is there; add it, or remove the row")
    images = [numbers[name] for name in listed]
    _check_all(place, names, images, "vector")
    order, starts, counts = _grouped(np.asarray(images), len(names))
    return Captions(vectors[order], (), starts, counts, None)


def _numbers(place: str, names: list[str], folder: str) -> dict[str, int]:
    """The number of each image, by its normal name below a folder. Raises UserError where two look alike."""
    by_normal_name(place, names)
    return {normal(posixpath.relpath(name, folder or ".")): number for number, name in enumerate(names)}


def _find(title: str, names: list[str], present: set[str]) -> tuple[str, str]:
    """The folder and the path of the table: at the top, or in the deepest folder that holds all images."""
    base = posixpath.commonpath([posixpath.dirname(name) for name in names])
    for folder in dict.fromkeys(("", base)):
        path = posixpath.join(folder, TABLE)
        if path in present:
            return folder, path
    raise UserError(f"{title}: has no {TABLE}; add one with the columns {','.join(COLUMNS)}")


def _parse(place: str, text: str) -> list[tuple[int, str, str]]:
    """(line, file, caption) of every row of a table."""
    rows = csv.reader(io.StringIO(text), skipinitialspace=True, strict=True)
    found = []
    try:
        header = [column.strip() for column in next(rows, [])]
        if sorted(header) != sorted(COLUMNS):
            raise UserError(f"{place}: line 1: its columns are {header}; expected {','.join(COLUMNS)}")
        for row in rows:
            if row:
                found.append(_parse_row(f"{place}: line {rows.line_num}", rows.line_num, header, row))
    except csv.Error as error:
        raise UserError(f"{place}: line {rows.line_num}: not CSV ({error}); correct it") from None
    if not found:
        raise UserError(f"{place}: holds no caption; expected a row for each image")
    return found


def _parse_row(place: str, line: int, header: list[str], row: list[str]) -> tuple[int, str, str]:
    if len(row) != len(COLUMNS):
        raise UserError(f"{place}: {len(row)} columns, expected {len(COLUMNS)}; put quotes around a text with commas")
    values = dict(zip(header, row, strict=True))
    name, caption = normal(clean_name(values["file"].strip())), values["caption"].strip()
    words = len(split_words(caption))
    if not words:
        raise UserError(f"{place}: {name or 'a row'} has no caption; add it, or remove the row")
    if words > MAX_WORDS:
        raise UserError(f"{place}: the caption of {name} has {words} words; expected at most {MAX_WORDS}; shorten it")
    return line, name, caption


def load_arrays(place: str, data: bytes) -> dict[str, np.ndarray]:
    """`embeddings` float32 [m, features], and `files` [m] where it is there, of the bytes of an .npz.

    Nothing is unpickled. Raises UserError, which begins with `place`, for anything else.
    """
    try:
        found = read_npz(data, NUMBERS + TEXTS)
    except (OSError, *ZIP_ERRORS) as error:
        raise UserError(f"{place}: not a plain .npz of arrays ({error}); save it with numpy.savez") from None
    vectors = found.get("embeddings", np.zeros(0, bool))
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or 0 in vectors.shape:
        kind = f"{vectors.dtype} {list(vectors.shape)}" if "embeddings" in found else "not there"
        raise UserError(f"{place}: `embeddings` is {kind}; expected floats [captions, features]")
    with np.errstate(over="ignore"):  # what float32 does not hold is refused below
        found["embeddings"] = vectors.astype(np.float32)
    finite = np.isfinite(found["embeddings"]).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise UserError(f"{place}: `embeddings`[{row}] has numbers that are not finite in float32; make it again")
    return found


def _named_vectors(place: str, data: bytes) -> tuple[list[str], np.ndarray]:
    """The file of each vector, and the vectors float32 [m, features]."""
    arrays = load_arrays(place, data)
    files, vectors = arrays.get("files", np.zeros(0)), arrays["embeddings"]
    if files.dtype.kind != "U" or files.shape != vectors.shape[:1]:
        kind = f"{files.dtype} {list(files.shape)}" if "files" in arrays else "not there"
        raise UserError(f"{place}: `files` is {kind}; expected the names of {len(vectors)} image files, one a vector")
    return [normal(clean_name(str(name))) for name in files], vectors


def _check_all(place: str, names: list[str], images: list[int], what: str) -> None:
    missing = np.setdiff1d(np.arange(len(names)), images)
    if missing.size:
        first = names[missing[0]]
        raise UserError(f"{place}: no {what} for {missing.size} of {len(names)} images, {first} first; add them")


def _grouped(images: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order that brings captions of one image together, and each image's first place and number there."""
    counts = np.bincount(images, minlength=count).astype(np.int32)
    starts = (np.cumsum(counts) - counts).astype(np.int32)
    return np.argsort(images, kind="stable"), starts, counts

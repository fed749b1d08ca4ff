"""Small data of the right kind under the names that the documents' commands have: photos, pairs, domains, captions."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import docs_weights
import numpy as np
from PIL import Image

COLORS = ("red", "yellow", "white")


def furnish(folder: Path, text: str) -> None:
    """Makes what the text names and the folder lacks."""
    named = [name for name in MAKERS if re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w.-])", text)]
    for name in named:
        if not (folder / name).exists():
            MAKERS[name](folder / name)


def photo(seed: int, width: int = 320, height: int = 288, tint: Sequence[int] = (0, 0, 0)) -> Image.Image:
    """Smooth colours with an edge through them; no two seeds give the same."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 7, 3), np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    rows, columns = np.mgrid[:height, :width]
    beyond = (rows * random.normal() + columns * random.normal())[..., None] > 0
    return Image.fromarray(np.clip(np.where(beyond, pixels, pixels // 2) + np.asarray(tint), 0, 255).astype(np.uint8))


def _photos(
    folder: Path, count: int = 72, *, seed: int = 0, tint: Sequence[int] = (0, 0, 0), mixed: bool = True
) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        # Sides are multiples of 12, as the pixels that references of super-resolution are cut to.
        width, height = (300 + 12 * (index % 4), 288 + 24 * (index % 3)) if mixed else (300, 300)
        photo(seed + index, width, height, tint).save(folder / f"{index}.png")


def _classes(names: Sequence[str], each: int) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for index, name in enumerate(names):
            _photos(folder / name, each, seed=1000 * index, tint=(60 * index, 0, -60 * index))

    return make


def _maps(folder: Path) -> None:
    for split, count in (("train", 8), ("val", 4)):
        (folder / split).mkdir(parents=True)
        for index in range(count):
            left = photo(index + 100 * len(split), 300, 300)
            both = Image.new("RGB", (600, 300))
            both.paste(left, (0, 0))
            both.paste(left.convert("L"), (300, 0))
            both.save(folder / split / f"{index}.jpg")


def _domains(folder: Path) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA", "testB")):
        _photos(folder / name, 8 - 4 * (number // 2), seed=100 * number, tint=(80 * (number % 2), 0, 0))


def _captions(folder: Path) -> None:
    _photos(folder, 24)
    names = sorted(path.name for path in folder.glob("*.png"))
    with (folder / "captions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "caption"])
        table.writerows([name, f"a {COLORS[index % 3]} bird"] for index, name in enumerate(names))
    vectors = np.random.default_rng(0).standard_normal((len(names), 12)).astype(np.float32)
    np.savez(folder / "clip.npz", embeddings=vectors, files=np.array(names))


def _texts(path: Path) -> None:
    path.write_text("a red bird\na white bird\n")


def _mask(path: Path) -> None:
    mask = np.zeros((288, 320), np.uint8)
    mask[100:150, 120:200] = 255
    Image.fromarray(mask).save(path)


def _vectors(path: Path) -> None:
    np.savez(path, embeddings=np.random.default_rng(1).standard_normal((3, 12)).astype(np.float32))


def _weights(make: Callable[[], docs_weights.Tensors]) -> Callable[[Path], None]:
    return lambda path: docs_weights.save_pth(make(), path)


MAKERS: dict[str, Callable[[Path], None]] = {
    "photos": _photos,
    "flowers": _classes(("daisy", "rose", "tulip"), 60),
    "imagenet": _classes(("n01440764", "n01443537"), 4),
    "maps": _maps,
    "horse2zebra": _domains,
    "aerial": lambda path: _photos(path, 3),
    "horses": lambda path: _photos(path, 2),
    "held_out": lambda path: _photos(path, 4, seed=500),
    "drawn": lambda path: _photos(path, 3, seed=550),
    "Set5": lambda path: _photos(path, 5, seed=600),
    "A": lambda path: _photos(path, 16, seed=700, mixed=False),
    "B": lambda path: _photos(path, 16, seed=800, mixed=False),
    "birds": _captions,
    "captions.txt": _texts,
    "wanted.npz": _vectors,
    "horse.jpg": lambda path: photo(1).save(path),
    "photo.png": lambda path: photo(2).save(path),
    "mask.png": _mask,
    "small.png": lambda path: photo(3, 96, 80).save(path),
    **{name: _weights(make) for name, make in docs_weights.FILES.items()},
}

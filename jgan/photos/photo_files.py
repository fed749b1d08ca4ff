"""Image files of any size in and out: colours, their profile, transparency and depth stay what they are.

Pillow has no colours of 16 bits, so PNG and TIFF files of that depth are read and written by OpenCV.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from jgan.data.folders import is_image, scan
from jgan.data.pixels import EXIF_ORIENTATION, EXIF_PLACES, decode, to_mode
from jgan.photos.profiles import SPACES, profile_space, with_profile
from jgan.rundir.paths import nearest_path
from jgan.tasks.degrade import LUMA
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.images import BrokenImageError, open_image, reason_of
from jgan.untrusted.normal_names import normal
from jgan.untrusted.png_texts import without_texts

DEEP_FORMATS = ("PNG", "TIFF")  # that may hold 16 bits a colour
WITH_PREVIEWS = ("MPO",)  # one photo of a camera, and smaller ones of the same
OPAQUE = 255
UPRIGHT = {  # an orientation of EXIF: what turns [h, w, c] upright
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: lambda array: np.rot90(array, 1),
}

# Of what it cannot decode we tell ourselves, in one line.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Photo:
    """An image in memory: colours [h, w, 1 or 3], and, where it has some, transparency [h, w, 1]; uint8 or uint16."""

    colors: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes = b""  # ICC, as its file had it: of CMYK, the colours here are RGB all the same

    @property
    def most(self) -> int:
        """The largest value: 255 or 65,535."""
        return int(np.iinfo(self.colors.dtype).max)

    @property
    def is_colored(self) -> bool:
        """Whether any pixel is not gray."""
        return bool((self.colors != self.colors[:, :, :1]).any())

    def levels(self, channels: int) -> np.ndarray:
        """What `of_levels` makes a photo of again: the colours, and behind them, of 4 channels, transparency."""
        if channels < 4:
            return self.colors
        alpha = np.full_like(self.colors[:, :, :1], self.most) if self.alpha is None else self.alpha
        return np.concatenate([self.colors, alpha], axis=2)

    def with_channels(self, channels: int) -> np.ndarray:
        """The colours as float32 [h, w, channels] in [-1, 1]: grays in all three, or colours as ITU-R 601 luma.

        The fourth channel is transparency, 1 where the photo has none.
        """
        values = _in_units(self.colors)
        if channels == 4:
            alpha = np.ones_like(values[:, :, :1]) if self.alpha is None else _in_units(self.alpha)
            return np.concatenate([self.with_channels(3), alpha], axis=2)
        if values.shape[2] == channels:
            return values
        return np.repeat(values, channels, axis=2) if channels > 1 else values @ np.array(LUMA, np.float32)[:, None]


def of_levels(levels: np.ndarray, channels: int) -> Photo:
    """The photo, or a part of it, whose `Photo.levels(channels)` these are."""
    colors = levels.shape[2] - (channels == 4)
    return Photo(levels[:, :, :colors], levels[:, :, colors:] if channels == 4 else None)


def _in_units(values: np.ndarray) -> np.ndarray:
    """Levels of 8 or 16 bits as float32 in [-1, 1]."""
    return values.astype(np.float32) * (2.0 / np.iinfo(values.dtype).max) - 1.0


def image_files(path: Path, field: str) -> list[tuple[Path, Path]]:
    """(file, path below the folder) of a file or of all images below a folder, in name order.

    Raises:
      UserError: there is none.
    """
    if path.is_file():
        return [(path, Path(path.name))]
    if not path.is_dir():
        hint = nearest_path(path)
        raise UserError(f"{field}={path}: no such file or folder; give an image, or a folder of images{hint}")
    names = [name for name in scan(path, f"{field}={path}") if is_image(name)]
    if not names:
        raise UserError(f"{field}={path}: no image there; expected files such as .png or .jpg")
    return sorted((path / name, Path(name)) for name in names)


def stem_of(path: Path) -> Path:
    """The path without its ending, by which files of equal names find each other."""
    return Path(normal(str(path.with_suffix(""))))


def by_stem(files: list[tuple[Path, Path]], field: str) -> dict[Path, Path]:
    """{`stem_of` its path below the folder: file} of `image_files`.

    Raises:
      UserError: two files differ in their endings alone, or look alike.
    """
    found: dict[Path, Path] = {}
    for file, relative in files:
        stem = stem_of(relative)
        if stem in found:
            raise UserError(f"{field}: {found[stem]} and {file} have the same name; remove one of them")
        found[stem] = file
    return found


def read_photo(path: Path) -> Photo:
    """The image of a file, upright; of several frames or pages the first, with a warning.

    Raises:
      UserError: it cannot be read; the message begins with the path.
    """
    with _naming(path):
        data = without_texts(read_file(path))
        with open_image(data) as image:
            kind, orientation, profile = image.format, _orientation(image), image.info.get("icc_profile") or b""
            if kind not in WITH_PREVIEWS and _has_more_frames(image):
                logger.warning("%s: holds more than one frame or page; only the first is used", path)
            hidden = image.info.get("transparency") if image.mode == "I;16" else None
        deep = _read_deep(data, orientation, hidden) if kind in DEEP_FORMATS else None
        return dataclasses.replace(deep or of_pillow(decode(data)), profile=profile)


def photo_size(path: Path) -> tuple[int, int]:
    """Height and width as the file says, before it is turned upright. Raises UserError as `read_photo` does."""
    with _naming(path), open_image(read_file(path)) as image:
        return image.height, image.width


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns what is wrong with a file into a UserError that begins with its path."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except BrokenImageError as error:
        raise UserError(f"{path}: {error}") from None


def _has_more_frames(image: Image.Image) -> bool:
    try:
        return getattr(image, "is_animated", False)
    except Exception:  # whatever Pillow raises on bad data
        raise BrokenImageError("its second frame is damaged") from None


def _orientation(image: Image.Image) -> int:
    """Of a PNG, which OpenCV does not turn, as EXIF numbers it; 1, upright, of others."""
    if image.format != "PNG" or not image.info.keys() & EXIF_PLACES:
        return 1
    try:
        return image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # whatever Pillow raises on bad data
        raise BrokenImageError("its EXIF data are damaged") from None


def _read_deep(data: bytes, orientation: int, hidden: int | None) -> Photo | None:
    """A photo of 16 bits, turned; None of other depths, which Pillow reads.

    `hidden` is the gray level of a PNG that is transparent, which OpenCV does not look at; it does at a colour.
    """
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:  # OpenCV has limits of its own
        raise BrokenImageError(reason_of(error)) from None
    if array is None or array.dtype != np.uint16:
        return None
    array = array[:, :, None] if array.ndim == 2 else array
    array = np.ascontiguousarray(UPRIGHT.get(orientation, lambda array: array)(array))
    if array.shape[2] == 2:
        return Photo(array[:, :, :1], array[:, :, 1:])
    if hidden is not None:
        return Photo(array, np.where(array == hidden, 0, np.iinfo(array.dtype).max).astype(array.dtype))
    colors = array[:, :, :3][:, :, ::-1] if array.shape[2] >= 3 else array
    return Photo(np.ascontiguousarray(colors), array[:, :, 3:] if array.shape[2] == 4 else None)


def of_pillow(image: Image.Image) -> Photo:
    """The photo that an image of Pillow holds, of 8 bits."""
    if image.has_transparency_data:
        array = np.asarray(image.convert("RGBA"))
        return Photo(array[:, :, :3], array[:, :, 3:])
    gray = image.mode in ("1", "L", "I", "I;16", "I;16B", "I;16L")
    array = np.asarray(to_mode(image, 1 if gray else 3, OPAQUE))
    return Photo(array[:, :, None] if gray else array)


def encoded(path: Path, photo: Photo) -> bytes:
    """A PNG, for `path`, of the photo's depth; a profile of other colours is left out, with a warning.

    Raises:
      UserError: OpenCV cannot encode it.
    """
    colors = photo.colors
    if photo.alpha is not None:
        colors = np.repeat(colors, 3, axis=2) if colors.shape[2] == 1 else colors
        colors = np.concatenate([colors, photo.alpha], axis=2)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[colors.shape[2]]
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(colors[:, :, order]))
    if not encoded:
        raise UserError(f"{path}: cannot be encoded as PNG")
    png, space = data.tobytes(), SPACES[colors.shape[2]]
    if photo.profile and profile_space(photo.profile) == space:
        png = with_profile(png, photo.profile)
    elif photo.profile:
        found = profile_space(photo.profile)
        logger.warning("%s: is %s and has no colour profile; that of its input, %s, is left out", path, space, found)
    return png


def output_paths(files: list[tuple[Path, Path]], out: Path) -> list[Path]:
    """Where the image of each file goes: below `out` as the file is below its folder, as PNG.

    Raises:
      UserError: two files would go to one place, or one is an input.
    """
    places: dict[Path, Path] = {}
    for file, relative in files:
        place = out / relative.with_suffix(".png")
        if place in places:
            raise UserError(f"--input: {places[place]} and {file} would both become {place}; rename one of them")
        places[place] = file
        if os.path.realpath(place) == os.path.realpath(file):
            raise UserError(f"--out={out}: {place} is an input itself; choose another directory")
    return list(places)

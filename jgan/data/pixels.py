"""Encoded or raw pixels of any size and mode to square uint8 arrays: decode, orient, convert, fit, resize.

Every image is resized at most once, with Pillow's LANCZOS filter, whose support grows with the reduction so that
it does not alias. Gray is ITU-R 601 luma; transparency is composed onto `background` unless four channels are asked
for, and then what is wholly transparent has that colour; 16-bit gray becomes round(v / 257).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image, ImageOps

from jgan.tasks.blind import degrade_blindly
from jgan.untrusted.images import BrokenImageError as BrokenImageError
from jgan.untrusted.images import open_image, reason_of

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
MAX_RESOLUTION = 8192  # pixels of a side that a prepared set may ask for: 200 MB an RGB image
# Of an example: where its patch is cut, from the top and from the left in 0 to 2**16, and a seed for degrading it.
CENTRE = (2**15, 2**15, 0)
EXIF_ORIENTATION = 0x0112
EXIF_PLACES = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}  # in Image.info; TIFF turns by itself
SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I")

Randomness = tuple[int, int, int]  # as CENTRE
Pixels = Image.Image | np.ndarray  # arrays: uint8 [h, w, c]
Pair = tuple[Pixels, Pixels]


@dataclasses.dataclass(frozen=True)
class Format:
    """The pixels that a stage asks for."""

    resolution: int
    channels: int  # 1, 3 or 4
    fit: str
    background: int
    input_channels: int = 0  # of pairs, those of the first image, which come before the others
    blind_scale: int = (
        0  # in place of a pair: the image degraded and this much smaller (tasks/blind.py), pixels repeated
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        inputs = self.channels if self.blind_scale else self.input_channels
        return (self.resolution, self.resolution, inputs + self.channels)


def decode(data: bytes) -> Image.Image:
    """The upright image of an encoded file (its first frame), in the mode that it is stored in.

    Raises BrokenImageError with the reason.
    """
    image = open_image(data)
    try:
        image.load()
        if image.info.keys() & EXIF_PLACES and image.getexif().get(EXIF_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
    except Exception as error:  # as above: whatever a decoder raises on bad data, the file is to blame
        raise BrokenImageError(reason_of(error)) from None
    return image


def natural_channels(image: Image.Image) -> int:
    """Channels that keep what the image holds: 1 gray, 3 colour, 4 with transparency."""
    if image.has_transparency_data:
        return 4
    return 1 if image.mode in ("1", "L", *SIXTEEN_BIT_MODES) else 3


def to_mode(image: Image.Image, channels: int, background: int) -> Image.Image:
    """The image in mode L, RGB or RGBA for 1, 3 or 4 channels.

    Raises BrokenImageError on pixels whose range is unknown (floats, 32-bit integers).
    """
    if image.mode == MODES[channels] and "transparency" not in image.info:
        return image
    if image.mode in SIXTEEN_BIT_MODES:
        image = _eight_bit(image)
    elif image.mode == "RGB" and isinstance(hidden := image.info.get("transparency"), tuple) and max(hidden) > 255:
        image = _with_high_bytes(image)
    if image.mode == "F":
        raise BrokenImageError("float pixels have no known range; save it with 8 or 16 bits")
    if channels < 4 and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (background,) * 3 + (255,)), image)
    if channels == 1 and image.mode in ("CMYK", "LAB", "HSV", "YCbCr", "P", "RGBX"):
        image = image.convert("RGB")
    return image.convert(MODES[channels])


def _eight_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.dtype != np.uint16 and (values.min() < 0 or values.max() > 65535):
        raise BrokenImageError("32-bit pixels have no known range; save it with 8 or 16 bits")
    gray = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    hidden = image.info.get("transparency")
    if hidden is None:
        return gray
    return Image.merge("LA", (gray, Image.fromarray(np.where(values == hidden, 0, 255).astype(np.uint8))))


def _with_high_bytes(image: Image.Image) -> Image.Image:
    """A PNG of three times 16 bits, of which Pillow reads the high bytes, with the same of its transparent colour."""
    found = image.copy()
    found.info["transparency"] = tuple(level >> 8 for level in image.info["transparency"])
    return found


def to_square(image: Image.Image, fit: str, background: int) -> Image.Image:
    """The centre square ("crop"), the image centred in a square ("pad"), or the image itself ("stretch")."""
    width, height = image.size
    if width == height or fit == "stretch":
        return image
    side = min(width, height) if fit == "crop" else max(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if fit == "crop":
        return image.crop((left, top, left + side, top + side))
    colours = {"L": background, "RGB": (background,) * 3, "RGBA": (background,) * 3 + (0,)}
    square = Image.new(image.mode, (side, side), colours[image.mode])
    square.paste(image, (-left, -top))
    return square


def to_patch(image: Image.Image, resolution: int, randomness: Randomness) -> Image.Image:
    """A square of the image at its own scale, at a place as in CENTRE. Raises BrokenImageError where it is smaller."""
    if min(image.size) < resolution:
        raise BrokenImageError(f"{image.width} x {image.height} pixels, less than a patch of {resolution}")
    top, left = ((side - resolution + 1) * at >> 16 for side, at in zip(image.size[::-1], randomness, strict=False))
    return image.crop((left, top, left + resolution, top + resolution))


def to_pixels(image: Pixels | Pair, form: Format, randomness: Randomness = CENTRE) -> np.ndarray:
    """Pixels uint8 [r, r, c] of an image of any size and mode, or of pixels uint8 [h, w, c].

    Of a pair, and of an image beside what is degraded of it, both: the first one's channels come first.

    Raises BrokenImageError.
    """
    if form.blind_scale:
        pixels = to_pixels(image, dataclasses.replace(form, blind_scale=0), randomness)
        small = degrade_blindly(pixels, form.blind_scale, np.random.default_rng(randomness))
        repeated = small.repeat(form.blind_scale, axis=0).repeat(form.blind_scale, axis=1)
        return np.concatenate([repeated, pixels], axis=-1)
    if isinstance(image, tuple):
        forms = [dataclasses.replace(form, channels=c, input_channels=0) for c in (form.input_channels, form.channels)]
        return np.concatenate([to_pixels(side, of, randomness) for side, of in zip(image, forms, strict=True)], axis=-1)
    return _without_hidden_colours(_square_pixels(image, form, randomness), form.background)


def _without_hidden_colours(pixels: np.ndarray, background: int) -> np.ndarray:
    """Pixels uint8 [h, w, c] with the gray level of the background, of RGBA, where they are wholly transparent."""
    if pixels.shape[2] < 4:
        return pixels
    behind = np.array([background] * 3 + [0], np.uint8)
    return np.where(pixels[:, :, 3:] == 0, behind, pixels)


def _square_pixels(image: Pixels, form: Format, randomness: Randomness) -> np.ndarray:
    if isinstance(image, np.ndarray) and image.shape == form.shape:
        return image
    if form.fit == "patch":
        patch = to_patch(to_image(image), form.resolution, randomness)
        return np.asarray(to_mode(patch, form.channels, form.background)).reshape(form.shape)
    image = to_square(to_mode(to_image(image), form.channels, form.background), form.fit, form.background)
    size = (form.resolution, form.resolution)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(form.shape)


def natural_pixels(image: Pixels) -> np.ndarray:
    """Pixels uint8 [h, w, 3] of an image at its own size; transparency shows white.

    Raises BrokenImageError.
    """
    return np.asarray(to_mode(to_image(image), 3, background=255))


def to_image(image: Pixels) -> Image.Image:
    """An array as an image, an image as it is."""
    if isinstance(image, Image.Image):
        return image
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)

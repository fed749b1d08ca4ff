"""The one place where an image file is opened: only the formats named here, of limited size, are looked at at all.

Left to itself Pillow tries every format that it knows, and hands PostScript to Ghostscript, a program.
"""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path

from PIL import Image

from jgan.errors import UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.png_texts import without_texts

# Names of Pillow's; photos of several frames (MPO) are JPEGs to it.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
MAX_PIXELS = 2**27  # a 11,585 x 11,585 photograph; a few crafted kilobytes can declare far more

# Pillow's own limit is a warning for all of the process; `open_image` has its own, which names the size.
Image.MAX_IMAGE_PIXELS = None
# Of damaged TIFF files it warns with lines of its own source; what matters of them is an error as well.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
_registering = threading.Lock()


class BrokenImageError(Exception):
    """One image that cannot be used; the message is the reason."""


def open_image(data: bytes) -> Image.Image:
    """The image of an encoded file with its header read and its pixels still to decode.

    Raises BrokenImageError when the header is not an image's of FORMATS, or declares more than MAX_PIXELS pixels.
    """
    if not data:
        raise BrokenImageError("the file is empty")
    try:
        image = Image.open(io.BytesIO(without_texts(data)), formats=_known_formats())
    except Image.UnidentifiedImageError:
        raise BrokenImageError(f"not an image that can be read; expected {', '.join(FORMATS)}") from None
    except Exception as error:  # Pillow's plugins let struct, value and many other errors out of bad headers
        raise BrokenImageError(reason_of(error)) from None
    if image.width * image.height > MAX_PIXELS:
        raise BrokenImageError(f"{image.width} x {image.height} is more than {MAX_PIXELS:,} pixels")
    return image


def read_picture(path: Path, mode: str) -> Image.Image:
    """The picture of a file, its first frame, in a mode of Pillow's such as "RGB". Raises UserError."""
    try:
        with open_image(read_file(path)) as image:
            return image.convert(mode)
    except Exception as error:  # as above
        raise UserError(f"{path}: cannot be read as a picture ({reason_of(error)}); move it away") from None


def _known_formats() -> list[str]:
    """FORMATS without those that this build of Pillow lacks, of which `Image.open` would make a KeyError."""
    with _registering:  # one thread registers the formats, and none looks before they are all there
        Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def reason_of(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(f"{error}".split()) or type(error).__name__

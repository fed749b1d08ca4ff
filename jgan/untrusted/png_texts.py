"""PNG files without their texts: an image needs none but its orientation, and Pillow refuses one with large ones."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL import PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
PROFILE = b"iCCP"
ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # texts that may hold it
MOST = 2**24  # bytes of one of these, or of a colour profile, unpacked

PngImagePlugin.MAX_TEXT_CHUNK = MOST  # Pillow's own limit is 2**20, less than some colour profiles have


def without_texts(data: bytes) -> bytes:
    """The bytes of a PNG without texts, but for those that may hold its orientation.

    Such a text and a colour profile are left out as well where they have more than MOST bytes. Bytes that are no PNG's
    are returned as they are.
    """
    if not data.startswith(SIGNATURE) or not any(kind in data for kind in (*TEXTS, PROFILE)):
        return data
    return SIGNATURE + b"".join(data[start:end] for start, end in _chunks(data) if _is_kept(data[start:end]))


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each chunk begins and ends; what is left of a file that was cut short is one too."""
    start = len(SIGNATURE)
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")  # length, kind, content, checksum
        yield start, end
        start = end


def _is_kept(chunk: bytes) -> bool:
    kind, content = chunk[4:8], chunk[8:-4]
    if kind == PROFILE:
        return _unpacks_to_little(content.partition(b"\0")[2][1:])
    if kind not in TEXTS:
        return True
    keyword, _, rest = content.partition(b"\0")
    if keyword not in ORIENTATION or len(rest) > MOST:
        return False
    if kind == b"zTXt":
        return _unpacks_to_little(rest[1:])
    is_packed = kind == b"iTXt" and rest[:1] != b"\0"
    return not is_packed or _unpacks_to_little(rest[2:].split(b"\0", 2)[-1])


def _unpacks_to_little(packed: bytes) -> bool:
    try:
        return len(zlib.decompressobj().decompress(packed, MOST + 1)) <= MOST
    except zlib.error:
        return True  # Pillow leaves it alone

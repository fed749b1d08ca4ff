"""Texts of a PNG never make a sound image broken."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from jgan.data.pixels import decode
from jgan.photos.photo_files import read_photo
from jgan.untrusted.png_texts import MOST, SIGNATURE, without_texts

LEVELS = np.arange(12, dtype=np.uint8).reshape(3, 4)
LARGE = "x" * 2**21


def chunk(kind, content):
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png(*chunks, levels=LEVELS, **options):
    """A PNG with chunks before its pixels and again behind them."""
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG", **options)
    data, extra = file.getvalue(), b"".join(chunks)
    at, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return data[:at] + extra + data[at:end] + extra + data[end:]


PACKED = zlib.compress(LARGE.encode())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"zTXt", b"Comment\0\0" + PACKED),
        (b"zTXt", b"Comment\0\7" + PACKED),  # a method that nobody knows
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(MOST + 1))),
        (b"iTXt", b"Comment\0\1\0\0\0" + PACKED),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + PACKED),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(MOST + 1))),
        (b"tEXt", b"Comment\0" + LARGE.encode()),
        (b"tEXt", b"no separator"),
        (b"iCCP", b"profile\0\0" + PACKED),
        (b"iCCP", b"profile\0\0" + zlib.compress(bytes(MOST + 1))),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
def test_a_text_is_left_aside(dtype, kind, content, tmp_path):
    data = png(chunk(kind, content), levels=LEVELS.astype(dtype))
    np.testing.assert_array_equal(np.asarray(decode(data)), LEVELS)
    (tmp_path / "a.png").write_bytes(data)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").colors[:, :, 0], LEVELS)


def test_many_texts_are_too():
    data = png(*[chunk(b"tEXt", b"Comment\0" + LARGE.encode())] * 40)  # Pillow refuses 64 MiB of them
    np.testing.assert_array_equal(np.asarray(decode(data)), LEVELS)


def test_orientation_and_profile_stay(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    info = PngImagePlugin.PngInfo()
    raw = exif.tobytes()
    info.add_text("Raw profile type exif", f"\nexif\n{len(raw):8}\n{raw.hex()}\n", zip=True)
    info.add_text("Comment", LARGE, zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = tmp_path / "a.png"
    Image.fromarray(LEVELS).save(file, pnginfo=info, icc_profile=profile)
    photo = read_photo(file)
    np.testing.assert_array_equal(photo.colors[:, :, 0], np.rot90(LEVELS, -1))
    assert photo.profile == profile


def test_other_bytes_stay_as_they_are():
    plain = png()
    assert without_texts(plain) is plain
    for data in (b"", b"tEXt", SIGNATURE + b"tEXt", SIGNATURE + b"\0\0\0", b"\xff\xd8zTXt"):
        assert len(without_texts(data)) <= len(data)
    with_text = png(chunk(b"tEXt", b"Comment\0hello"))
    assert without_texts(with_text) == plain
    cut = with_text[: with_text.index(b"IDAT") + 6]
    assert without_texts(cut) == plain[: plain.index(b"IDAT") + 6]

"""Pixels of every kind of image, to the exact value."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from jgan.data.broken_files import check_files
from jgan.data.file_source import FileSource
from jgan.data.file_trees import FolderFiles
from jgan.data.pixels import BrokenImageError, Format, decode, natural_channels, to_pixels
from jgan.photos.photo_files import read_photo
from jgan.types import UserError

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOURS = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=-1)
ALPHA = np.full((8, 8), 128, np.uint8)
ALPHA[:4] = 255


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(image, channels, resolution=8, fit="crop", background=255, kind="PNG", **options):
    form = Format(resolution, channels, fit, background)
    return to_pixels(decode(encoded(image, kind, **options)), form)


def composed(colours, alpha, background):
    """Alpha over a background with Pillow's rounding left open: to one level."""
    share = alpha[..., None].astype(float) / 255
    return colours * share + background * (1 - share)


def test_gray_and_colour():
    gray, colour = Image.fromarray(RAMP), Image.fromarray(COLOURS)
    np.testing.assert_array_equal(pixels(gray, 1), RAMP[..., None])
    np.testing.assert_array_equal(pixels(gray, 3), np.repeat(RAMP[..., None], 3, axis=-1))
    np.testing.assert_array_equal(pixels(colour, 3), COLOURS)
    luma = COLOURS @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    np.testing.assert_allclose(pixels(colour, 1)[..., 0], luma, atol=0.51)
    opaque = pixels(colour, 4)
    np.testing.assert_array_equal(opaque[..., :3], COLOURS)
    assert (opaque[..., 3] == 255).all()


def test_one_bit_and_palette():
    bits = RAMP > 100
    np.testing.assert_array_equal(pixels(Image.fromarray(bits), 1)[..., 0], bits * 255)
    palette = Image.fromarray(RAMP // 4).copy()
    palette.putpalette(list(range(255, -1, -1)) * 3)
    expected = np.array(palette.convert("RGB"))
    np.testing.assert_array_equal(pixels(palette, 3), expected)
    np.testing.assert_allclose(pixels(palette, 1)[..., 0], expected @ np.array([0.299, 0.587, 0.114]), atol=0.51)


def test_sixteen_bit_gray_is_scaled():
    values = np.array([[0, 1, 128, 129], [256, 257, 386, 32896], [65000, 65406, 65407, 65535], [9, 99, 999, 9999]])
    values = values.astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        found = pixels(Image.fromarray(values), 1, resolution=4, kind=kind)[..., 0]
        np.testing.assert_array_equal(found, np.rint(values / 257))
    assert pixels(Image.fromarray(values), 3, resolution=4).shape == (4, 4, 3)


def test_transparency_shows_the_background():
    rgba = Image.fromarray(np.dstack([COLOURS, ALPHA]))
    for background in (255, 0, 100):
        expected = composed(COLOURS, ALPHA, background)
        np.testing.assert_allclose(pixels(rgba, 3, background=background), expected, atol=1)
    np.testing.assert_array_equal(pixels(rgba, 4)[..., 3], ALPHA)
    gray_alpha = Image.merge("LA", (Image.fromarray(RAMP), Image.fromarray(ALPHA)))
    np.testing.assert_allclose(pixels(gray_alpha, 1), composed(RAMP[..., None], ALPHA, 255), atol=1)
    palette = Image.fromarray(np.eye(8, dtype=np.uint8))
    palette.putpalette([200, 100, 50, 0, 0, 0])
    found = pixels(palette, 3, transparency=1)
    assert found[0, 0].tolist() == [255] * 3
    assert found[0, 1].tolist() == [200, 100, 50]
    keyed = pixels(Image.fromarray(COLOURS), 3, transparency=tuple(COLOURS[0, 0].tolist()), background=7)
    assert keyed[0, 0].tolist() == [7] * 3
    np.testing.assert_array_equal(keyed[1:], COLOURS[1:])


def test_cmyk():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # red
    assert pixels(cmyk, 3, kind="TIFF")[4, 4].tolist() == [255, 0, 0]
    assert pixels(cmyk, 1, kind="TIFF")[4, 4, 0] == 76


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation):
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    undo |= {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE}
    undo |= {8: Image.Transpose.ROTATE_270}
    stored = Image.fromarray(COLOURS)
    stored = stored.transpose(undo[orientation]) if orientation > 1 else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(pixels(stored, 3, kind=kind, exif=exif), COLOURS)


def test_fits():
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = 200
    image = Image.fromarray(wide)
    assert (pixels(image, 3, resolution=4, fit="crop") == 200).all()
    padded = pixels(image, 3, resolution=8, fit="pad", background=9)
    assert (padded[[0, 1, 6, 7]] == 9).all()
    np.testing.assert_array_equal(padded[2:6], wide)
    assert (pixels(image, 4, resolution=8, fit="pad")[:2, :, 3] == 0).all()
    stretched = np.array(image.resize((4, 4), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(pixels(image, 3, resolution=4, fit="stretch"), stretched)
    tall = Image.fromarray(np.arange(50, dtype=np.uint8).reshape(10, 5))
    np.testing.assert_array_equal(pixels(tall, 1, resolution=5)[..., 0], np.arange(50).reshape(10, 5)[2:7])


def test_reduction_does_not_alias():
    stripes = np.tile(np.array([0, 255], np.uint8), (256, 128))
    found = pixels(Image.fromarray(stripes), 1, resolution=32)
    assert np.abs(found.astype(int) - 128).max() <= 6  # 128 where every second pixel alone would give 0 or 255


def test_broken_images_have_a_reason():
    whole = encoded(Image.fromarray(COLOURS))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    jpeg = encoded(Image.fromarray(noise), "JPEG")
    huge = bytearray(whole)
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    huge[29:33] = zlib.crc32(bytes(huge[12:29])).to_bytes(4, "big")
    cases = {b"": "empty", b"plain text": "not an image", jpeg[: len(jpeg) // 2]: "truncated", bytes(huge): "pixels"}
    cases[encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF")] = "float"
    for data, reason in cases.items():
        with pytest.raises(BrokenImageError, match=reason):
            to_pixels(decode(data), Format(8, 3, "crop", 255))


def test_every_command_finds_the_same_files_broken(tmp_path):
    # A start of a run looks at headers and ends where these tell, `inspect` at all, and `translate` reads.
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    photo = encoded(noise, "JPEG")
    whole = {"film behind it": photo + bytes(9000), "no end of PNG": encoded(noise)[:-12]}
    cut = {"JPEG without its end": photo[:-2]}
    for kind in ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP"):
        whole[kind] = encoded(noise, kind)
        cut[f"half of {kind}"] = whole[kind][: len(whole[kind]) // 2]
    for index, data in enumerate((whole | cut).values()):
        (tmp_path / f"{index:02}.png").write_bytes(data)
    source = FileSource(FolderFiles(str(tmp_path)))
    starting, inspecting = ([bool(report.problem) for report in check_files(source, full)] for full in (False, True))
    reading = [_is_unreadable(tmp_path / name) for name in source.names]
    assert starting == inspecting == reading == [False] * len(whole) + [True] * len(cut)


def _is_unreadable(path):
    try:
        read_photo(path)
    except UserError:
        return True
    return False


def test_natural_channels():
    modes = {"1": 1, "L": 1, "I;16": 1, "RGB": 3, "CMYK": 3, "P": 3, "RGBA": 4, "LA": 4}
    assert {mode: natural_channels(Image.new(mode, (2, 2))) for mode in modes} == modes

"""Image files in and out: every depth and kind that PNG, TIFF and JPEG have."""

import logging
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from jgan.photos.photo_files import Photo, encoded, image_files, of_levels, output_paths, read_photo
from jgan.types import UserError

RANDOM = np.random.default_rng(0)
ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def write_photo(path, photo):
    path.write_bytes(encoded(path, photo))


def profile_of(space):
    """A profile of other colours, by its header alone."""
    return SRGB[:16] + space + SRGB[20:]


def levels(channels, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max + 1, (7, 5, channels)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("channels", "transparent"), [(1, False), (3, False), (3, True)])
def test_what_is_written_is_read(channels, transparent, dtype, tmp_path):
    photo = Photo(levels(channels, dtype), levels(1, dtype) if transparent else None)
    write_photo(tmp_path / "a.png", photo)
    again = read_photo(tmp_path / "a.png")
    assert again.colors.dtype == dtype
    np.testing.assert_array_equal(again.colors, photo.colors)
    if transparent:
        np.testing.assert_array_equal(again.alpha, photo.alpha)
    else:
        assert again.alpha is None
    if dtype == np.uint8:
        with Image.open(tmp_path / "a.png") as image:  # channels are not in another order than others have them
            np.testing.assert_array_equal(np.asarray(image).reshape(7, 5, -1)[:, :, :channels], photo.colors)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_of_others_are_read(suffix, channels, dtype, tmp_path):
    values = levels(channels, dtype)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]  # OpenCV's
    cv2.imwrite(str(tmp_path / f"a{suffix}"), values[:, :, order])
    photo = read_photo(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(photo.colors, values[:, :, :3])
    assert photo.colors.dtype == dtype
    assert (photo.alpha is not None) == (channels == 4)
    if photo.alpha is not None:
        np.testing.assert_array_equal(photo.alpha, values[:, :, 3:])


def test_gray_with_transparency_and_palettes_have_it_too(tmp_path):
    values = levels(2)
    Image.fromarray(values, "LA").save(tmp_path / "la.png")
    photo = read_photo(tmp_path / "la.png")
    np.testing.assert_array_equal(photo.colors, np.repeat(values[:, :, :1], 3, axis=2))
    np.testing.assert_array_equal(photo.alpha, values[:, :, 1:])
    palette = Image.fromarray(levels(1)[:, :, 0] % 4, "P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    palette.save(tmp_path / "p.png", transparency=2)
    photo = read_photo(tmp_path / "p.png")
    index = np.asarray(palette)
    np.testing.assert_array_equal(photo.colors[:, :, 0], 10 + 30 * index)
    np.testing.assert_array_equal(photo.alpha[:, :, 0], np.where(index == 2, 0, 255))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_level_of_16_bits_is_seen(channels, tmp_path):
    """As the chunk tRNS names it: https://www.w3.org/TR/png-3/#11tRNS."""
    values = levels(channels, np.uint16)
    values[2, 3], values[4] = values[1, 1], values[1, 1] + 1
    write_photo(tmp_path / "a.png", Photo(values))
    png, content = (tmp_path / "a.png").read_bytes(), b"tRNS" + values[1, 1].astype(">u2").tobytes()
    length, checksum = (number.to_bytes(4, "big") for number in (len(content) - 4, zlib.crc32(content)))
    (tmp_path / "a.png").write_bytes(png[:33] + length + content + checksum + png[33:])
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.colors, values)
    expected = np.full((7, 5, 1), 65535)
    expected[1, 1] = expected[2, 3] = 0
    np.testing.assert_array_equal(photo.alpha, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "deep.png", "deep.tif"])
def test_photos_come_upright(name, orientation, tmp_path):
    """As Pillow's exif_transpose turns them, which tests of the data check against files of cameras."""
    stored = np.zeros((16, 32), np.uint8)
    stored[:8], stored[:, :8] = 120, 200
    image = Image.fromarray(stored.astype(np.uint16) * 257 if name.startswith("deep") else stored)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    where = {"tiffinfo": {ORIENTATION: orientation}} if name.endswith("tif") else {"exif": exif}
    image.save(tmp_path / name, **where, **({"quality": 100} if name.endswith("jpg") else {}))
    photo = read_photo(tmp_path / name)
    plain = Image.fromarray(stored)
    plain.getexif()[ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(plain), float)
    assert photo.most == (65535 if name.startswith("deep") else 255)
    np.testing.assert_allclose(photo.colors[:, :, 0] * (255 / photo.most), expected, atol=3)  # JPEG


def test_photos_have_the_channels_that_a_network_takes():
    gray, colors = Photo(levels(1)), Photo(levels(3, np.uint16), levels(1, np.uint16))
    np.testing.assert_allclose(gray.with_channels(1), gray.colors / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(gray.with_channels(3), np.repeat(gray.with_channels(1), 3, axis=2))
    luma = colors.colors @ [0.299, 0.587, 0.114] / 32767.5 - 1
    np.testing.assert_allclose(colors.with_channels(1)[:, :, 0], luma, atol=1e-6)
    with_alpha = colors.with_channels(4)
    np.testing.assert_array_equal(with_alpha[:, :, :3], colors.with_channels(3))
    np.testing.assert_allclose(with_alpha[:, :, 3:], colors.alpha / 32767.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(gray.with_channels(4)[:, :, 3], 1.0)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_are_the_photo_again_in_every_part(dtype, channels):
    for photo in (Photo(levels(1, dtype)), Photo(levels(3, dtype)), Photo(levels(3, dtype), levels(1, dtype))):
        whole, part = photo.levels(channels), slice(2, 5)
        assert whole.dtype == dtype
        expected = photo.with_channels(channels)
        # a luma's three products may be summed in another order
        np.testing.assert_allclose(of_levels(whole, channels).with_channels(channels), expected, rtol=0, atol=2e-7)
        made = of_levels(whole[part, part], channels).with_channels(channels)
        np.testing.assert_allclose(made, expected[part, part], rtol=0, atol=2e-7)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_profile_goes_along(name, dtype, tmp_path, caplog):
    Image.fromarray(levels(3)).save(tmp_path / name, icc_profile=SRGB)
    profile = read_photo(tmp_path / name).profile
    assert profile == SRGB
    for photo in (Photo(levels(3, dtype), None, profile), Photo(levels(1, dtype), levels(1, dtype), profile)):
        write_photo(tmp_path / "b.png", photo)
        with Image.open(tmp_path / "b.png") as image:
            image.verify()  # checksums of chunks
            assert image.info["icc_profile"] == SRGB
        again = read_photo(tmp_path / "b.png")
        np.testing.assert_array_equal(again.colors, np.broadcast_to(photo.colors, again.colors.shape))
        assert again.profile == SRGB
    assert not caplog.records


@pytest.mark.parametrize(
    ("channels", "transparent", "space"), [(1, False, "GRAY"), (3, False, "RGB"), (1, True, "RGB")]
)
def test_a_profile_of_other_colours_is_left_out_and_said_so(channels, transparent, space, tmp_path, caplog):
    alpha = levels(1) if transparent else None
    for profile, title in ((b"GRAY", "GRAY"), (b"RGB ", "RGB"), (b"CMYK", "CMYK"), (None, "unknown")):
        data = SRGB[:30] if profile is None else profile_of(profile)
        caplog.clear()
        write_photo(tmp_path / "a.png", Photo(levels(channels), alpha, data))
        assert read_photo(tmp_path / "a.png").profile == (data if title == space else b"")
        expected = f"{tmp_path}/a.png: is {space} and has no colour profile; that of its input, {title}, is left out"
        assert caplog.messages == ([] if title == space else [expected])


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.tif", "a.webp", "deep.tif"])
def test_of_several_frames_the_first_is_taken_and_said_so(name, tmp_path, caplog):
    dtype = np.uint16 if name.startswith("deep") else np.uint8
    frames = [np.full((8, 8), value, dtype) for value in (40, 200)]
    first, second = (Image.fromarray(frame) for frame in frames)
    first.save(tmp_path / name, save_all=True, append_images=[second])
    photo = read_photo(tmp_path / name)
    np.testing.assert_allclose(photo.colors, np.broadcast_to(frames[0][:, :, None], photo.colors.shape), atol=3)  # WebP
    assert caplog.messages == [f"{tmp_path / name}: holds more than one frame or page; only the first is used"]
    assert caplog.records[0].levelno == logging.WARNING
    caplog.clear()
    first.save(tmp_path / f"one{name}")
    read_photo(tmp_path / f"one{name}")
    assert not caplog.messages


def test_a_camera_s_preview_is_no_second_frame(tmp_path, caplog):
    photo, preview = (Image.fromarray(levels(3)) for _ in range(2))
    photo.save(tmp_path / "a.mpo", save_all=True, append_images=[preview])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")  # as cameras name it
    assert read_photo(tmp_path / "a.jpg").colors.shape == (7, 5, 3)
    assert not caplog.messages


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    write_photo(tmp_path / "whole.png", Photo(levels(3)))
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:80])
    write_photo(tmp_path / "deep.png", Photo(levels(3, np.uint16)))
    (tmp_path / "deep_cut.png").write_bytes((tmp_path / "deep.png").read_bytes()[:150])
    (tmp_path / "empty.jpg").touch()
    for name in ("text.png", "cut.png", "deep_cut.png", "empty.jpg", "missing.png"):
        with pytest.raises(UserError) as error:
            read_photo(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(error.value)


def test_names_are_kept_and_never_taken_twice(tmp_path):
    for name in ("b.jpg", "sub/a.PNG", ".hidden/c.png", "sub/notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "folder.png").mkdir()
    files = image_files(tmp_path / "in", "--input")
    assert [str(relative) for _, relative in files] == ["b.jpg", "sub/a.PNG"]
    out = tmp_path / "out"
    assert output_paths(files, out) == [out / "b.png", out / "sub" / "a.png"]
    (tmp_path / "in" / "b.bmp").touch()
    with pytest.raises(UserError, match=r"^--input: .*b\.bmp and .*b\.jpg would both become .*b\.png; rename one"):
        output_paths(image_files(tmp_path / "in", "--input"), out)
    (tmp_path / "in" / "b.bmp").rename(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "b.jpg").unlink()
    with pytest.raises(UserError, match=r"b\.png is an input itself; choose another directory"):
        output_paths(image_files(tmp_path / "in", "--input"), tmp_path / "in")
    with pytest.raises(UserError, match=r"^--input=.*no: no such file or folder"):
        image_files(tmp_path / "no", "--input")

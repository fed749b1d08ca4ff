"""Image files in and out: every depth and kind that PNG, TIFF and JPEG have."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from jgan.photos import Photo, image_files, output_paths, read_photo, write_photo
from jgan.types import UserError

RANDOM = np.random.default_rng(0)
ORIENTATION = 0x0112


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
    files = image_files(tmp_path / "in", "--input")
    assert [str(relative) for _, relative in files] == ["b.jpg", "sub/a.PNG"]
    out = tmp_path / "out"
    assert output_paths(files, out, overwrite=False) == [out / "b.png", out / "sub" / "a.png"]
    (out / "sub").mkdir(parents=True)
    (out / "sub" / "a.png").touch()
    with pytest.raises(UserError, match=r"^--out=.*a\.png is there already; .*--overwrite$"):
        output_paths(files, out, overwrite=False)
    assert output_paths(files, out, overwrite=True)
    (tmp_path / "in" / "b.bmp").touch()
    with pytest.raises(UserError, match=r"^--input: .*b\.bmp and .*b\.jpg would both become .*b\.png; rename one"):
        output_paths(image_files(tmp_path / "in", "--input"), out, overwrite=True)
    (tmp_path / "in" / "b.bmp").rename(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "b.jpg").unlink()
    with pytest.raises(UserError, match=r"b\.png is an input itself; choose another directory"):
        output_paths(image_files(tmp_path / "in", "--input"), tmp_path / "in", overwrite=True)
    with pytest.raises(UserError, match=r"^--input=.*no: no such file or folder"):
        image_files(tmp_path / "no", "--input")

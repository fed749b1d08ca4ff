"""What nobody sees changes nothing that is seen: hidden colours of transparent pixels, in every reader."""

import json

import numpy as np
import pytest
from PIL import Image

from jgan.compare import main as compare
from jgan.data.pixels import Format, decode, natural_pixels, to_pixels
from jgan.inference.one_image import is_white
from jgan.photos.photo_files import Photo
from jgan.photos.transparency import for_network, over, without_background

RANDOM = np.random.default_rng(0)


def two_photos(dtype=np.uint8):
    """Two that look alike and have other colours where nobody sees any; and the transparency of both."""
    most = np.iinfo(dtype).max
    alpha = RANDOM.integers(0, most, (12, 10, 1), dtype)
    alpha[:6] = 0
    first, second = (RANDOM.integers(0, most, (12, 10, 3), dtype) for _ in range(2))
    second[6:] = first[6:]
    return Photo(first, alpha), Photo(second, alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_seen(dtype):
    first, second = two_photos(dtype)
    share = first.alpha / first.most
    for background in (255, 0, 100):
        seen = over(first, background)
        expected = first.colors * share + background * (first.most // 255) * (1 - share)
        np.testing.assert_allclose(seen.colors, expected, atol=0.51)
        assert seen.alpha is None
        np.testing.assert_array_equal(seen.colors, over(second, background).colors)
        again = without_background(seen.colors.astype(np.float32), first.alpha, first, background)
        visible = share[..., 0] > 0.2
        # Half a level of rounding behind a transparency of at least a fifth.
        np.testing.assert_allclose(again[visible], first.colors[visible], atol=2.6 + first.most * 1e-6)
        for channels in (1, 3, 4):
            np.testing.assert_array_equal(
                for_network(first, channels, background).levels(channels),
                for_network(second, channels, background).levels(channels),
            )
    np.testing.assert_array_equal(for_network(first, 4, 9).colors[6:], np.where(share[6:], first.colors[6:], 9))


def pillow(photo):
    return Image.fromarray(np.concatenate([photo.colors, photo.alpha], axis=2))


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch", "patch"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_training_and_measuring_see_the_same_of_both(channels, fit):
    first, second = map(pillow, two_photos())
    for resolution in (10, 8):
        form = Format(resolution, channels, fit, 200)
        np.testing.assert_array_equal(to_pixels(first, form), to_pixels(second, form))
        np.testing.assert_array_equal(to_pixels(np.asarray(first), form), to_pixels(np.asarray(second), form))
    np.testing.assert_array_equal(natural_pixels(first), natural_pixels(second))


def test_a_transparent_level_of_16_bits_is_hidden(tmp_path):
    values = np.array([[5000, 60000], [5001, 5000]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=5000)
    image = decode((tmp_path / "a.png").read_bytes())
    shown = to_pixels(image, Format(2, 1, "crop", 255))[:, :, 0]
    np.testing.assert_array_equal(shown, [[255, 233], [19, 255]])
    np.testing.assert_array_equal(to_pixels(image, Format(2, 4, "crop", 255))[:, :, 3], [[0, 255], [255, 0]])


def test_compare_measures_what_is_seen(tmp_path):
    """Of images that look alike nothing differs; one that is invisible looks like white."""
    first, second = two_photos()
    pillow(first).save(tmp_path / "a.png")
    pillow(second).save(tmp_path / "b.png")
    Image.fromarray(first.colors).save(tmp_path / "opaque.png")
    pillow(Photo(first.colors, np.zeros_like(first.alpha))).save(tmp_path / "invisible.png")

    def psnr(image, reference):
        flags = ["--images", tmp_path / image, "--reference", tmp_path / reference, "--out", tmp_path / "out.json"]
        assert compare([*map(str, flags), "--metrics", "psnr"]) == 0
        (row,) = json.loads((tmp_path / "out.json").read_text())["scores"].values()
        return row["psnr"]

    assert psnr("a.png", "b.png") in (None, "equal", "inf")  # no difference at all
    error = np.mean((255.0 - first.colors) ** 2)
    assert psnr("invisible.png", "opaque.png") == pytest.approx(10 * np.log10(255**2 / error), abs=1e-3)


def test_a_mask_fills_nothing_where_it_is_transparent():
    white = np.full((2, 2, 3), 255, np.uint8)
    alpha = np.array([[0, 255], [100, 200]], np.uint8)[:, :, None]
    np.testing.assert_array_equal(is_white(Photo(white, alpha))[:, :, 0], [[False, True], [False, True]])

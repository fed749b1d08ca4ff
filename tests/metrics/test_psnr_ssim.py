"""PSNR, SSIM and what they share: against loops written here, scipy, and published numbers."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from shared_data import shared_data

from jgan.metrics.estimate import finite_mean
from jgan.metrics.pixel_inputs import definition
from jgan.metrics.psnr import psnr
from jgan.metrics.ssim import similarities, ssim
from jgan.types import UserError


def pair(dtype=np.uint8, channels=3):
    """Two pairs of images [2, 23, 30, c]: smooth ones, and the same with noise."""
    random = np.random.default_rng(0)
    peak = np.iinfo(dtype).max
    smooth = gaussian_filter(random.uniform(-2, 3, (2, 23, 30, channels)), (0, 3, 3, 0)) * peak
    noisy = smooth + random.normal(0, 0.05 * peak, smooth.shape)
    return tuple(np.clip(np.round(images), 0, peak).astype(dtype) for images in (smooth, noisy))


def luma_of(image):
    """Rec. BT.601 written as it defines it: luma of gamma-corrected R, G, B in [0, 1], then 219 steps above 16."""
    peak = np.iinfo(image.dtype).max
    red, green, blue = np.moveaxis(image / peak, -1, 0)
    return (16 + 219 * (0.299 * red + 0.587 * green + 0.114 * blue)) * peak / 255


def inner(image, crop):
    return image[crop : image.shape[0] - crop, crop : image.shape[1] - crop]


def by_hand(a, b, crop, luma):
    """(PSNR, SSIM) of two images [h, w, c], by scipy's filter."""
    peak = np.iinfo(a.dtype).max
    planes = [(luma_of(a), luma_of(b))] if luma else [(a[..., c] / 1.0, b[..., c] / 1.0) for c in range(a.shape[2])]
    planes = [(inner(x, crop), inner(y, crop)) for x, y in planes]
    error = np.mean([(x - y) ** 2 for x, y in planes])

    def mean(x):
        return inner(gaussian_filter(x, 1.5, radius=5), 5)

    def structural(x, y):
        mean_x, mean_y, c1, c2 = mean(x), mean(y), (0.01 * peak) ** 2, (0.03 * peak) ** 2
        variance_x, variance_y, both = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
        numerator = (2 * mean_x * mean_y + c1) * (2 * both + c2)
        return np.mean(numerator / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)))

    return 10 * np.log10(peak**2 / error), np.mean([structural(x, y) for x, y in planes])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("crop", "luma"), [(0, False), (4, False), (0, True), (4, True)])
def test_equals_what_is_written_by_hand(dtype, crop, luma):
    a, b = pair(dtype)
    signal, structure = np.transpose([by_hand(x, y, crop, luma) for x, y in zip(a, b, strict=True)])
    # MATLAB's weights of RGB are rounded to 5 digits: up to 2e-5 of Y, of a difference between images as much.
    tolerance = {"rtol": 1e-4 if luma else 1e-10}
    np.testing.assert_allclose(psnr(a, b, crop, luma), signal, **tolerance)
    np.testing.assert_allclose(ssim(a, b, crop, luma), structure, **tolerance)


def test_luma_is_matlabs():
    """rgb2ycbcr of white, black and the primaries, in whole levels, as its documentation's BT.601 has them."""
    colours = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    luma = np.array([235, 16, 81.481, 144.553, 40.966])
    black = np.zeros((5, 1, 1, 3), np.uint8)
    expected = 20 * np.log10(255 / np.abs(luma - 16)[[0, 2, 3, 4]])
    ours = psnr(colours[:, None, None], black, luma=True)
    np.testing.assert_allclose(ours[[0, 2, 3, 4]], expected, rtol=1e-12)
    assert ours[1] == np.inf


def test_equal_images():
    a, _ = pair(channels=1)
    np.testing.assert_array_equal(psnr(a, a), np.inf)
    np.testing.assert_allclose(ssim(a, a), 1, rtol=1e-12)


def test_gray_images_are_luma():
    """BasicSR's to_y_channel converts images of three channels alone."""
    a, b = (images[..., :1] for images in pair())
    np.testing.assert_array_equal(psnr(a, b, 2, luma=True), psnr(a, b, 2))
    np.testing.assert_array_equal(ssim(a, b, 2, luma=True), ssim(a, b, 2))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([30.0, np.inf, 20.0], (25.0, 1)), ([np.inf, np.inf], (np.inf, 2)), ([3.0, np.nan], (3.0, 1)), ([4.0], (4.0, 0))],
)
def test_a_mean_is_over_what_is_finite(values, expected):
    assert finite_mean(values) == expected


def read_grey(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))[None, :, :, None]


def test_published_numbers():
    """The images of piq's tests: TensorFlow's and numpy's PSNR, scipy's SSIM, MATLAB's after a 2 x 2 average."""
    folder = shared_data("golden")
    goldhill, compressed = (read_grey(folder / f"{name}.gif") for name in ("goldhill", "goldhill_jpeg"))
    np.testing.assert_allclose(psnr(goldhill, compressed), 27.43139, rtol=0, atol=5e-6)
    np.testing.assert_allclose(ssim(goldhill, compressed), 0.682372, rtol=0, atol=5e-7)  # TensorFlow: 0.682350
    halves = [image.reshape(1, 256, 2, 256, 2, 1).mean(axis=(2, 4)) for image in (goldhill, compressed)]
    np.testing.assert_allclose(similarities(*halves)[0], 0.820202, rtol=0, atol=5e-7)  # MATLAB: 0.8202


def test_definitions_differ_where_numbers_do():
    definitions = {definition(crop, luma) for crop in (0, 4) for luma in (False, True)}
    assert len(definitions) == 4
    assert (
        definition(4, True)
        == "Y of BT.601 (16 to 235, as MATLAB's rgb2ycbcr, not rounded; gray images are Y as they are), "
        "4 pixels cut off each border"
    )


def test_bad_input_is_named():
    a, b = pair()
    cases = {
        r"images_a: float64 \[2, 23, 30, 3\]; expected uint8 or uint16": lambda: psnr(a / 1.0, b),
        r"images_b: uint8 \[23, 30, 3\]; expected .* \[n, h, w, c\]": lambda: psnr(a, b[0]),
        r"images: uint8 \[2, 23, 30, 3\] and uint8 \[2, 23, 29, 3\]; expected equal": lambda: psnr(a, b[:, :, 1:]),
        r"images: uint8 .* and uint16 .*; expected equal": lambda: psnr(a, b.astype(np.uint16)),
        r"images_a: .*; expected one channel, gray, or three": lambda: psnr(a[..., :2], b[..., :2], luma=True),
        r"crop=12; expected sides of 1 pixels or more": lambda: psnr(a, b, crop=12),
        r"crop=7; expected sides of 11 pixels or more": lambda: ssim(a, b, crop=7),
        r"crop=-1": lambda: ssim(a, b, crop=-1),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=message):
            call()

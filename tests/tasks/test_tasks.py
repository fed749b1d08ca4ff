"""What tasks make of photos, beside Pillow, OpenCV and sums written out by hand."""

import typing

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tables import assert_rows

from jgan.layers.bicubic import bicubic, resize_matrix
from jgan.tasks.blur import gaussian_blur
from jgan.tasks.config import SCALES, TaskConfig
from jgan.tasks.degrade import degrade, input_channels
from jgan.tasks.edges import edges
from jgan.tasks.masks import sample_masks

RANDOM = np.random.default_rng(0)
TASKS = ("colorization", "inpainting", "edges", "denoising", "deblurring", "super_resolution")


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


def photos(count, height, width, channels=3):
    """Smooth images of 8 bits in [-1, 1], float32."""
    coarse = RANDOM.integers(0, 256, (count, 6, 6, channels)).astype(np.uint8)
    fine = [cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in coarse]
    return (np.stack(fine).reshape(count, height, width, channels) / 127.5 - 1).astype(np.float32)


# Bicubic


def in_pillow(image, height, width):
    """Each channel by Pillow's bicubic filter, in float32."""
    channels = [Image.fromarray(image[:, :, c]).resize((width, height), Image.Resampling.BICUBIC) for c in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


@pytest.mark.parametrize(("height", "width"), [(24, 20), (16, 10), (120, 90), (96, 160)])
def test_bicubic_is_pillows_inside_and_pillows_of_a_mirrored_image_everywhere(height, width):
    image = RANDOM.uniform(-1, 1, (48, 40, 3)).astype(np.float32)
    made = np.asarray(bicubic(image[None], height, width)[0])
    # What the kernel reaches beyond an edge, in pixels of the output; 3 and not 2: of a centre between pixels
    edge = 3 if height < 48 else 3 * height // 48
    inside = slice(edge, -edge), slice(edge, -edge)
    plain = in_pillow(image, height, width)
    # at most 16 x 16 float32 products, whose weights' magnitudes sum to less than 2 along each axis
    np.testing.assert_allclose(made[inside], plain[inside], rtol=0, atol=1e-5)
    assert np.abs(made - plain).max() > 1e-2  # not at the edges
    wide = np.pad(image, ((48, 48), (40, 40), (0, 0)), mode="symmetric")
    mirrored = in_pillow(wide, 3 * height, 3 * width)[height : 2 * height, width : 2 * width]
    np.testing.assert_allclose(made, mirrored, rtol=0, atol=1e-5)


def test_bicubic_keeps_what_it_should():
    image = RANDOM.uniform(-1, 1, (1, 9, 7, 2)).astype(np.float32)
    np.testing.assert_array_equal(bicubic(image, 9, 7), image)
    for before, after in ((9, 4), (5, 17), (1, 3), (3, 1), (100, 25)):
        np.testing.assert_allclose(resize_matrix(before, after).sum(1), 1.0, rtol=1e-12)
    ramp = np.arange(40.0)
    np.testing.assert_allclose((resize_matrix(40, 80) @ ramp)[4:-4], (np.arange(80) / 2 - 0.25)[4:-4], rtol=1e-12)


# Edges


def test_edges_are_opencvs():
    """Both find the same lines, at most a pixel apart, of shapes whose steps are far from both thresholds.

    They differ in which of two equal neighbours is kept, where two edges meet, and at an image's border, where
    OpenCV finds none: so lines are compared with those of the other one grown by a pixel, 8 pixels from the border.
    """
    picture = np.full((120, 160), 60, np.uint8)
    cv2.rectangle(picture, (20, 25), (60, 90), 200, -1)
    cv2.circle(picture, (110, 60), 32, 150, -1)
    cv2.line(picture, (70, 110), (150, 100), 230, 5)
    gray = (picture / 127.5 - 1).astype(np.float32)[None, :, :, None]
    ours = np.asarray(edges(gray))[0, :, :, 0]
    assert set(np.unique(ours)) == {-1.0, 1.0}
    ours = ours < 0
    blurred = cv2.GaussianBlur(picture, (7, 7), 1.0, borderType=cv2.BORDER_REFLECT)
    theirs = cv2.Canny(blurred, 50, 120, L2gradient=True) > 0
    inside = np.s_[8:-8, 8:-8]
    grown = [cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 for found in (ours, theirs)]
    assert theirs[inside].sum() > 400
    # a corner is rounded by the blur and may be cut: some pixels at each of the 10 of them
    assert (ours & ~grown[1])[inside].sum() <= 10
    assert (theirs & ~grown[0])[inside].sum() <= 10
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.1)  # lines of one pixel, not of two


def test_weak_edges_count_where_they_touch_strong_ones():
    """A step that fades out: strong at its left, weak at its right; and the weak part by itself."""
    strength = np.linspace(60, 6, 64) / 127.5
    picture = np.zeros((32, 64), np.float32)
    picture[16:] += strength.astype(np.float32)
    found = np.asarray(edges(picture[None, :, :, None]))[0, :, :, 0] < 0
    alone = picture.copy()
    alone[:, :24] = 0.0
    alone[16:, :24] = alone[16, 24]
    without = np.asarray(edges(alone[None, :, :, None]))[0, :, :, 0] < 0
    assert found[:, 30].any()
    assert not without.any()
    assert not found[:, -4:].any()


# Blur


def test_blur_is_the_gaussian_sum_over_mirrored_images():
    images, deviations, largest = RANDOM.uniform(-1, 1, (2, 12, 9, 3)).astype(np.float32), np.array([0.7, 1.9]), 2.0
    made = gaussian_blur(images, jnp.asarray(deviations, jnp.float32), largest)
    radius = 6  # three of the largest deviation
    offsets = np.arange(-radius, radius + 1)
    for image, deviation, blurred in zip(images, deviations, made, strict=True):
        wide = np.pad(image.astype(float), ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
        weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * deviation**2))
        weights /= weights.sum()
        expected = sum(weights[i, j] * wide[i : i + 12, j : j + 9] for i, j in np.ndindex(13, 13))
        np.testing.assert_allclose(blurred, expected, rtol=0, atol=2e-6)  # 26 float32 products of numbers up to 1


def test_blur_is_as_wide_as_asked():
    """The variance of a point's image; cut at three deviations a Gaussian has 0.973 of it."""
    point = np.zeros((1, 41, 41, 1), np.float32)
    point[0, 20, 20] = 1.0
    spread = np.asarray(gaussian_blur(point, jnp.full((1,), 3.0), 3.0))[0, :, :, 0]
    variance = (spread.sum(0) * np.square(np.arange(41) - 20)).sum()
    assert variance == pytest.approx(0.973 * 9, rel=0.02)


# Masks


@pytest.mark.parametrize(("kind", "least", "most"), [("rectangles", 0.05, 0.26), ("strokes", 0.01, 0.9)])
def test_masks_hide_what_they_should(kind, least, most):
    """Rectangles of a quarter to half of either side; strokes at least as much as a brush's dot, not everything."""
    masks = np.asarray(sample_masks(kind, keys(200), 48, 64))
    assert masks.shape == (200, 48, 64, 1)
    assert set(np.unique(masks)) == {0.0, 1.0}
    shares = masks.mean((1, 2, 3))
    assert least < shares.min() < shares.max() < most
    assert len({mask.tobytes() for mask in masks}) > 190  # of some 200,000 rectangles two may be equal
    assert (masks[:, 12:-12, 16:-16].mean(0) > 0).all()  # everywhere in some; rarely in a corner
    if kind == "rectangles":
        for mask in masks[..., 0] > 0:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert (12 <= len(rows) <= 24) & (16 <= len(columns) <= 32)
        # the mean share is (3 / 8) ** 2 of independent sides; 5 standard errors of sides uniform within a quarter
        assert shares.mean() == pytest.approx(0.375**2, abs=5 * 0.375 * 0.25 / np.sqrt(6 * 200))


@pytest.mark.parametrize("kind", ["rectangles", "strokes"])
def test_a_mask_is_a_function_of_its_key_alone(kind):
    together = sample_masks(kind, keys(5), 32, 32)
    alone = sample_masks(kind, keys(5)[3:4], 32, 32)
    np.testing.assert_array_equal(together[3], alone[0])


# Tasks


def test_noise_is_as_strong_as_asked():
    """Of mid-gray images, which nothing clips: deviations within 5 standard errors, and in their range."""
    task = TaskConfig("denoising", noise=25.0, least_noise=25.0)
    gray = np.zeros((4, 64, 64, 3), np.float32)
    made = np.asarray(degrade(task, gray, keys(4))) * 127.5
    count = made[0].size
    rounding = 1 / 12  # the variance of rounding to a level
    expected = np.sqrt(25.0**2 + rounding)
    np.testing.assert_allclose(made.std((1, 2, 3)), expected, rtol=5 / np.sqrt(2 * count))
    # half a level: 0 lies between two, and goes to the even one
    np.testing.assert_allclose(made.mean((1, 2, 3)), 0.0, atol=0.5 + 5 * 25 / np.sqrt(count))
    ranged = TaskConfig("denoising", noise=40.0, least_noise=5.0)
    deviations = np.asarray(degrade(ranged, np.zeros((64, 32, 32, 1), np.float32), keys(64))).std((1, 2, 3)) * 127.5
    assert 4.5 < deviations.min() < 10 < 35 < deviations.max() < 42
    # uniform: 5 standard errors
    assert deviations.mean() == pytest.approx(22.5, abs=5 * 35 / np.sqrt(12 * 64))


def test_every_task_is_in_the_table():
    names = set(typing.get_args(typing.get_type_hints(TaskConfig)["name"])) - {"none", "blind_super_resolution"}
    assert_rows(TASKS, names, "TASKS of tests/tasks/test_tasks.py")


@pytest.mark.parametrize("name", TASKS)
def test_what_a_network_is_given_has_8_bits_and_its_own_draws(name):
    task = TaskConfig(name, scale=2, mask="strokes", least_noise=5.0, least_blur=0.5)
    images = photos(3, 32, 48)
    make = jax.jit(lambda images, rngs: degrade(task, images, rngs))
    made = np.asarray(make(images, keys(3)))
    assert made.dtype == np.float32
    size = (16, 24) if name == "super_resolution" else (32, 48)
    assert made.shape == (3, *size, input_channels(task, 3))
    levels = (made + 1) * 127.5
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert levels.min() >= -1e-4
    assert levels.max() <= 255 + 1e-4
    alone = make(images[1:2], keys(3)[1:2])
    np.testing.assert_allclose(made[1], alone[0], atol=2.1 / 255)  # another program may round to the level beside
    other = np.asarray(make(images, keys(3, seed=1)))
    assert np.array_equal(made, other) == (name in ("colorization", "edges", "super_resolution"))


def test_colours_are_taken_away_as_pillow_does():
    images = RANDOM.integers(0, 256, (1, 20, 30, 3)).astype(np.uint8)
    made = degrade(TaskConfig("colorization"), jnp.asarray(images / 127.5 - 1, jnp.float32), keys(1))
    expected = np.asarray(Image.fromarray(images[0]).convert("L"), int)
    np.testing.assert_allclose((made[0, :, :, 0] + 1) * 127.5, expected, atol=1 + 1e-4)  # Pillow's weights are integers


def test_what_is_hidden_is_black_and_marked():
    images = photos(4, 32, 32)
    made = np.asarray(degrade(TaskConfig("inpainting"), images, keys(4)))
    hidden = made[..., 3:] > 0
    assert set(np.unique(made[..., 3:])) == {-1.0, 1.0}
    assert (made[..., :3][np.broadcast_to(hidden, images.shape)] == -1).all()
    np.testing.assert_allclose(np.where(hidden, 0, made[..., :3]), np.where(hidden, 0, images), atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_small_images_are_bicubic(scale):
    images = photos(1, 48, 24)
    made = degrade(TaskConfig("super_resolution", scale=scale), images, keys(1))
    expected = np.clip(bicubic(images, 48 // scale, 24 // scale), -1, 1)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1 / 255 + 1e-6)

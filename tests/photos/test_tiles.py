"""Tiles beside the whole image: networks that see little, and whatever the sizes."""

import numpy as np
import pytest
from golden_numbers import load_golden

from jgan.families.esrgan import RRDBNet
from jgan.photos.tiles import Tiling, filled_up, render_in_tiles

RANDOM = np.random.default_rng(0)


def whole(render, image, scale, tile, overlap, multiple=1, fade=True):
    """The bands put together, which must follow each other without a gap."""
    bands, row = [], 0
    for first, rows in render_in_tiles(render, image, scale, Tiling(tile, overlap, multiple, fade)):
        assert first == row
        row += len(rows)
        bands.append(rows)
    return np.concatenate(bands)


def repeated(image, scale):
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def test_odd_sizes_are_filled_up_as_in_real_esrgan():
    script, theirs = load_golden("real_esrgan")
    multiples = {scale: RRDBNet(scale).multiple for scale in (1, 2, 4)}
    for name, (scale, *size) in script.CASES.items():
        ours = filled_up(script.make_image(*size), multiples[scale])
        np.testing.assert_array_equal(ours[..., 0], theirs[name], err_msg=name)


@pytest.mark.parametrize("fade", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_the_identity_stays_the_identity_at_any_size(seed, fade):
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 90, 2)
    scale, tile = random.integers(1, 4), random.integers(8, 64)
    overlap = random.integers(0, tile // 2 + 1)
    image = random.uniform(-1, 1, (height, width, 2)).astype(np.float32)
    seen = []

    def render(part):
        seen.append(part.shape[:2])
        return repeated(part, scale)

    made = whole(render, image, scale, tile, overlap, fade=fade)
    assert made.dtype == np.float32
    # each pixel: two weighted sums of at most four terms and a quotient
    np.testing.assert_allclose(made, repeated(image, scale), rtol=0, atol=1e-6)
    assert set(seen) == {(min(tile, height), min(tile, width))}
    assert len(seen) == Tiling(tile, overlap).count(height, width)
    fewest = [max(0, -(-(side - tile) // (tile - overlap))) + 1 for side in (height, width)]
    assert len(seen) == fewest[0] * fewest[1]


@pytest.mark.parametrize(("scale", "fade"), [(1, True), (3, True), (2, False)])
@pytest.mark.parametrize(
    ("height", "width", "tile", "overlap"), [(97, 150, 64, 16), (64, 65, 32, 12), (200, 40, 50, 24)]
)
def test_a_local_operator_sees_no_tiles(scale, fade, height, width, tile, overlap):
    """One that reaches as far as a quarter of the overlap, or, cut, as half, with zeros beyond the edges."""
    reach = overlap // (4 if fade else 2)
    taps = RANDOM.normal(size=(2 * reach + 1, 2 * reach + 1, scale, scale)) / (2 * reach + 1)

    def render(part):
        rows, columns, channels = part.shape
        padded = np.pad(part, ((reach, reach), (reach, reach), (0, 0)))
        made = np.zeros((rows, scale, columns, scale, channels))
        for i, j in np.ndindex(taps.shape[:2]):
            made += taps[i, j][None, :, None, :, None] * padded[i : i + rows, None, j : j + columns, None]
        return made.reshape(rows * scale, columns * scale, channels).astype(np.float32)

    image = RANDOM.uniform(-1, 1, (height, width, 3)).astype(np.float32)
    expected = render(image)
    assert np.abs(expected).max() > 1
    made = whole(render, image, scale, tile, overlap, fade=fade)
    # the same float32 numbers, weighted, added and divided again
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("height", "width"), [(97, 150), (65, 67), (130, 40), (101, 33)])
@pytest.mark.parametrize(("multiple", "overlap"), [(2, 9), (4, 16), (8, 3), (16, 16)])
def test_pixels_that_are_taken_together_stay_together(height, width, multiple, overlap):
    """An operator on blocks of so many pixels, as strides make one, that fills sides up with what is mirrored."""

    def render(part):
        pads = [(0, -side % multiple) for side in part.shape[:2]]
        blocks = np.pad(part, (*pads, (0, 0)), mode="reflect")
        rows, columns = (side // multiple for side in blocks.shape[:2])
        blocks = blocks.reshape(rows, multiple, columns, multiple, 1)
        means = np.broadcast_to(blocks.mean(axis=(1, 3), keepdims=True), blocks.shape)
        return means.reshape(rows * multiple, columns * multiple, 1)[: part.shape[0], : part.shape[1]]

    image = RANDOM.uniform(-1, 1, (height, width, 1)).astype(np.float32)
    for fade in (True, False):
        made = whole(render, image, 1, 32, overlap, multiple, fade)
        np.testing.assert_allclose(made, render(image), rtol=0, atol=1e-6)


def test_one_pixel_more_is_seen():
    """The tolerance above would notice an operator that sees beyond what is thrown away."""
    shift, image = 5, RANDOM.uniform(-1, 1, (80, 80, 1)).astype(np.float32)
    render = lambda part: np.pad(part, ((0, 0), (shift, 0), (0, 0)))[:, : part.shape[1]]  # noqa: E731
    assert np.abs(whole(render, image, 1, 32, 20) - render(image)).max() < 1e-6
    assert np.abs(whole(render, image, 1, 32, 16) - render(image)).max() > 0.01
    assert np.abs(whole(render, image, 1, 32, 10, fade=False) - render(image)).max() < 1e-6
    assert np.abs(whole(render, image, 1, 32, 8, fade=False) - render(image)).max() > 0.01


def test_what_is_left_over_is_shared_among_all_overlaps():
    """Of 200 pixels four tiles of 64 hold 56 twice; alone the last of them used to begin where it had to end."""
    tiling = Tiling(64, 16, fade=False)
    assert tiling.starts(200) == [0, 45, 90, 136]
    kept = [np.flatnonzero(profile) for profile in tiling.profiles(200, 1)]
    assert [(int(part[0]), int(part[-1])) for part in kept] == [(0, 53), (9, 53), (9, 54), (9, 63)]
    assert Tiling(64, 16, 8, fade=False).starts(200) == [0, 40, 88, 136]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(150, 97), (48, 112), (200, 65)])
def test_tiles_that_differ_fade_into_each_other(height, width, scale):
    """Each is of one gray: between neighbouring pixels nothing changes by more than a ramp's share, along no edge."""
    tile, overlap = 64, 16
    grays = iter(np.random.default_rng(3).permutation(100) / 100)
    render = lambda part: np.full((len(part) * scale, part.shape[1] * scale, 1), next(grays), np.float32)  # noqa: E731
    made = whole(render, np.zeros((height, width, 1), np.float32), scale, tile, overlap)
    ramp = (overlap - 2 * (overlap // 4)) * scale
    steps = [np.abs(np.diff(made, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) > 0
    assert max(steps) < 1.001 / ramp


def test_a_band_comes_as_soon_as_its_tiles_are_there():
    """So memory follows the band: the rows of one row of tiles, whatever the height."""
    seen = []

    def render(part):
        seen.append(part.shape)
        return part

    image = np.zeros((1000, 100, 1), np.float32)
    for bands, (_, rows) in enumerate(render_in_tiles(render, image, 1, Tiling(64, 16)), 1):
        assert len(seen) == 2 * bands  # two across
        assert len(rows) <= 64

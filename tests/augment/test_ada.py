"""ADA's augmentations against their formulas in numpy, what is drawn, and what the gradients are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import load_golden
from scipy.special import erfinv

from jgan.augment import ada, ada_corruptions
from jgan.augment.diffaugment import AUGMENTATIONS, augment

POLICY = ("ada_geometry", "ada_color", "ada_cutout", "ada_filter", "ada_noise")
SCRIPT, NUMBERS = load_golden("stylegan2")
SHAPES = [(4, 8, 8, 3), (4, 9, 6, 1)]  # (examples, height, width, channels)
NOTHING = {"mirrored": 0.0, "quarters": 0.0, "scale": 1.0, "turn": 0.0, "stretch": 1.0, "last_turn": 0.0}
STILL = (0.0, 0.0)


def random_images(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def inverse_map(blit=STILL, move=STILL, **parts):
    parts = {name: jnp.float32(value) for name, value in {**NOTHING, **parts}.items()}
    return ada.inverse_map(**parts, blit=jnp.array(blit), move=jnp.array(move))


def at_percentile(name, p, shape):
    """What `ada_...` is given where every random number of the official part `name` is at this percentile."""
    normal, even, sides = erfinv(2 * p - 1), 2 * p - 1, np.array([shape[1], shape[0]])
    if name == "blit":
        parts = {"mirrored": np.floor(2 * p), "quarters": np.floor(4 * p), "blit": np.round(even * 0.125 * sides)}
        return "ada_blit", (inverse_map(**parts)[None],)
    if name == "geom":
        parts = {"scale": np.exp2(0.2 * normal), "turn": even * np.pi, "stretch": np.exp2(0.2 * normal)}
        return "ada_moves", (inverse_map(**parts, move=0.125 * normal * sides)[None],)
    if name == "color":
        values = 0.2 * normal, np.exp2(0.5 * normal), np.floor(2 * p), even * np.pi, np.exp2(normal)
        return "ada_colors", tuple(part[None] for part in ada.color_map(*map(jnp.float32, values)))
    if name == "filter":
        gains = np.ones(4)
        for own in np.ones((4, 4)) + (np.exp2(normal) - 1) * np.eye(4):
            gains *= own / np.sqrt((ada_corruptions.POWERS * own**2).sum())
        return "ada_filter", (jnp.float32(gains)[None],)
    if name == "noise":
        return "ada_noise", (jax.random.split(jax.random.key(0), 1), jnp.float32([0.1 * erfinv(p)]))
    return "ada_cutout", (jnp.full((1, 2), p), jnp.array([True]))


@pytest.mark.parametrize("name", SCRIPT.PIPES)
def test_given_numbers_make_what_the_official_pipe_makes_of_them(name, monkeypatch):
    monkeypatch.setattr(jax.random, "normal", lambda _, shape: jnp.ones(shape))  # the noise, before its deviation
    for shape in SCRIPT.AUGMENTED:
        images = SCRIPT.draw_images(shape)
        for percentile in SCRIPT.PERCENTILES:
            kind, parameters = at_percentile(name, percentile, shape)
            both = (jnp.repeat(each, 2, axis=0) for each in parameters)
            found = SCRIPT.part(AUGMENTATIONS[kind].apply(images, *both))
            expected = NUMBERS["augmented"][f"{name} {shape[-1]} {percentile}"]
            np.testing.assert_allclose(found, expected, atol=1e-4)  # places between pixels are rounded


def warped_by_hand(image, inverse):
    """One image by loops: mirrored, doubled and filtered, sampled, filtered and halved."""
    low_pass = ada._SYM6 / ada._SYM6.sum()
    height, width = image.shape[:2]
    big = np.pad(image.astype(np.float64), ((height - 1,) * 2, (width - 1,) * 2, (0, 0)), mode="reflect")
    fine = np.zeros((2 * big.shape[0], 2 * big.shape[1], big.shape[2]))
    fine[::2, ::2] = 4 * big
    for axis in (0, 1):
        padded = np.pad(fine, [(6, 5) if index == axis else (0, 0) for index in range(3)])
        fine = np.apply_along_axis(lambda line: np.convolve(line, low_pass, mode="valid"), axis, padded)
    out = np.zeros((2 * (height + 6), 2 * (width + 6), image.shape[2]))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            # Pixels of the result, 1 wide, from its centre; its margins of three pixels count
            x, y = (j + 1 - out.shape[1] / 2) / 2, (i + 1 - out.shape[0] / 2) / 2
            x, y, _ = np.asarray(inverse, np.float64) @ (x, y, 1)
            column, row = 2 * x - 0.5 + (fine.shape[1] - 1) / 2, 2 * y - 0.5 + (fine.shape[0] - 1) / 2
            left, top = int(np.floor(column)), int(np.floor(row))
            for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                if 0 <= r < fine.shape[0] and 0 <= c < fine.shape[1]:
                    out[i, j] += (1 - abs(row - r)) * (1 - abs(column - c)) * fine[r, c]
    out = out[1:-1, 1:-1]
    for axis in (0, 1):
        out = np.apply_along_axis(lambda line: np.correlate(line, low_pass, mode="valid"), axis, out)
    return out[::2, ::2]


@pytest.mark.parametrize("shape", SHAPES)
def test_warp_is_sampled_at_twice_the_resolution(shape):
    images = random_images(shape)
    maps = [
        inverse_map(),
        inverse_map(mirrored=1.0, scale=0.8, turn=0.4, move=(0.3, -1.2)),
        inverse_map(quarters=3.0, blit=(1.0, -1.0), stretch=1.3, last_turn=-2.0),
        inverse_map(scale=0.4, turn=2.5, stretch=0.7, move=(2.5, 0.0)),
    ]
    expected = np.stack([warped_by_hand(*pair) for pair in zip(images, maps, strict=True)])
    # A place is known to 1e-6, at slopes of some 4 a half pixel; sums of a dozen products of order 1 are as exact
    np.testing.assert_allclose(jax.jit(ada.warp)(images, jnp.stack(maps)), expected, rtol=0, atol=5e-5)


def test_whole_moves_are_copies():
    """Mirroring, quarter turns and whole pixels, up to what the filters blur."""
    x, y = np.meshgrid(np.linspace(-1, 1, 16), np.linspace(-1, 1, 16))
    image = (np.cos(1.5 * x + 0.3) * np.sin(1.2 * y + 0.5))[..., None].astype(np.float32)
    maps = [
        inverse_map(),
        inverse_map(mirrored=1.0),
        inverse_map(quarters=1.0),
        inverse_map(quarters=2.0),
        inverse_map(blit=(2.0, -1.0)),
    ]
    found = ada.warp(jnp.stack([image] * len(maps)), jnp.stack(maps))
    moved = np.roll(image, (-1, 2), (0, 1))
    expected = [image, image[:, ::-1], np.rot90(image), image[::-1, ::-1], moved]
    inner = (slice(None), slice(3, -3), slice(3, -3))  # mirroring has a kink at the edge, which the filters feel
    np.testing.assert_allclose(found[inner], np.stack(expected)[inner], rtol=0, atol=0.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_by_hand(channels):
    images = random_images((3, 4, 5, channels))
    brightness, contrast, flipped, hue, saturation = [0.3, -0.2, 0.0], [0.5, 1.5, 1.0], [0, 1, 1], [1, -2, 0], [2, 1, 0]
    arrays = [jnp.asarray(part, jnp.float32) for part in (brightness, contrast, flipped, hue, saturation)]
    found = ada.recolor(images, *jax.vmap(ada.color_map)(*arrays))
    axis = np.ones(3) / np.sqrt(3)
    for n in range(3):
        x = np.broadcast_to(images[n].astype(np.float64), (4, 5, 3))
        x = (x + brightness[n]) * contrast[n]
        if flipped[n]:
            x = x - 2 * (x @ axis)[..., None] * axis
        along = (x @ axis)[..., None] * axis
        x = along + np.cos(hue[n]) * (x - along) + np.sin(hue[n]) * np.cross(axis, x)  # Rodrigues
        x = along + saturation[n] * (x - along)
        expected = x if channels == 3 else x.mean(2, keepdims=True)
        np.testing.assert_allclose(found[n], expected, rtol=0, atol=2e-6)
    if channels == 3:  # opacity stays, and what is no colour
        maps = jax.vmap(ada.color_map)(*arrays)
        opaque = jnp.concatenate([images, images[..., :1]], axis=-1)
        np.testing.assert_array_equal(ada.recolor(opaque, *maps), np.concatenate([found, images[..., :1]], axis=-1))
        np.testing.assert_array_equal(ada.recolor(images[..., :2], *maps), images[..., :2])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_kind_takes_images_of_any_channels(channels):
    """Those that are no colours are only moved, filtered, cut out and made noisy."""
    rngs, images = jax.random.split(jax.random.key(0), 2), jnp.zeros((2, 8, 6, channels))
    changed = jax.eval_shape(lambda: augment(images, rngs, tuple(AUGMENTATIONS), 0.5))
    assert changed.shape == images.shape


def test_the_box_is_half_the_image_around_its_centre():
    centre, chosen = jnp.array([[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]), jnp.array([True, True, False])
    cut = np.asarray(ada.cut_box(jnp.ones((3, 8, 4, 1)), centre, chosen))[..., 0]
    expected = np.ones((3, 8, 4))
    expected[0, 2:6, 1:3] = 0
    expected[1, 6:, :1] = 0
    np.testing.assert_array_equal(cut, expected)


def test_bands_are_amplified_along_rows_and_columns():
    filters = ada_corruptions.band_filters()
    assert filters.shape == (4, 43)
    np.testing.assert_allclose(filters.sum(0), np.eye(1, 43, 21)[0], atol=1e-12)
    np.testing.assert_allclose(filters.sum(1), [1, 0, 0, 0], atol=1e-12)  # gray is in the lowest band alone
    frequencies = np.abs(np.fft.rfft(filters, 256))
    assert list(frequencies[:, [0, 24, 48, 120]].argmax(0)) == [0, 1, 2, 3]
    images = random_images((2, 9, 6, 2))
    gains = np.array([[1, 1, 1, 1], [0.5, 2.0, 1.0, 3.0]], np.float32)
    expected = images.astype(np.float64)
    for n, gain in enumerate(gains):
        kernel = gain @ filters
        for axis in (0, 1):
            padded = np.pad(expected[n], [(21, 21) if index == axis else (0, 0) for index in range(3)], mode="reflect")
            expected[n] = np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="valid"), axis, padded)  # noqa: B023
    found = ada_corruptions.filter_bands(images, gains)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)  # sums of dozens of products of order 1
    np.testing.assert_allclose(found[0], images[0], rtol=0, atol=2e-6)


COUNT = 4000


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_each_part_comes_with_the_probability(probability):
    keys = jax.random.split(jax.random.key(5), COUNT)
    (maps,) = jax.vmap(lambda key: ada.sample_geometry(key, 16, 32, jnp.float32(probability)))(keys)
    matrices, offsets = jax.vmap(lambda key: ada.sample_colors(key, 16, 32, jnp.float32(probability)))(keys)
    centres, chosen = jax.vmap(lambda key: ada.sample_cutout(key, 16, 32, jnp.float32(probability)))(keys)
    (gains,) = jax.vmap(lambda key: ada_corruptions.sample_gains(key, 16, 32, jnp.float32(probability)))(keys)
    _, deviations = jax.vmap(lambda key: ada_corruptions.sample_noise(key, 16, 32, jnp.float32(probability)))(keys)
    p = probability
    half = 0.5 * p

    def close(share, expected):
        # Five standard deviations of a share of COUNT draws
        np.testing.assert_allclose(share, expected, rtol=0, atol=5 * (expected * (1 - expected) / COUNT) ** 0.5 + 1e-3)

    determinant = np.linalg.det(maps)
    close((determinant < 0).mean(), p / 2)
    close((np.abs(np.log2(np.abs(determinant))) > 1e-6).mean(), p)  # scaled
    close(np.asarray(chosen).mean(), p)
    close((np.asarray(deviations) > 0).mean(), p)
    close((np.abs(np.asarray(gains) - 1) < 1e-6).all(1).mean(), (1 - p) ** 4)
    assert 0.45 < np.asarray(centres).mean() < 0.55
    still = np.abs(np.asarray(maps) - np.eye(3)).max((1, 2)) < 1e-6
    # Nothing at all: no mirroring (half of the luck), turns by quarters (a quarter are none), five others
    close(still.mean(), (1 - p / 2) * (1 - 0.75 * p) * (1 - p) ** 5)
    close((np.linalg.det(matrices) < 0).mean(), half / 2)
    plain = np.abs(np.asarray(matrices) - np.eye(3)).max((1, 2)) < 1e-6
    close((plain & (np.abs(offsets).max(1) == 0)).mean(), (1 - half / 2) * (1 - half) ** 4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", POLICY)
def test_gradients_are_the_transposed_maps(name, shape):
    """As in tests/augment/test_diffaugment.py, with an image depending on its own key alone."""
    images, cotangent = random_images(shape), random_images(shape, seed=1)
    rngs = jax.random.split(jax.random.key(0), shape[0])

    @jax.jit
    def everything(images, cotangent):
        def transform(x):
            return augment(x, rngs, (name,), 0.9)

        outputs, pullback = jax.vjp(transform, images)
        (gradient,) = pullback(cotangent)
        _, again = jax.vjp(lambda y: pullback(y)[0], cotangent)
        alone = augment(images[1:2], rngs[1:2], (name,), 0.9)
        return outputs, outputs - transform(jnp.zeros(shape)), gradient, again(images)[0], alone

    outputs, linear, gradient, again, alone = everything(images, cotangent)
    # Sums of 200 products of order 1
    np.testing.assert_allclose(jnp.vdot(linear, cotangent), jnp.vdot(images, gradient), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(again, linear, rtol=0, atol=1e-5)
    np.testing.assert_allclose(alone, outputs[1:2], rtol=0, atol=1e-5)


def test_other_augmentations_take_place_with_the_probability():
    images, rngs = random_images((400, 4, 4, 1)), jax.random.split(jax.random.key(0), 400)
    whole, some = augment(images, rngs, ("color",)), augment(images, rngs, ("color",), jnp.float32(0.25))
    changed = (np.asarray(some) != images).any((1, 2, 3))
    assert 0.15 < changed.mean() < 0.35
    np.testing.assert_array_equal(some, np.where(changed[:, None, None, None], whole, images))

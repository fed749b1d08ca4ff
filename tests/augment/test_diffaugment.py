"""Augmentations: against the authors' formulas in numpy, what is drawn, what the gradients are, who depends on whom."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgan.augment.diffaugment import (
    AUGMENTATIONS,
    augment,
    check_policy,
    color,
    cut_out,
    cutout_size,
    flip,
    translate,
    translation_reach,
)
from jgan.types import UserError

EVERYTHING = ("color", "translation", "cutout", "flip")
SHAPES = [(6, 16, 16, 3), (6, 13, 22, 1), (6, 7, 5, 4)]  # (examples, height, width, channels)


def random_images(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def draws_of(name, count, height, width):
    """What `count` examples draw, as numpy arrays."""
    keys = jax.random.split(jax.random.key(3), count)
    drawn = jax.jit(jax.vmap(lambda key: AUGMENTATIONS[name].sample(key, height, width)))(keys)
    return [np.asarray(array) for array in drawn]


@pytest.mark.parametrize("shape", SHAPES)
def test_color_is_brightness_then_saturation_then_contrast(shape):
    images, drawn = random_images(shape), draws_of("color", shape[0], *shape[1:3])
    brightness, saturation, contrast = (array.astype(np.float64)[:, None, None, None] for array in drawn)
    x = images.astype(np.float64) + brightness
    gray = x.mean(3, keepdims=True)
    x = (x - gray) * saturation + gray
    mean = x.mean((1, 2, 3), keepdims=True)
    x = (x - mean) * contrast + mean
    # Means of up to 768 float32 numbers in sums that keep partial sums small, times factors of 3 at most.
    np.testing.assert_allclose(color(images, *drawn), x, rtol=0, atol=5e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_translation_moves_the_image_and_brings_zeros_in(shape):
    images = random_images(shape)
    reaches = [translation_reach(side) for side in shape[1:3]]
    random = np.random.default_rng(1)
    rows, columns = (random.integers(-reach, reach + 1, shape[0]) for reach in reaches)
    rows[:2], columns[:2] = [-reaches[0], reaches[0]], [reaches[1], -reaches[1]]
    expected = np.zeros_like(images)
    for n, (down, right) in enumerate(zip(rows, columns, strict=True)):
        for i in range(shape[1]):
            for j in range(shape[2]):
                if 0 <= i - down < shape[1] and 0 <= j - right < shape[2]:
                    expected[n, i, j] = images[n, i - down, j - right]
    np.testing.assert_array_equal(translate(images, jnp.asarray(rows), jnp.asarray(columns)), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutout_zeros_a_clamped_box(shape):
    """As the authors index: the box's pixels are clamped to the image, then zeroed."""
    images, (rows, columns) = random_images(shape), draws_of("cutout", shape[0], *shape[1:3])
    expected = images.copy()
    for n, centre in enumerate(zip(rows, columns, strict=True)):
        sizes = [cutout_size(side) for side in shape[1:3]]
        boxes = [
            np.clip(np.arange(size) + middle - size // 2, 0, side - 1)
            for size, middle, side in zip(sizes, centre, shape[1:3], strict=True)
        ]
        expected[n][np.ix_(*boxes)] = 0
    np.testing.assert_array_equal(cut_out(images, rows, columns), expected)


def test_flip_mirrors_left_and_right():
    images = random_images((2, 3, 5, 2))
    flipped = flip(images, jnp.array([False, True]))
    np.testing.assert_array_equal(flipped, np.stack([images[0], images[1, :, ::-1]]))


@pytest.mark.parametrize(("side", "reach", "cut"), [(32, 4, 16), (64, 8, 32), (20, 3, 10), (13, 2, 7), (3, 0, 2)])
def test_sizes_are_rounded_as_the_authors_do(side, reach, cut):
    assert (translation_reach(side), cutout_size(side)) == (reach, cut) == (int(side / 8 + 0.5), int(side / 2 + 0.5))


COUNT = 4000


def assert_uniform_integers(values, low, high):
    """Every value from low to high comes as often as chance has it."""
    assert (values.min(), values.max()) == (low, high)
    counts = np.bincount(values - low)
    mean = COUNT / (high - low + 1)
    # Counts are binomial: five standard deviations of each
    np.testing.assert_allclose(counts, mean, atol=5 * mean**0.5)


@pytest.mark.parametrize(("height", "width"), [(16, 32), (13, 22)])
def test_draws_are_uniform_over_their_ranges(height, width):
    for values, side in zip(draws_of("translation", COUNT, height, width), (height, width), strict=True):
        assert_uniform_integers(values, -translation_reach(side), translation_reach(side))
    for values, side in zip(draws_of("cutout", COUNT, height, width), (height, width), strict=True):
        assert_uniform_integers(values, 0, side - cutout_size(side) % 2)
    (mirrored,) = draws_of("flip", COUNT, height, width)
    assert_uniform_integers(mirrored.astype(int), 0, 1)
    colors = draws_of("color", COUNT, height, width)
    for values, low, high in zip(colors, (-0.5, 0.0, 0.5), (0.5, 2.0, 1.5), strict=True):
        assert low <= values.min() < low + 0.01 < high - 0.01 < values.max() < high
        # Mean of a uniform: five standard errors
        assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / (12 * COUNT) ** 0.5


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_the_transposed_maps(name, shape):
    """Each transform is affine in the image: <A x, y> - <A 0, y> = <x, A' y>, and A' is differentiable by y again."""
    images, cotangent = random_images(shape), random_images(shape, seed=1)
    rngs = jax.random.split(jax.random.key(0), shape[0])

    def transform(x):
        return augment(x, rngs, (name,))

    outputs, pullback = jax.vjp(transform, images)
    (gradient,) = pullback(cotangent)
    linear = outputs - transform(jnp.zeros(shape))
    # Sums of a thousand products of order 1: sqrt(1000) * 6e-8 times the size of the sum's terms
    np.testing.assert_allclose(jnp.vdot(linear, cotangent), jnp.vdot(images, gradient), rtol=1e-5, atol=1e-4)
    _, again = jax.vjp(lambda y: pullback(y)[0], jnp.asarray(cotangent))
    np.testing.assert_allclose(again(jnp.asarray(images))[0], linear, rtol=0, atol=1e-5)


def test_the_gradient_of_a_translation_is_the_opposite_one():
    images, cotangent = random_images((1, 16, 16, 1)), random_images((1, 16, 16, 1), seed=1)
    rows, columns = jnp.array([2]), jnp.array([-1])
    (gradient,) = jax.vjp(lambda x: translate(x, rows, columns), images)[1](cotangent)
    np.testing.assert_array_equal(gradient, translate(cotangent, -rows, -columns))


def test_no_gradient_reaches_what_is_cut_out():
    rows, columns = jnp.array([0, 8]), jnp.array([16, 8])
    images = jnp.ones((2, 16, 16, 3))
    gradient = jax.grad(lambda x: cut_out(x, rows, columns).sum())(images)
    np.testing.assert_array_equal(gradient, cut_out(images, rows, columns))
    assert [int((image == 0).sum()) for image in gradient] == [3 * 4 * 4, 3 * 8 * 8]


def test_an_image_depends_on_its_own_key_alone():
    """The same key, the same transform, whatever batch and policy are around it."""
    transform = jax.jit(augment, static_argnums=2)
    images, rngs = random_images((8, 16, 16, 3)), jax.random.split(jax.random.key(0), 8)
    whole = transform(images, rngs, EVERYTHING)
    np.testing.assert_allclose(transform(images[2:5], rngs[2:5], EVERYTHING), whole[2:5], rtol=0, atol=1e-6)
    assert all((a != b).any() for a, b in zip(whole, transform(images, rngs[::-1], EVERYTHING), strict=True))
    same = transform(np.stack([images[0]] * 8), jnp.stack([rngs[4]] * 8), EVERYTHING)
    np.testing.assert_array_equal(same, jnp.stack([same[0]] * 8))
    one_by_one = images
    for name in EVERYTHING:
        one_by_one = transform(one_by_one, rngs, (name,))
    np.testing.assert_allclose(one_by_one, whole, rtol=0, atol=1e-6)


def test_an_empty_policy_changes_nothing():
    images = random_images((2, 8, 8, 1))
    assert augment(images, jax.random.split(jax.random.key(0), 2), ()) is images


def test_a_wrong_policy_is_refused():
    check_policy(EVERYTHING, "game.augment")
    with pytest.raises(UserError, match=r"game.augment\[1\]='colour': expected one of color, translation, cutout"):
        check_policy(("cutout", "colour"), "game.augment")
    with pytest.raises(UserError, match=r"game.augment\[2\]='flip': it is there already"):
        check_policy(("flip", "color", "flip"), "game.augment")

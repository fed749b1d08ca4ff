"""Path length: against closed forms of linear generators, and its trimming by hand."""

import numpy as np
import pytest

from jgan.metrics.path_length import lerp, perceptual_path_length, slerp, without_outliers
from jgan.types import UserError

DIM = 64


def squared(a, b):
    return np.square(a - b).reshape(len(a), -1).sum(axis=1)


def normal(rng, n):
    return rng.standard_normal((n, DIM))


def rotated(latents, labels):
    """A generator that keeps all distances, times 3, in float64: what is left is the rounding of float32 latents."""
    matrix = 3 * np.linalg.qr(np.random.default_rng(7).normal(size=(DIM, DIM)))[0]
    return latents.astype(np.float64) @ matrix


def trimmed(values):
    """As NVIDIA's code has it, by hand."""
    ordered = np.sort(values)
    last = len(values) - 1
    return ordered[int(np.floor(0.01 * last)) : int(np.ceil(0.99 * last)) + 1]


@pytest.mark.parametrize("full", [True, False])
def test_slerp_of_a_linear_generator(full):
    """A step along the great circle has the chord 2 r sin(angle epsilon / 2), wherever it is taken."""
    count, epsilon = 300, 1e-3
    result = perceptual_path_length(
        rotated,
        squared,
        normal,
        slerp,
        np.random.default_rng(0),
        count=count,
        batch_size=77,
        epsilon=epsilon,
        full=full,
    )
    rng, angles = np.random.default_rng(0), []
    for size in (77, 77, 77, 69):
        a, b = normal(rng, size), normal(rng, size)
        cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        angles.append(np.arccos(cosines))
        if full:
            rng.random(size)
    expected = trimmed(9 * DIM * np.square(2 * np.sin(np.concatenate(angles) * epsilon / 2) / epsilon))
    # Coordinates near 1 round by 3e-8 beside steps of 1e-3 * pi / 2; over 64 of them and two sides about 1e-5.
    assert result.mean == pytest.approx(expected.mean(), rel=1e-4)
    assert result.std == pytest.approx(expected.std(), rel=1e-3)


def test_lerp_between_styles():
    """A straight line through a linear generator has the length |b - a|^2 everywhere, 2 * 5 * 4 for normal ends."""
    count = 2000

    def styles(rng, n):
        return rng.standard_normal((n, 5, 4))

    result = perceptual_path_length(
        lambda w, _: w.astype(np.float64), squared, styles, lerp, np.random.default_rng(1), count=count, epsilon=1e-2
    )
    # |b - a|^2 / 2 is chi-squared of 20 degrees: deviation sqrt(40) * 2 a path; trimming moves it by less than 1 %.
    assert result.mean == pytest.approx(40, abs=4 * 2 * np.sqrt(40 / count) + 0.4)


def test_slerp_and_lerp_meet_their_ends():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 6, DIM))
    unit = [8 * side / np.linalg.norm(side, axis=1, keepdims=True) for side in (a, b)]
    for share, end, straight in ((np.zeros(6), unit[0], a), (np.ones(6), unit[1], b)):
        np.testing.assert_allclose(slerp(a, b, share), end, atol=1e-13)
        np.testing.assert_allclose(lerp(a, b, share), straight, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(slerp(a, b, rng.random(6)), axis=1), 8, rtol=1e-14)


def test_outliers_are_beyond_the_first_and_last_percentile():
    shuffled = np.random.default_rng(3).permutation(1000.0 + np.arange(1000))
    # Percentiles fall at places 9.99 and 989.01: rounded outwards, 9 to 990 stay.
    np.testing.assert_array_equal(np.sort(without_outliers(shuffled)), 1000.0 + np.arange(9, 991))
    few = np.array([3.0, 1.0, 100.0])
    np.testing.assert_array_equal(without_outliers(few), few)


def test_calls_and_labels():
    labels, seen = np.arange(10), []

    def generate(latents, labels):
        assert latents.dtype == np.float32
        seen.append((len(latents), labels.tolist()))
        return latents

    arguments = (generate, squared, normal, slerp)
    first = perceptual_path_length(*arguments, np.random.default_rng(4), labels=labels, count=10, batch_size=8)
    assert seen == [(8, [*range(8)]), (8, [*range(8)]), (2, [8, 9]), (2, [8, 9])]
    again = perceptual_path_length(*arguments, np.random.default_rng(4), labels=labels, count=10, batch_size=8)
    assert again == first


def test_refusals():
    def measure(distance=squared, **settings):
        perceptual_path_length(rotated, distance, normal, slerp, np.random.default_rng(5), **{"count": 4, **settings})

    for settings, message in (
        ({"count": 0}, "count=0"),
        ({"epsilon": 0.0}, "epsilon=0.0"),
        ({"labels": np.zeros(3, int)}, r"labels: shape \[3\]; expected one for each of 4"),
        ({"distance": lambda a, b: a - b}, r"distance: shape \[4, 64\]; expected 4 finite"),
        ({"distance": lambda a, b: squared(a, b) * np.nan}, "expected 4 finite"),
    ):
        with pytest.raises(UserError, match=message):
            measure(**settings)

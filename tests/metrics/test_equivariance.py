"""EQ-T and EQ-R of images that are known to move, and of StyleGANs at random weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgan.families import stylegan2, stylegan3
from jgan.metrics.equivariance import band_limit, eq_r, eq_t, eq_t_fractional, rotate, translate, translate_between
from jgan.types import UserError

SIDE = 32
RANDOM = np.random.default_rng(0)
FREQUENCIES, PHASES = 2 * RANDOM.standard_normal((20, 2)), RANDOM.random(20)
SINES = RANDOM.uniform(-1.5, 1.5, (3, 16))  # of Fourier features: frequencies and phases


def waves(batch, transform):
    """Images [1, s, s, 1] of a function that is far from the limits of the pixels, wherever it is sampled."""
    places = (np.arange(SIDE) - (SIDE - 1) / 2) / SIDE
    x, y = np.meshgrid(places, places)
    x, y = np.einsum("ij,jhw->ihw", transform, np.stack([x, y, np.ones_like(x)]))[:2]
    parts = zip(FREQUENCIES, PHASES, strict=True)
    return sum(np.sin(2 * np.pi * (a * x + b * y + phase + batch)) for (a, b), phase in parts)[None, :, :, None] / 6


def test_images_that_move_with_their_input_score_high_and_those_that_stay_do_not():
    seeded = lambda: np.random.default_rng(1)  # noqa: E731
    assert eq_t(waves, 3, seeded()) > 200.0  # the same numbers, but for rounding
    assert eq_r(waves, 3, seeded()) > 60.0  # what the filters of the rotation let through
    assert eq_t_fractional(waves, 3, seeded()) > 35.0  # as sharp as three lobes are
    stays = lambda batch, transform: waves(batch, np.eye(3))  # noqa: E731
    against = lambda batch, transform: waves(batch, np.linalg.inv(transform))  # noqa: E731
    for wrong in (stays, against):
        assert max(score(wrong, 3, seeded()) for score in (eq_t, eq_t_fractional, eq_r)) < 15.0
    with pytest.raises(UserError, match="images are too small"):
        eq_r(lambda batch, transform: np.zeros((1, 8, 8, 1)), 1, seeded())


def test_decibels_are_those_of_the_error():
    noise = lambda batch, transform: 0.01 * RANDOM.choice([-1.0, 1.0], (4, 64, 64, 3))  # noqa: E731
    # Of two numbers of 0.01 the mean square difference is 2e-4; the range is 2.
    assert eq_t(noise, 2, np.random.default_rng(1)) == pytest.approx(20 * np.log10(2) - 10 * np.log10(2e-4), abs=0.1)


def test_what_comes_from_beyond_an_edge_does_not_count():
    images = RANDOM.standard_normal((2, 20, 20, 3))
    moved, mask = translate(images, 3, -2)  # to the right, and up
    np.testing.assert_array_equal(moved[:, :18, 3:], images[:, 2:, :17])
    assert mask.sum() == mask[:, :18, 3:].sum() == 2 * 18 * 17 * 3
    same, inside = rotate(images, 0.0)
    assert inside[0, :, :, 0].sum() == (20 - 6 - 6) ** 2
    limited, counts = band_limit(images, 0.0)
    assert counts[0, :, :, 0].sum() == (20 - 5 - 5) ** 2
    for made in rotate(np.ones_like(images), 0.7), band_limit(np.ones_like(images), 0.7):
        np.testing.assert_allclose(made[0][made[1] > 0], 1.0)  # a constant stays one
    quarter, inside = rotate(waves(0, np.eye(3)), np.pi / 2)
    turned = np.rot90(waves(0, np.eye(3)), axes=(1, 2))  # what was to the right is above
    assert np.abs((quarter - turned) * inside).max() < 0.02
    assert np.abs((rotate(waves(0, np.eye(3)), 0.0)[0] - waves(0, np.eye(3))) * inside).max() < 0.02
    assert limited.shape == same.shape == images.shape


def test_moves_between_pixels_are_those_of_the_lanczos_filter():
    images, a = RANDOM.standard_normal((2, 12, 12, 3)), 3
    for x, y in ((1.3, -2.6), (-0.25, 0.0), (4.0, 1.5)):
        moved, mask = translate_between(images, x, y)
        expected = np.zeros_like(images)
        weigh = lambda by: (  # noqa: E731
            np.array([np.sinc(k - by % 1) * np.sinc((k - by % 1) / a) for k in range(1 - a, a + 1)])
        )
        across, down = (weigh(by) / weigh(by).sum() for by in (x, y))
        for i in range(12):
            for j in range(12):
                for k, row in enumerate(range(i - int(np.floor(y)) + a - 1, i - int(np.floor(y)) - a - 1, -1)):
                    for m, column in enumerate(range(j - int(np.floor(x)) + a - 1, j - int(np.floor(x)) - a - 1, -1)):
                        if 0 <= row < 12 and 0 <= column < 12:
                            expected[:, i, j] += down[k] * across[m] * images[:, row, column]
        np.testing.assert_allclose(moved, expected, atol=1e-12)
        ix, iy = int(np.floor(x)), int(np.floor(y))
        counts = np.zeros_like(images)  # as the authors' code has it
        counts[:, max(iy + a, 0) : min(iy - a + 1, 0) + 12, max(ix + a, 0) : min(ix - a + 1, 0) + 12] = 1.0
        np.testing.assert_array_equal(mask, counts)


@pytest.mark.slow
def test_stylegan3_t_moves_and_r_turns_as_well_where_stylegan2_does_neither():
    latents = jax.random.normal(jax.random.key(0), (2, 4, 16))
    rngs = {"params": jax.random.key(1), "dropout": jax.random.key(2)}

    def scores(generator, moved):
        """Of images of deviation 1, by the variables that a transform makes of the first ones."""
        first = jax.jit(lambda: generator.init(rngs, latents[0], train=True))()

        images = jax.jit(lambda batch, matrix: generator.apply(moved(first, matrix), latents[batch], train=False))
        scale = images(0, jnp.eye(3)).std()
        generate = lambda batch, matrix: images(batch, jnp.asarray(matrix, jnp.float32)) / scale  # noqa: E731
        return [score(generate, 2, np.random.default_rng(3)) for score in (eq_t, eq_r)]

    def with_fourier_features(first, transform):
        """StyleGAN2 on sines in place of its constant: config B of the paper's table."""
        x, y = np.meshgrid(*[(np.arange(4) - 1.5) / 4] * 2)
        x, y = jnp.einsum("ij,jhw->ihw", transform, np.stack([x, y, np.ones_like(x)]))[:2]
        synthesis = first["params"]["synthesis"]
        a, b, phase = SINES[:, : synthesis["constant"].shape[-1]]
        constant = jnp.sin(
            2 * jnp.pi * (x[..., None] * a[None, None] + y[..., None] * b[None, None] + phase[None, None])
        )
        return {**first, "params": {**first["params"], "synthesis": {**synthesis, "constant": constant}}}

    t = scores(stylegan3.Generator(SIDE, 3, 0, 256, 16, False, 8, 16), stylegan3.with_transform)
    r = scores(stylegan3.Generator(SIDE, 3, 0, 512, 32, True, 8, 16), stylegan3.with_transform)
    two = scores(stylegan2.Generator((16, 16, 16, 8), style_units=16, mapping_layers=2), with_fourier_features)
    assert t[0] > two[0] + 30.0
    assert r[0] > two[0] + 30.0
    assert r[1] > max(t[1], two[1]) + 30.0

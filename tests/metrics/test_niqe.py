"""NIQE: MATLAB's number of a published image, and the fit that it rests on."""

import numpy as np
import pytest
from PIL import Image
from shared_data import shared_data

from jgan.metrics.niqe import Pristine, asymmetric_gaussian, load_niqe, niqe
from jgan.types import UserError

WINDOW = np.outer([1, 2, 1], [1, 2, 1]) / 16
PRISTINE = Pristine(np.zeros(36), np.eye(36), WINDOW)


def test_published_number():
    """5.72957338 by MATLAB R2021a, 5.7295763 by BasicSR, which halves in float32."""
    folder = shared_data("golden/niqe")
    with Image.open(folder / "baboon.png") as image:
        baboon = np.asarray(image.convert("RGB"))[None]
    pristine = load_niqe(folder / "niqe_pris_params.npz")
    sharp = niqe(pristine, baboon)
    np.testing.assert_allclose(sharp, 5.72957338, rtol=0, atol=5e-6)
    blurred = baboon.reshape(1, 240, 2, 246, 2, 3).mean((2, 4)).round().astype(np.uint8).repeat(2, 1).repeat(2, 2)
    assert niqe(pristine, blurred) > sharp + 0.5
    np.testing.assert_array_equal(niqe(pristine, baboon, crop=6), niqe(pristine, baboon[:, 6:-6, 6:-6]))


def test_fit_finds_the_distribution_it_was_drawn_from():
    """|x| of a generalised Gaussian is scale * gamma(1 / shape) ** (1 / shape); a side's weight is its scale's."""
    random = np.random.default_rng(0)
    left, right = 0.5, 1.5
    for shape in (0.7, 1.0, 2.0, 4.0):
        sides = random.random(200_000) < left / (left + right)
        sizes = random.gamma(1 / shape, size=sides.size) ** (1 / shape)
        values = np.where(sides, -left, right) * sizes
        found = np.ravel(asymmetric_gaussian(values.reshape(1, 400, 500)))
        # Moments of 2e5 draws of kurtosis below 10 are off by sqrt(9 / 2e5) = 0.7 %; the shape by up to 3 times that.
        np.testing.assert_allclose(found, [shape, left, right], rtol=0.03)


def test_gray_and_16_bits():
    random = np.random.default_rng(1)
    gray = random.integers(0, 256, (2, 200, 100, 1), dtype=np.uint8)
    alone = niqe(PRISTINE, gray)
    assert np.isfinite(alone).all()
    np.testing.assert_array_equal(niqe(PRISTINE, gray.astype(np.uint16) * 257), alone)
    np.testing.assert_array_equal(niqe(PRISTINE, gray[1:, :192, :96]), alone[1:])  # what is left of blocks is not seen
    # Y of gray pixels has 220 levels, not 256: another image.
    assert (niqe(PRISTINE, gray.repeat(3, axis=3)) != alone).all()


def test_flat_blocks():
    """One of three blocks is flat: the number is finite; two are: there is no covariance."""
    image = np.random.default_rng(2).integers(0, 256, (1, 96, 288, 1), dtype=np.uint8)
    image[:, :, :100] = 9
    assert np.isfinite(niqe(PRISTINE, image)).all()
    image[:, :, :198] = 9
    assert np.isnan(niqe(PRISTINE, image)).all()


def test_bad_input_is_named(tmp_path):
    image = np.zeros((1, 96, 192, 3), np.uint8)
    good = {"mu_pris_param": np.zeros((1, 36)), "cov_pris_param": np.eye(36), "gaussian_window": WINDOW}
    files = {
        "short": good | {"mu_pris_param": np.zeros((1, 18))},
        "even": good | {"gaussian_window": np.ones((4, 4))},
        "other": {"x": np.zeros(3)},
    }
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    cases = {
        r"short.npz: mu_pris_param of shape \(1, 18\); expected \(1, 36\)": lambda: load_niqe(tmp_path / "short.npz"),
        r"even.npz: gaussian_window of shape \(4, 4\); expected an odd square": lambda: load_niqe(
            tmp_path / "even.npz"
        ),
        r"other.npz: no mu_pris_param in it": lambda: load_niqe(tmp_path / "other.npz"),
        r"gone.npz: cannot read it": lambda: load_niqe(tmp_path / "gone.npz"),
        r"expected two blocks of 96 x 96 or more": lambda: niqe(PRISTINE, image[:, :, :191]),
        r"crop=1; expected sides of 96 pixels or more": lambda: niqe(PRISTINE, image, crop=1),
        r"expected one channel or three": lambda: niqe(PRISTINE, image[..., :2]),
        r"images: float64 .*; expected uint8 or uint16": lambda: niqe(PRISTINE, image / 1.0),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=message):
            call()

"""Metrics of features and pixels: against other implementations (tests/golden/metrics.py), scipy, and by hand."""

import numpy as np
import pytest
from golden_numbers import load_golden
from PIL import Image
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from shared_data import shared_data

from jgan.metrics import kernel, manifold
from jgan.metrics.comparison import Comparison
from jgan.metrics.frechet import frechet_distance, frechet_distance_of_samples, frechet_infinity
from jgan.metrics.inception_score import inception_score
from jgan.metrics.kernel import full_kernel_distance, kernel_distance
from jgan.metrics.manifold import manifold_scores, nearest
from jgan.metrics.modes import class_modes, mixture_modes
from jgan.metrics.moments import Moments
from jgan.metrics.ms_ssim import ms_ssim, ms_ssim_diversity
from jgan.metrics.scores import METRICS, ImageSet
from jgan.metrics.sliced_wasserstein import laplacian_pyramid, sliced_wasserstein
from jgan.types import UserError

script, NUMBERS = load_golden("metrics")
INPUTS = script.draw()


class LegacyGenerator(np.random.RandomState):
    """The stream that the other implementations draw from, under the names of numpy's Generator."""

    def integers(self, low, high, size):
        return self.randint(low, high, size)


def moments_of(features, batch=7):
    moments = Moments(features.shape[1])
    for first in range(0, len(features), batch):
        moments.add(features[first : first + batch])
    return moments


def statistics(features):
    moments = moments_of(features)
    return moments.mean, moments.covariance


def test_moments_survive_a_large_offset_and_merge():
    random = np.random.default_rng(0)
    whole = random.integers(-50, 50, (1000, 3)).astype(np.float64) @ [[4, 1, 0], [0, 2, 0], [0, 0, 3]]
    offset = 1e8  # whole numbers: adding it is exact, and a sum of squares would keep no digit of the variance
    parts = [moments_of(part + offset) for part in np.split(whole, [1, 333])]
    merged = Moments(3)
    for part in parts:
        merged.merge(Moments.of_state(part.count, part.mean, part.scatter))
    # Means near 1e8 round by 1.5e-8; deviations of about 100, wrong by that: 1.5e-10 relative.
    np.testing.assert_allclose(merged.mean - offset, whole.mean(axis=0), rtol=0, atol=1e-7)
    np.testing.assert_allclose(merged.covariance, np.cov(whole, rowvar=False), rtol=1e-9, atol=1e-6)
    assert merged.count == 1000
    assert not merged.is_singular
    assert moments_of(whole[:3]).is_singular
    assert not moments_of(whole[:4]).is_singular


def test_moments_of_float32_are_those_of_float64():
    features = (np.random.default_rng(1).normal(size=(500, 4)) + 300).astype(np.float32)
    mean, covariance = statistics(features)
    np.testing.assert_allclose(mean, features.mean(axis=0, dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-9)


def frechet_by_sqrtm(mean_a, cov_a, mean_b, cov_b):
    """The formula of pytorch-fid."""
    root = sqrtm(cov_a @ cov_b).real
    return np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root)


def test_frechet_distance_of_full_rank():
    fake, real = statistics(INPUTS["fake"]), statistics(INPUTS["real"])
    ours = frechet_distance(*fake, *real)
    # Conditions near 1e3 in float64: both ways lose at most six of sixteen digits.
    assert ours == pytest.approx(NUMBERS["frechet"]["frechet_inception_distance"], rel=1e-9)
    assert ours == pytest.approx(frechet_by_sqrtm(*fake, *real), rel=1e-9)
    assert frechet_distance(*real, *real) == pytest.approx(0, abs=1e-12 * np.trace(real[1]))
    dim = 32  # pytorch-fid's own test: unit covariances, means 0 and 1
    assert frechet_distance(np.zeros(dim), np.eye(dim), np.ones(dim), np.eye(dim)) == pytest.approx(dim, rel=1e-13)


@pytest.mark.parametrize(("count_a", "count_b"), [(12, 9), (12, 300), (2, 2)])
def test_frechet_distance_of_fewer_samples_than_features(count_a, count_b):
    """With centred rows X, Y the root's trace is the sum of the singular values of X Y^T: no covariance is needed."""
    random = np.random.default_rng(2)
    dim = 40
    a, b = random.normal(size=(count_a, dim)), random.normal(0.5, 2.0, (count_b, dim))
    x, y = ((m - m.mean(axis=0)) / np.sqrt(len(m) - 1) for m in (a, b))
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.square(x).sum() + np.square(y).sum() - 2 * root
    # float64 rounding of sums of 40 terms; rank-deficient matrices must not bring in roots of 1e-16 (1e-8 each).
    assert frechet_distance(*statistics(a), *statistics(b)) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance_of_samples(a, b) == pytest.approx(expected, rel=1e-12)
    constant = np.full_like(a, 3.0)
    to_constant = np.square(a.mean(0) - 3.0).sum() + np.square(x).sum()
    assert frechet_distance(*statistics(a), *statistics(constant)) == pytest.approx(to_constant, rel=1e-12)


def test_frechet_infinity_removes_the_bias():
    """Draws of the reference itself: the distance is 0, and that of n samples is about c / n above."""
    random = np.random.default_rng(3)
    dim = 10
    features = random.normal(size=(2000, dim))
    line = frechet_infinity(features, np.zeros(dim), np.eye(dim), random)
    # E|mean|^2 = d/n, and d (d + 1) / (4 n) from the covariance, to first order: 37.5 / n, plus second-order terms of
    # less than (d / n) of that: 5 % at n = 200. Subsets of one sample scatter: the chi-square sums have a deviation of
    # about sqrt(2 * 65) / 65 = 18 % of the bias.
    assert line.slope == pytest.approx(dim + dim * (dim + 1) / 4, rel=0.5)
    assert abs(line.intercept) < 0.5 * line.distances[-1]
    assert list(line.sizes[[0, -1]]) == [200, 2000]
    np.testing.assert_allclose(np.polyval([line.slope, line.intercept], 1 / line.sizes), line.distances, atol=0.03)


def test_kernel_distance_matches_torch_fidelity():
    rng = np.random.RandomState(script.SEED)
    ours = kernel_distance(INPUTS["real"], INPUTS["fake"], rng, subsets=script.SUBSETS, subset_size=script.SUBSET_SIZE)
    numbers = NUMBERS["kernel"]
    # float64 sums of 1,600 kernels that are up to a thousand times their difference.
    assert ours.mean == pytest.approx(numbers["kernel_inception_distance_mean"], rel=1e-11)
    assert ours.std == pytest.approx(numbers["kernel_inception_distance_std"], rel=1e-11)


def test_full_kernel_distance_by_hand_in_blocks(monkeypatch):
    real, fake = INPUTS["real"], INPUTS["fake"].astype(np.float32)
    k = {
        (i, j): (a @ b.T.astype(np.float64) / 8 + 1) ** 3
        for i, a in enumerate((real, fake))
        for j, b in enumerate((real, fake))
    }
    off_diagonal = [k[i, i][~np.eye(n, dtype=bool)].mean() for i, n in enumerate((90, 70))]
    monkeypatch.setattr(kernel, "BLOCK", 32)
    assert full_kernel_distance(real, fake) == pytest.approx(sum(off_diagonal) - 2 * k[0, 1].mean(), rel=1e-11)


def test_inception_score_matches_torch_fidelity():
    for name, rng in [("inception_score", None), ("inception_score_shuffled", np.random.RandomState(script.SEED))]:
        ours = inception_score(INPUTS["logits"].astype(np.float64), splits=script.SPLITS, rng=rng)
        assert ours.mean == pytest.approx(NUMBERS[name]["inception_score_mean"], rel=1e-12)
        assert ours.std == pytest.approx(NUMBERS[name]["inception_score_std"], rel=1e-10)


def test_inception_score_of_certain_classifiers():
    """Probabilities that underflow to 0 stay harmless: one sure class each gives the number of classes."""
    logits = np.float32(1e4) * np.eye(5, dtype=np.float32)[np.arange(40) % 5]
    assert inception_score(logits, splits=2) == pytest.approx((5.0, 0.0), abs=1e-12)
    assert inception_score(np.pad(logits, ((0, 0), (0, 3))), splits=1).mean == pytest.approx(5.0)
    assert inception_score(np.zeros((20, 5)), splits=2) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_manifold_scores_match_the_papers_code(monkeypatch):
    monkeypatch.setattr(manifold, "ROWS", 16)
    monkeypatch.setattr(manifold, "COLUMNS", 25)
    k = script.NEIGHBOURS
    ours = manifold_scores(INPUTS["real"], INPUTS["fake"], k_precision=k, k_density=k)
    fidelity, prdc = NUMBERS["precision_recall"], NUMBERS["prdc"]
    assert ours[:2] == pytest.approx([fidelity["precision"], fidelity["recall"]], rel=1e-7)  # theirs are float32
    assert ours == pytest.approx([prdc[name] for name in ours._fields], rel=1e-14)


def test_manifold_scores_of_copies_and_of_strangers():
    real = INPUTS["real"] + 1e4  # far from the origin, where distances by dot products cancel
    copies = manifold_scores(real, real.copy())
    assert copies[:2] == (1.0, 1.0)
    assert copies.coverage == 1.0
    # Of each ball's k + 1 members its boundary is out, up to rounding of the boundary itself.
    assert copies.density == pytest.approx(1.0, abs=0.2)
    assert manifold_scores(real, real + 1e3) == (0.0, 0.0, 0.0, 0.0)
    repeated = real.repeat(4, axis=0)  # balls of radius 0 still hold the copies of their centre
    assert manifold_scores(repeated, repeated.copy())[:2] == (1.0, 1.0)
    np.testing.assert_array_equal(nearest(repeated, real)[1], 0.0)


@pytest.mark.parametrize("block", [1000, 8])
def test_nearest_matches_scipy(monkeypatch, block):
    monkeypatch.setattr(manifold, "ROWS", block)
    monkeypatch.setattr(manifold, "COLUMNS", block)
    real, fake = INPUTS["real"] + 1e6, INPUTS["fake"] + 1e6
    fake[5] = real[17]
    indices, distances = nearest(fake, real, 10)
    expected = cdist(fake, real)
    np.testing.assert_array_equal(indices, expected.argsort(axis=1)[:, :10])
    # Squares of about 100 around the mean, beyond which subtraction is exact, round by 1e-14, beside squared distances
    # of at least 1e-2; around the origin they would round by 1e-3.
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :10], rtol=1e-11, atol=1e-11)
    assert (indices[5, 0], distances[5, 0]) == (17, 0.0)


def test_sliced_wasserstein_matches_progan():
    ours = sliced_wasserstein(INPUTS["images_real"], INPUTS["images_fake"], LegacyGenerator(script.SEED))
    assert list(ours) == [32, 16]
    # float32 on both sides: values of 1e-1 from projections of order 1, rounded by sqrt(147) * 6e-8.
    np.testing.assert_allclose([1000 * value for value in ours.values()], NUMBERS["sliced_wasserstein"][:2], rtol=1e-5)
    assert sliced_wasserstein(INPUTS["images_real"], INPUTS["images_real"], LegacyGenerator(0))[16] < ours[16]


def test_sliced_wasserstein_of_flat_images_is_a_number():
    flat = np.full((2, 16, 16, 1), 7, np.uint8)
    assert sliced_wasserstein(flat, flat + 1, np.random.default_rng(0)) == {16: 0.0}


def test_laplacian_pyramid_ends_where_sides_are_odd():
    shapes = {28: [28], 48: [48, 24], 50: [50, 25], 64: [64, 32, 16]}
    for side, heights in shapes.items():
        levels = laplacian_pyramid(np.full((1, side, side, 1), 200, np.uint8))
        assert [level.shape[1] for level in levels] == heights
        for level in levels[:-1]:
            np.testing.assert_array_equal(level, 0)  # a flat image has no detail; sums of 200 / 256 are exact
        np.testing.assert_array_equal(levels[-1], 200)


def test_ms_ssim_matches_tensorflows_code():
    """Colour, smaller than the window. Theirs are float32: squares of up to 65,025 round by 4e-3, beside C2 = 58."""
    for name, numbers in zip(("images_fake", "images_noisy", "images_dark"), NUMBERS["ms_ssim"], strict=True):
        np.testing.assert_allclose(ms_ssim(INPUTS["images_real"], INPUTS[name]), numbers, rtol=0, atol=1e-4)


def read_grey(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))[None, :, :, None]


def test_ms_ssim_of_published_images():
    """The images of piq's tests; 0.90116 by tf.image.ssim_multiscale, float32: its own error is about 5e-6."""
    folder = shared_data("golden")
    goldhill, compressed = (read_grey(folder / f"{name}.gif") for name in ("goldhill", "goldhill_jpeg"))
    np.testing.assert_allclose(ms_ssim(goldhill, compressed), 0.90116, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ms_ssim(goldhill, goldhill), 1, rtol=1e-12)


def test_diversity_pairs_different_images():
    image = INPUTS["images_real"][:1]
    negative = 255 - image
    two = np.concatenate([image, negative])
    expected = ms_ssim(image, negative)[0]
    assert ms_ssim_diversity(two, np.random.default_rng(0), pairs=40) == pytest.approx((expected, 0), abs=1e-12)
    assert ms_ssim_diversity(np.concatenate([image, image]), np.random.default_rng(0), pairs=3).mean == pytest.approx(1)


def test_mixture_modes_by_hand():
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = np.array([[0.1, 0.0], [0.0, 1.4], [0.0, 1.6], [10.9, 1.1], [10.0, 0.0], [5.0, 5.0]])
    found = mixture_modes(points, centres, 0.5)  # within 1.5 of a centre: points 0, 1, 3, 4
    assert (found.captured, found.high_quality, found.counts.tolist()) == (2, 4 / 6, [2, 2, 0])
    assert mixture_modes(points, centres, 0.5, at_least=3).captured == 0
    assert mixture_modes(points, centres, 0.5, within=1.0).counts.tolist() == [1, 1, 0]
    random = np.random.default_rng(4)
    draws = mixture_modes(centres[random.integers(0, 3, 20_000)] + random.normal(0, 0.5, (20_000, 2)), centres, 0.5)
    # 1 - exp(-9/2) for a normal in the plane; binomial deviation 7e-4.
    assert draws.high_quality == pytest.approx(1 - np.exp(-4.5), abs=4e-3)


def test_class_modes_by_hand():
    found = class_modes(np.array([0, 0, 2, 2, 2, 2]), 4)
    assert (found.hit, found.counts.tolist()) == (2, [2, 0, 4, 0])
    assert found.kl == pytest.approx(np.log(4) - (np.log(3) / 3 + 2 / 3 * np.log(1.5)))  # log 4 less the entropy
    assert class_modes(np.array([0, 0, 2, 2]), 3, np.array([5, 0, 5])).kl == 0
    assert class_modes(np.array([0, 1]), 3, np.array([5, 0, 5])).kl == np.inf


def test_bad_input_is_named():
    features, images = np.ones((5, 3)), np.zeros((4, 16, 16, 3), np.uint8)
    rng = np.random.default_rng(0)
    spoilt = np.where(np.arange(5)[:, None] == 2, np.nan, features)
    cases = {
        r"features: shape \[5, 3\]; expected 4 features": lambda: Moments(4).add(features),
        r"features: row 2 holds NaN": lambda: Moments(3).add(spoilt),
        r"features: 0 samples; expected at least 2": lambda: Moments(3).covariance,
        r"second statistics: mean \[2\].*expected \[3\]": lambda: frechet_distance(
            np.zeros(3), np.eye(3), np.zeros(2), np.eye(2)
        ),
        r"subset_size=1000: there are 5 real": lambda: kernel_distance(features, features, rng),
        r"logits: 5 samples; expected at least 10": lambda: inception_score(features),
        r"real features: 5 samples; expected at least 6": lambda: manifold_scores(features, features),
        r"images: \[4, 16, 16, 3\] real and \[2,": lambda: sliced_wasserstein(images, images[:2], rng),
        r"images: float32 .*expected uint8": lambda: ms_ssim_diversity(images.astype(np.float32), rng),
        r"images_a: .*sides of at least 16": lambda: ms_ssim(images[:, :8], images[:, :8]),
        r"std=0": lambda: mixture_modes(features, features, 0.0),
        r"labels: 0 to 3; expected 0 to 2": lambda: class_modes(np.arange(4), 3),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=message):
            call()


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if not metric.classifies])
def test_the_least_that_a_metric_takes_is_what_it_says(name):
    metric, rng = METRICS[name], np.random.default_rng(0)
    extractor = metric.extractor or "net"

    def measure(count, size):
        features, images = rng.normal(size=(count, 3)).astype(np.float32), rng.integers(0, 255, (count, size, size, 3))
        labels, moments = np.zeros(count, np.int32), Moments.of(features)
        sides = [
            ImageSet("", count, {extractor: moments}, {extractor: features}, {extractor: features}, pixels, labels)
            for pixels in (images.astype(np.uint8), images.astype(np.uint8))
        ]
        return metric.compute(*sides, extractor, np.random.default_rng(0))

    least = metric.least_images, metric.least_side
    measure(*least)
    comparison = Comparison({name: metric}, "net", {}, None)
    comparison.check_images(generated=least[0], reference=least[0], side=least[1])
    for count, size in {(least[0] - 1, least[1]), (least[0], least[1] - 1)} - {(0, least[1]), (least[0], 0)}:
        with pytest.raises(UserError):
            measure(count, size)
        with pytest.raises(UserError, match=f"metric '{name}': .*; expected"):
            comparison.check_images(generated=least[0], reference=count, side=size)


def test_classes_are_measured_whole_or_not_at_all():
    def side(labels):
        features = np.random.default_rng(0).normal(size=(len(labels), 3)).astype(np.float32)
        images, moments = np.zeros((len(labels), 4, 4, 3), np.uint8), Moments.of(features)
        return ImageSet("", len(labels), {"net": moments}, {"net": features}, {}, images, np.array(labels))

    comparison = Comparison({name: METRICS[name] for name in ("intra_fd", "fd_infinity")}, "net", {}, None)
    whole = side([0, 0, 1, 1] * 6)
    scores = comparison.scores(whole, whole, 0)
    assert scores["intra_fd_net"] == pytest.approx(0, abs=1e-12)
    assert scores["intra_fd_net_classes"] == 2
    assert [line.split(" give")[0] for line in comparison.warnings(whole, side([0, 0, 1, 1, 1]))] == [
        "24 images against 5 real ones: compare only equal numbers",
        "intra_fd: 2 reference images of a class",
        "fd_infinity: 2 generated images at its first point",
    ]
    for labels, count in (([0] * 24, 0), ([0] * 23 + [1], 1)):
        with pytest.raises(
            UserError, match=f"metric 'intra_fd': {count} reference images of class 1; expected at least 2"
        ):
            comparison.scores(whole, side(labels), 0)

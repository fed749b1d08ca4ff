"""The FID Inception beside torch-fidelity's network with the same random weights (tests/golden/inception.py)."""

import jax
import numpy as np
import pytest
from golden_numbers import GOLDEN, load_script

from jgan.metrics.inception import FEATURES, InceptionV3, preprocess, variables_from
from jgan.types import UserError

THEIR_NAMES = {"pool": "2048"}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "inception.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def weights(golden):
    shapes = [tuple(int(size) for size in text.split(",") if size) for text in golden["shapes"].tolist()]
    return load_script("inception").random_weights(dict(zip(golden["names"].tolist(), shapes, strict=True)))


def features(variables, dtype="float32"):
    network = InceptionV3(dtype=dtype)
    apply = jax.jit(lambda variables, images: network.apply(variables, preprocess(images)))
    return jax.device_get(apply(variables, load_script("inception").make_images()))


def relative_error(ours, theirs):
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def test_features_equal_torch_fidelity(golden, weights):
    ours = features(variables_from(weights))
    assert {name: array.shape for name, array in ours.items()} == {name: (2, width) for name, width in FEATURES.items()}
    for name, array in ours.items():
        # 48 layers in float32 (2^-24 a rounding) in another order of summation: about 1e-6 in all.
        assert relative_error(array, golden[f"features_{THEIR_NAMES.get(name, name)}"]) < 1e-5, name


@pytest.mark.slow
def test_bfloat16_drifts_little(golden, weights):
    ours = features(variables_from(weights), dtype="bfloat16")
    # 2^-9 a rounding, once a layer, adding up like a random walk: 2^-9 * sqrt(48) is 0.014.
    assert 1e-4 < relative_error(ours["pool"], golden["features_2048"]) < 0.03


def test_clean_resize_is_clean_fids():
    """Its own function: sharp edges overshoot black and white by up to a sixth of the range, and are clipped."""
    script = load_script("clean_fid")
    with np.load(GOLDEN / "clean_fid.npz") as file:
        for name, image in script.make_images().items():
            ours = np.asarray(preprocess(image[None], resize="clean"))[0][script.places()] * 128 + 128
            # Weights and sums of some 8 x 8 pixels of up to 255 in float32.
            np.testing.assert_allclose(ours, file[name], rtol=0, atol=1e-2, err_msg=name)


def test_wrong_weights_are_named(weights):
    renamed = {name.replace("Mixed_7c.branch_pool.conv", "other"): array for name, array in weights.items()}
    expected = r"1 arrays are missing, first Mixed_7c.branch_pool.conv.weight; 1 are not known, first other.weight"
    with pytest.raises(UserError, match=expected):
        variables_from(renamed)
    torchvision = weights | {"fc.weight": np.zeros((1000, 2048), np.float32)}
    with pytest.raises(UserError, match=r"fc.weight has shape \(1000, 2048\), expected \(1008, 2048\)"):
        variables_from(torchvision)
    with pytest.raises(UserError, match=r"expected uint8"):
        preprocess(np.zeros((1, 8, 8, 3), np.float32))

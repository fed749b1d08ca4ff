"""Networks of images as files: variants that differ in an activation, a norm or a scale, and their numbers found."""

import functools
import shlex

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from golden_numbers import load_golden

from jgan import config as configs
from jgan import import_weights
from jgan.families.cyclegan import ResNetGenerator
from jgan.families.esrgan import CompactNet
from jgan.families.pix2pix import UNet
from jgan.published.importing import File, as_published, open_networks
from jgan.published.readable import find_network
from jgan.types import UserError


@pytest.fixture(scope="module")
def drawn():
    """Random numbers under official names, by case."""
    script, numbers = load_golden("image_networks")
    return {case: script.draw(entry["shapes"]) for case, entry in numbers.items() if isinstance(entry, dict)}


def output(network, weights, size=32):
    """What the network makes of noise with the file's weights."""
    inputs = jnp.asarray(np.tanh(np.random.default_rng(0).standard_normal((1, size, size, 3))), jnp.float32)
    shapes = jax.eval_shape(functools.partial(network.init, train=False), jax.random.key(0), inputs)
    found = find_network(weights, network, "net.pth")
    variables = found.format.read(found.tensors, shapes, "net.pth")
    return jax.jit(functools.partial(network.apply, train=False))(variables, inputs)


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.1)])
def test_a_compact_network_may_have_other_activations(drawn, activation, slope):
    """As a PReLU with that slope everywhere; its file has no slopes."""
    is_slope = {name for name, array in drawn["compact"].items() if array.ndim == 1 and name.endswith(".weight")}
    sloping = {
        name: np.full_like(array, slope) if name in is_slope else array for name, array in drawn["compact"].items()
    }
    plain = {name: array for name, array in drawn["compact"].items() if name not in is_slope}
    network = CompactNet(channels=6, convolutions=3)
    expected = output(network, sloping, 8)
    np.testing.assert_allclose(output(network.clone(activation=activation), plain, 8), expected, rtol=0, atol=1e-5)


def with_instance_norms(weights):
    """(a file of batch norms as one of instance norms with weights, those weights); convolutions get biases."""
    kept = {name: array for name, array in weights.items() if "running" not in name and "num_batches" not in name}
    norms = {name: array for name, array in kept.items() if f"{name.rpartition('.')[0]}.running_mean" in weights}
    for name, array in list(kept.items()):
        stem, _, place = name.removesuffix(".weight").rpartition(".")
        behind = kept.get(f"{stem}.{int(place) + 1}.weight") if array.ndim == 4 else None
        width = array.shape[0] if behind is None or behind.ndim == 4 else behind.shape[0]
        if array.ndim == 4 and f"{stem}.{place}.bias" not in kept:
            kept[f"{stem}.{place}.bias"] = np.zeros(width, np.float32)
    return kept, norms


def test_instance_norms_may_have_weights(drawn):
    """Those of ones and zeros change nothing, others do; a file shows which norm it has."""
    network = ResNetGenerator(channels=4, blocks=2, norm="affine_instance")
    affine, norms = with_instance_norms(drawn["resnet_dropout"])
    neutral = {name: np.full_like(array, name.endswith(".weight")) for name, array in norms.items()}
    plain = {name: array for name, array in affine.items() if name not in norms}
    expected = output(network.clone(norm="instance"), plain, 16)
    np.testing.assert_allclose(output(network, affine | neutral, 16), expected, rtol=0, atol=1e-5)
    assert np.abs(output(network, affine, 16) - expected).max() > 1e-2
    for case, kind in (("resnet_dropout", network), ("unet", UNet())):
        affine, norms = with_instance_norms(drawn[case])
        plain = {name: array for name, array in affine.items() if name not in norms}
        for weights, norm in ((affine, "affine_instance"), (plain, "instance"), (drawn[case], "batch")):
            found = find_network(weights, kind, "net.pth")
            assert found.format.fields(found.tensors)["norm"] == norm


CONFIGS = {
    "msrresnet_x3": "srresnet",
    "msrresnet_x4": "srresnet",
    "rrdb": "esrgan",
    "rrdb_x2": "esrgan",
    "compact": "compact",
    "unet_instance": "pix2pix",
    "resnet_dropout": "pix2pix_resnet",
}


@pytest.mark.parametrize("case", CONFIGS)
def test_the_flags_of_the_message_fit_the_file(drawn, case, tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, **drawn[case])
    config = configs.read_config(CONFIGS[case], [])
    networks = open_networks(config, [File(path)])
    with pytest.raises(UserError, match="add --match to take the file's, or ") as error:
        as_published(config, networks, match=False)
    given = shlex.split(str(error.value).partition("the file's, or ")[2])
    matched = as_published(config, networks, match=True)
    assert as_published(configs.read_config(CONFIGS[case], given), networks, match=False) == matched
    configs.check(matched)


def test_three_times_is_imported_whatever_the_stages(drawn, tmp_path, monkeypatch, capsys):
    """A stage of 128 pixels cannot be made three times smaller; nothing is trained here."""
    use_devices(monkeypatch, 1)
    path = tmp_path / "MSRResNet_x3.PTH.npz"
    np.savez(path, **{f"params.{name}": array for name, array in drawn["msrresnet_x3"].items()})
    flags = [f"--generator={path}", f"--workdir={tmp_path / 'run'}", "--match"]
    assert import_weights.main(["--config=srresnet", *flags]) == 0
    assert "upscale" in capsys.readouterr().out
    config = configs.load(tmp_path / "run")
    assert config.data.task.scale == config.game.generator.scale == 3
    assert config.stages[0].resolution % 3 == 0

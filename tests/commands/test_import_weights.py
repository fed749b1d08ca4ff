"""Published image-to-image networks as runs: their weights imported, and images made by the commands."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from conftest import use_devices
from golden_numbers import load_golden
from PIL import Image

from jgan import config as configs
from jgan import import_weights, translate, upscale
from jgan.families.cyclegan import ResNetGenerator
from jgan.families.esrgan import CompactNet, RRDBNet
from jgan.families.pix2pix import UNet
from jgan.families.srgan import MSRResNet
from jgan.games.paired import PairedGAN
from jgan.published.readable import find_network
from jgan.types import UserError

HEADER = """
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.cyclegan import Critics, ResNetGenerator, Translators
from jgan.families.esrgan import CompactNet, RRDBNet
from jgan.families.pix2pix import PatchDiscriminator, UNet
from jgan.families.srgan import MSRResNet
from jgan.games.paired import PairedGAN
from jgan.games.unpaired import UnpairedGAN
from jgan.tasks.config import TaskConfig
from jgan.types import Stage

def critic():
    return PatchDiscriminator(4, 16, "instance")

def translator():
    return ResNetGenerator(channels=4, blocks=2, norm="batch")

def get_config():
    return Config(
        game={game},
        data=DataConfig({data}),
        stages=(Stage(steps=10, batch_size=2, resolution=32),),
    )
"""
PAIRS, PATCHES = 'source="pairs:nowhere"', 'source="folder:nowhere", fit="patch", task=TaskConfig("super_resolution", '
CYCLEGAN = (
    "UnpairedGAN(Translators(translator(), translator()), Critics(critic(), critic()), pool_size=2)",
    'source="unpaired:nowhere"',
)
CONTENT = 'content_weight=1.0, content_network="vgg19", content_weights="nowhere.pth"'  # a file that is not here
CASES = {  # the network, and the game and the data of its config
    "unet_instance": (
        UNet(channels=3, downs=5, norm="instance"),
        'PairedGAN(UNet(channels=3, downs=5, norm="instance"), critic())',
        PAIRS,
    ),
    "resnet_dropout": (
        ResNetGenerator(channels=4, blocks=2, norm="batch"),
        "PairedGAN(translator(), critic())",
        PAIRS,
    ),
    "msrresnet_x4": (
        MSRResNet(channels=6, blocks=2),
        "PairedGAN(MSRResNet(channels=6, blocks=2), critic(), conditional=False)",
        f"{PATCHES}scale=4)",
    ),
    "rrdb_x2": (
        RRDBNet(scale=2, channels=6, blocks=2, growth=4),
        f"PairedGAN(RRDBNet(2, 6, 2, 4), critic(), conditional=False, {CONTENT})",
        f"{PATCHES}scale=2)",
    ),
    "compact": (
        CompactNet(channels=6, convolutions=3),
        "PairedGAN(CompactNet(channels=6, convolutions=3), critic(), conditional=False)",
        f"{PATCHES}scale=4)",
    ),
}


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    use_devices(monkeypatch, 1)


@pytest.fixture(scope="module")
def state_dicts():
    """Random numbers under official names, by case."""
    script, numbers = load_golden("image_networks")
    return {case: script.draw(numbers[case]["shapes"]) for case in CASES}


@pytest.fixture
def photo(tmp_path):
    """A folder with one image."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def write_config(directory, game, data):
    path = directory / "config.py"
    path.write_text(HEADER.format(game=game, data=data))
    return path


def write_weights(path, weights):
    np.savez(path, **weights)
    return path


def run_import(config, workdir, **files):
    flags = [f"--{name}={value}" for name, value in {"config": config, "workdir": workdir, **files}.items()]
    return import_weights.main(flags)


def made_by(network, weights, folder, train=False):
    """What the network itself makes of the image, in 8-bit levels, not rounded."""
    with Image.open(folder / "a.png") as image:
        inputs = jnp.asarray(image, jnp.float32)[None] / 127.5 - 1.0
    shapes = jax.eval_shape(functools.partial(network.init, train=False), jax.random.key(0), inputs)
    apply = jax.jit(functools.partial(network.apply, train=train, mutable=["batch_stats"]))
    found = find_network(weights, network, "weights")
    variables = found.format.read(found.tensors, shapes, "weights")
    return np.clip((apply(variables, inputs)[0][0] + 1.0) * 127.5, 0, 255)


def drawn(command, workdir, folder, out, *flags):
    assert command.main([f"--workdir={workdir}", f"--input={folder}", f"--out={out}", *flags]) == 0
    with Image.open(out / "a.png") as image:
        return np.asarray(image)


# rounded to a level; float32 in both, in the order that each program chose
ROUNDED = 0.5 + 1e-2


@pytest.mark.parametrize("case", CASES)
def test_a_published_generator_draws_what_it_draws(case, state_dicts, photo, tmp_path, capsys):
    """Through the files of a run; where a content loss names a file that is not here, it is not asked for."""
    network, game, data = CASES[case]
    weights = write_weights(tmp_path / "net.npz", state_dicts[case])
    assert run_import(write_config(tmp_path, game, data), tmp_path / "run", generator=weights) == 0
    command = translate if data == PAIRS else upscale
    assert f"{command.__name__.replace('.', ' ')} --input DIR" in capsys.readouterr().out
    image = drawn(command, tmp_path / "run", photo, tmp_path / "out")
    expected = made_by(network, state_dicts[case], photo)
    assert image.shape == expected.shape
    assert image.std() > 2
    np.testing.assert_allclose(image, expected, rtol=0, atol=ROUNDED)


@pytest.mark.slow
def test_both_translators_of_cyclegan_have_files_of_their_own(state_dicts, photo, tmp_path):
    to_b = state_dicts["resnet_dropout"]
    to_a = {name: 0.9 * array for name, array in to_b.items()}
    files = [write_weights(tmp_path / f"{name}.npz", weights) for name, weights in (("A", to_b), ("B", to_a))]
    config = write_config(tmp_path, *CYCLEGAN)
    assert run_import(config, tmp_path / "run", generator=files[0], generator_b=files[1]) == 0
    for direction, weights in (("a_to_b", to_b), ("b_to_a", to_a)):
        image = drawn(translate, tmp_path / "run", photo, tmp_path / direction, f"--direction={direction}")
        expected = made_by(CASES["resnet_dropout"][0], weights, photo, train=True)  # as the authors' test.py
        np.testing.assert_allclose(image, expected, rtol=0, atol=ROUNDED)


def test_a_translator_alone_is_a_run_of_one_way(state_dicts, photo, tmp_path):
    weights = write_weights(tmp_path / "horse2zebra.npz", state_dicts["resnet_dropout"])
    config = write_config(tmp_path, *CYCLEGAN)
    assert run_import(config, tmp_path / "run", generator=weights, direction="b_to_a") == 0
    assert isinstance(configs.load(tmp_path / "run").game, PairedGAN)
    image = drawn(translate, tmp_path / "run", photo, tmp_path / "out")
    expected = made_by(CASES["resnet_dropout"][0], state_dicts["resnet_dropout"], photo, train=True)
    np.testing.assert_allclose(image, expected, rtol=0, atol=ROUNDED)
    with pytest.raises(UserError, match=r"--direction=b_to_a: this run has one direction; leave it out"):
        drawn(translate, tmp_path / "run", photo, tmp_path / "again", "--direction=b_to_a")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "--generator_b: this config has two translators; give the other one's file"),
        ({"generator_b": "B.npz", "direction": "a_to_b"}, "--direction=a_to_b: two files hold both directions"),
        ({"generator_b": "B.npz"}, "A.npz: cannot read it"),
    ],
)
def test_cyclegan_takes_two_files_or_one_and_its_direction(files, message, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        run_import(write_config(tmp_path, *CYCLEGAN), tmp_path / "run", generator="A.npz", **files)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("case", "change", "flags", "message"),
    [
        ("unet_instance", dict, {"direction": "a_to_b"}, r"--direction=a_to_b: .* is one network; leave it out"),
        ("unet_instance", dict, {"generator_b": "B.npz"}, r"--generator_b=B\.npz: .* is one network; leave it out"),
        (
            "rrdb_x2",
            lambda weights: {name: array for name, array in weights.items() if "conv_hr" not in name},
            {},
            r"--generator=.*net\.npz: not the generator of this config: missing conv_hr\.bias, conv_hr\.weight; "
            "unexpected none",
        ),
        (
            "compact",
            lambda weights: weights | {"body.9.weight": np.ones(3)},
            {},
            r"--generator=.*net\.npz: not the generator of this config: missing none; unexpected body\.9\.weight",
        ),
        (
            "msrresnet_x4",
            lambda weights: {name: np.repeat(array, 2, axis=0) for name, array in weights.items()},
            {"config.game.generator.channels": 12},
            r"--generator=.*net\.npz: .* gives shape .*; expected ",
        ),
    ],
)
def test_files_that_do_not_fit_are_one_line_and_leave_no_run(case, change, flags, message, state_dicts, tmp_path):
    _, game, data = CASES[case]
    weights = write_weights(tmp_path / "net.npz", change(state_dicts[case]))
    with pytest.raises(UserError, match=message) as error:
        run_import(write_config(tmp_path, game, data), tmp_path / "run", generator=weights, **flags)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_exit_with_2(state_dicts, tmp_path):
    weights = write_weights(tmp_path / "net.npz", state_dicts["compact"])
    config = write_config(tmp_path, *CASES["unet_instance"][1:])
    flags = ["--config", config, "--generator", weights, "--workdir", tmp_path / "run"]
    code, _, err = runs.run("jgan.import_weights", *flags)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "expected a U-Net of pytorch-CycleGAN-and-pix2pix, and this is an SRVGGNetCompact of Real-ESRGAN" in err
    assert err.endswith("read it with --config compact\n")


def test_networks_that_nobody_published_are_refused(tmp_path):
    config = runs.ROOT / "configs" / "srgan.py"
    with pytest.raises(
        UserError, match=r"--config: no weights of this family are read; expected one such as biggan_deep"
    ):
        run_import(config, tmp_path / "run", generator="net.pth")

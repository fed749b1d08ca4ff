"""Images through image-to-image runs from Python: the same as those of the commands."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import use_devices
from PIL import Image
from translation_runs import CONFIGS, call, make_run, save, smooth

import jgan
from jgan import translate, upscale

BLACK, FLOATS = np.zeros((8, 8), np.uint8), np.ones((1, 8, 8, 3))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Runs at step 0, and a photo."""
    directory = tmp_path_factory.mktemp("images")
    save(directory / "photo.png", smooth(40, 56))
    with pytest.MonkeyPatch.context() as patch:
        use_devices(patch, 1)
        for name in ("enlarging", "filling", "pairs", "both"):
            make_run(directory / name, *CONFIGS[name])
    return directory


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    use_devices(monkeypatch, 1)


@pytest.mark.parametrize(
    ("name", "command", "arguments"),
    [
        ("enlarging", upscale, {"tile": 32}),
        ("pairs", translate, {}),
        ("both", translate, {"direction": "b_to_a"}),
        ("filling", translate, {"mask": None}),
    ],
)
def test_images_are_those_of_the_commands(directory, tmp_path, name, command, arguments):
    photo = directory / "photo.png"
    if "mask" in arguments:
        mask = np.zeros((40, 56, 1), np.uint8)
        mask[8:20, 10:30] = 255
        arguments = {"mask": save(tmp_path / "mask.png", mask)}
    flags = {"workdir": directory / name, "input": photo, "out": tmp_path / "out", **arguments}
    assert call(command, **flags) == 0
    expected = np.asarray(Image.open(tmp_path / "out" / "photo.png"))

    run = jgan.open(directory / name)
    render = run.upscale if command is upscale else run.translate
    array = np.asarray(Image.open(photo))
    np.testing.assert_array_equal(render(photo, **arguments), expected)
    np.testing.assert_array_equal(render(Image.open(photo), **arguments), expected)
    np.testing.assert_array_equal(render(array, **arguments), expected)
    np.testing.assert_array_equal(render(np.float32(array) / 127.5 - 1.0, **arguments), expected)
    np.testing.assert_array_equal(render(array[None], **arguments), expected[None])
    if "mask" in arguments:
        np.testing.assert_array_equal(run.translate(array, mask=mask[:, :, 0] > 0), expected)


def test_an_image_to_image_generator_is_a_function_too(directory):
    run = jgan.open(directory / "both")
    inputs = jnp.asarray(smooth(32, 32)[None] / np.float32(127.5) - 1)
    images = run.generator(inputs, direction="a_to_b")
    assert images.shape == inputs.shape
    assert not np.array_equal(images, run.generator(inputs, direction="b_to_a"))


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("pairs", lambda run: run.sample(4), "this run generates images from images, not from latents"),
        (
            "pairs",
            lambda run: run.upscale(BLACK),
            "this run does not enlarge images; take run.translate",
        ),
        ("both", lambda run: run.translate(BLACK), "direction: this run goes both ways"),
        ("pairs", lambda run: run.translate(np.full((8, 8, 3), 2.0)), "image: floats from 2 to 2; expected uint8, or"),
        ("pairs", lambda run: run.translate(np.zeros((8, 8, 2))), "image: an array [8, 8, 2]; expected uint8, or"),
        ("pairs", lambda run: run.translate(np.zeros((8, 8), np.int64)), "image: an array of int64; expected uint8"),
        ("pairs", lambda run: run.translate("none.png"), "none.png: cannot be read"),
        ("enlarging", lambda run: run.upscale(BLACK, tile=5), "tile=5: expected 0, for whole"),
        ("enlarging", lambda run: run.upscale(BLACK, tile=0, overlap=1), "overlap=1: with tile=0 images go through"),
        ("enlarging", lambda run: run.upscale(BLACK, overlap=-1), "overlap=-1: expected 0 to 128, half of a tile"),
        ("enlarging", lambda run: run.generator(FLOATS[..., :1]), "inputs: an array [1, 8, 8, 1] of float64; this run"),
        ("enlarging", lambda run: run.generator(FLOATS.astype(np.uint8)), "inputs: an array [1, 8, 8, 3] of uint8"),
        ("enlarging", lambda run: run.generator(FLOATS * 255), "inputs: values from 255 to 255; this run takes"),
        ("enlarging", lambda run: run.generator(FLOATS, rng=3), "rng=3: expected a key"),
        ("enlarging", lambda run: run.generator(FLOATS, variables={}), "variables: no params/"),
        ("pairs", lambda run: run.generator(FLOATS[:, :, 1:, :1]), "inputs: 7 x 8 pixels; this network takes sides"),
        ("filling", lambda run: run.translate(BLACK, mask=BLACK + 1), "mask: its values are 0 and 1"),
        ("filling", lambda run: run.translate(BLACK, mask=FLOATS[0]), "mask: an array [8, 8, 3] of float64; expected"),
        ("filling", lambda run: run.translate(BLACK), "nothing says what to fill; give mask"),
    ],
)
def test_what_is_wrong_with_an_image_is_said(directory, name, wrong, message):
    escaped = message if message.startswith(".*") else re.escape(message)
    with pytest.raises(jgan.UserError, match=f"^{escaped}"):
        wrong(jgan.open(directory / name))


def test_colours_that_get_lost_are_said_once(directory, caplog):
    run = jgan.open(directory / "pairs")  # its inputs are gray
    for color in (9, 200, 200):
        run.translate(np.array([[[9, 9, color]]], np.uint8))
    assert [record.getMessage() for record in caplog.records] == [
        "this run was trained on gray inputs: of photos in colour it sees the brightness alone"
    ]

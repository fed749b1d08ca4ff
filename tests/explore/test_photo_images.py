"""Dropped files: what a run makes of them, and what hostile ones are told."""

import io
import zlib

import numpy as np
import pytest
from conftest import use_devices
from PIL import Image
from translation_runs import CONFIGS, make_run, save, smooth

import jgan
from jgan import config as configs
from jgan.explore.photo_images import Asked, PhotoImages
from jgan.inference.one_image import Tiles
from jgan.types import UserError


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    use_devices(monkeypatch, 1)


@pytest.fixture(scope="module")
def enlarging(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        use_devices(patch, 1)
        workdir = make_run(tmp_path_factory.mktemp("photos") / "run", *CONFIGS["enlarging"])
        return workdir, PhotoImages(configs.load(workdir), workdir)


def declared(width, height):
    """A PNG that says it is so large, and ends after its header."""

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def half_of_a_png():
    data = io.BytesIO()
    Image.fromarray(smooth(40, 40)).save(data, format="PNG")
    return data.getvalue()[: len(data.getvalue()) // 2]


HOSTILE = {
    "text.png": (b"no image at all", "text.png: not an image that can be read"),
    "empty.png": (b"", "empty.png: the file is empty"),
    "large.png": (declared(60_000, 60_000), "large.png: 60000 x 60000 is more than"),
    "wide.png": (declared(8_000, 1_000), "wide.png: 8000 x 1000 pixels, and 32,000,000 come out"),
    "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage", "script.eps: not an image"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg: not an image"),
    "half.png": (half_of_a_png(), "half.png: "),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_without_a_path(name, enlarging, tmp_path):
    data, message = HOSTILE[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as caught:
        enlarging[1](Asked(tmp_path / name))
    assert str(caught.value).startswith(message)
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_comes_is_that_of_upscale_beside_what_went_in(enlarging, tmp_path):
    workdir, photos = enlarging
    photos.prepare()
    path = save(tmp_path / "photo.png", smooth(24, 40))
    made = photos(Asked(path, tiles=Tiles(32)))
    np.testing.assert_array_equal(made.after, jgan.open(workdir).upscale(path, tile=32))
    np.testing.assert_array_equal(made.before, np.asarray(Image.open(path)).repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(made.png))), made.after)
    degraded = photos(Asked(path, degrade=True))
    assert degraded.after.shape == (24, 40, 3)
    with pytest.raises(UserError, match="--tile=7: expected 0"):
        photos(Asked(path, tiles=Tiles(7)))


def test_masks_say_what_is_filled(tmp_path):
    workdir = make_run(tmp_path / "run", *CONFIGS["filling"])
    photos = PhotoImages(configs.load(workdir), workdir)
    path, hidden = save(tmp_path / "photo.png", smooth(32, 32)), np.zeros((32, 32, 1), np.uint8)
    hidden[8:20, 8:20] = 255
    mask = save(tmp_path / "mask.png", hidden)
    made = photos(Asked(path, mask=mask))
    np.testing.assert_array_equal(made.after, jgan.open(workdir).translate(path, mask=mask))
    assert np.ptp(made.before[8:20, 8:20]) == 0
    with pytest.raises(UserError, match="nothing says what to fill"):
        photos(Asked(path))
    small = save(tmp_path / "small.png", hidden[:9])
    with pytest.raises(UserError, match="the mask: 32 x 9 pixels, its image 32 x 32"):
        photos(Asked(path, mask=small))

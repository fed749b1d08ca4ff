"""Pairs, two domains, patches and tasks: that what belongs together stays together, and what is refused."""

import dataclasses
import re

import numpy as np
import pytest
from feeds import batches_of
from PIL import Image

from jgan.data.config import DataConfig
from jgan.data.inspect import contact_sheet, describe
from jgan.data.opening import open_dataset
from jgan.data.registry import open_source
from jgan.tasks.config import TaskConfig
from jgan.types import ScheduledStage, UserError

COUNT = 24
STAGE = ScheduledStage(steps=6, batch_size=8, resolution=16, start=4)
VARIED = {"jitter": 1.25, "flip": True, "rotate": True}


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(seed, height=24, width=24):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Pairs whose sides are negatives of each other, in folders."""
    for index in range(COUNT):
        save(tmp_path / "A" / "sub" / f"{index}.png", noise(index))
        save(tmp_path / "B" / "sub" / f"{index}.bmp", 255 - noise(index))
    return tmp_path


@pytest.fixture
def halves(tmp_path_factory):
    """The same side by side."""
    folder = tmp_path_factory.mktemp("both")
    for index in range(COUNT):
        save(folder / f"{index}.png", np.concatenate([noise(index), 255 - noise(index)], axis=1))
    return folder


@pytest.mark.slow
def test_both_sides_are_varied_alike_whatever_reads_them(folders, halves):
    config = DataConfig(f"pairs:{folders}", **VARIED)
    on_host = dataclasses.replace(config, device_megabytes=0)
    resident = batches_of(config, STAGE)
    for batch in resident:
        assert batch.keys() == {"inputs", "targets"}
        np.testing.assert_allclose(batch["inputs"], -batch["targets"], atol=2 / 255)  # resizing rounds each side
    for other in (
        on_host,
        dataclasses.replace(on_host, workers=0),
        dataclasses.replace(config, source=f"pairs:{halves}"),
    ):
        for batch, same in zip(resident, batches_of(other, STAGE), strict=True):
            for name in batch:
                np.testing.assert_array_equal(batch[name], same[name])
    turned = batches_of(dataclasses.replace(config, direction="b_to_a"), STAGE)
    np.testing.assert_array_equal(turned[0]["inputs"], resident[0]["targets"])
    seen = {batch["inputs"].tobytes() for batch in resident}
    assert len(seen) == len(resident)


def test_channels_of_each_side(folders):
    (batch, *_) = batches_of(DataConfig(f"pairs:{folders}", channels=4, input_channels=1), STAGE)
    assert batch["inputs"].shape == (8, 16, 16, 1)
    assert batch["targets"].shape == (8, 16, 16, 4)
    with pytest.raises(UserError, match=r"data\.channels=0: pairs have two sides"):
        open_dataset(DataConfig(f"pairs:{folders}", channels=0), 0)


def test_pairs_that_do_not_fit_are_named(folders, caplog):
    (folders / "B" / "sub" / "3.bmp").unlink()
    save(folders / "A" / "sub" / "5.png", noise(5, 24, 20))
    source = f"pairs:{folders}"
    with pytest.raises(
        UserError, match=r"1 file has no partner: A/sub/3\.png; add them or train with --config\.data\.on_error=skip"
    ):
        open_dataset(DataConfig(source), 0)
    (folders / "A" / "sub" / "7.png").write_bytes(b"no image")
    skipping = open_dataset(DataConfig(source, on_error="skip"), 0)
    assert skipping.count == COUNT - 3
    assert "A/sub/5.png: 20 x 24 pixels, its partner 24 x 24" in caplog.text
    assert "A/sub/7.png: not an image" in caplog.text
    save(folders / "A" / "sub" / "3.png", noise(0))
    (folders / "A" / "sub" / "3.png").rename(folders / "A" / "sub" / "4.jpg")
    with pytest.raises(UserError, match="have the same name; remove one"):
        open_dataset(DataConfig(source), 0)


def test_halves_of_an_odd_width_are_refused(halves):
    save(halves / "0.png", noise(0, 24, 47))
    with pytest.raises(UserError, match=r"0\.png: 47 pixels wide; expected two images side by side"):
        open_dataset(DataConfig(f"pairs:{halves}"), 0)


def test_folders_of_one_side_are_no_halves(tmp_path):
    for name in ("trainA/0.png", "trainB/0.png", "maps/A/0.png", "maps/b/0.png"):
        save(tmp_path / name.partition("/")[0].upper() / name, noise(0))
    for folder in ("TRAINA", "MAPS"):
        with pytest.raises(UserError, match=r"has a folder .*, and not both A and B at its top; expected these two"):
            open_dataset(DataConfig(f"pairs:{tmp_path / folder}"), 0)


def test_strays_beside_the_folders_are_named(folders):
    save(folders / "stray.png", noise(0))
    with pytest.raises(UserError, match=r"1 file has no partner: stray\.png"):
        open_dataset(DataConfig(f"pairs:{folders}"), 0)


def test_inspect_shows_pairs(folders):
    source = open_source(f"pairs:{folders}")
    assert "pairs: 24" in describe(source)
    assert contact_sheet(source, 3, "crop", 255).size[0] == 960


@pytest.mark.slow
def test_domains_have_orders_of_their_own(tmp_path):
    for index in range(COUNT):
        save(tmp_path / "trainA" / f"{index}.png", np.full((16, 16, 3), index, np.uint8))
    for index in range(8):
        save(tmp_path / "trainB" / f"{index}.png", np.full((16, 16, 3), 100 + index, np.uint8))
    config = DataConfig(f"unpaired:{tmp_path}")
    batches = batches_of(config, STAGE)
    levels = {
        name: np.rint((np.stack([batch[name] for batch in batches])[..., 0, 0, 0] + 1) * 127.5)
        for name in ("images_a", "images_b")
    }
    assert sorted(levels["images_a"][:3].ravel()) == list(range(COUNT))  # three batches are an epoch of A
    for batch in levels["images_b"]:
        assert sorted(batch) == list(range(100, 108))  # and one of B
    assert len({tuple(order - 100) for order in levels["images_b"]}) > 1
    on_host = dataclasses.replace(config, device_megabytes=0)
    for batch, same in zip(batches[3:], batches_of(on_host, STAGE, first_step=STAGE.start + 3), strict=True):
        np.testing.assert_array_equal(batch["images_b"], same["images_b"])
    with pytest.raises(UserError, match="has no folder trainA; expected folders trainA and trainB"):
        open_dataset(DataConfig(f"unpaired:{tmp_path / 'trainA'}"), 0)
    with pytest.raises(UserError, match="two sets of images"):
        open_source(config.source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("pairs:no", "no such directory or zip archive; give the path of one with pairs of images"),
        ("pairs:empty", "no image in 0 files "),
        ("pairs:text.zip", "not a zip archive (File is not a zip file); zip the images again"),
        ("unpaired:no", "no such directory or zip archive; give the path of one with folders trainA and trainB of"),
        ("unpaired:text.zip", "not a zip archive (File is not a zip file); zip the images again"),
        ("unpaired:empty", "has no folder trainA; expected folders trainA and trainB of images"),
    ],
)
def test_messages_name_the_source_as_it_was_given(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(UserError, match="^" + re.escape(f"{source}: {message}")) as error:
        open_dataset(DataConfig(source), 0)
    assert "\n" not in str(error.value)


def test_patches_are_cut_at_the_images_own_scale(tmp_path):
    photo = noise(0, 40, 50)
    save(tmp_path / "a.png", photo)
    save(tmp_path / "b.png", photo)
    config = DataConfig(f"folder:{tmp_path}", fit="patch")
    stage = ScheduledStage(steps=20, batch_size=2, resolution=16)
    batches = batches_of(config, stage, devices=2)
    places = set()
    for batch in batches:
        for patch in np.rint((batch["images"] + 1) * 127.5).astype(np.uint8):
            windows = np.lib.stride_tricks.sliding_window_view(photo, (16, 16, 3))[:, :, 0]
            found = np.argwhere((windows == patch).all((-1, -2, -3)))
            assert len(found) == 1
            places.add(tuple(found[0]))
    assert len(places) > 30
    rows, columns = np.array(sorted(places)).T
    assert 0 <= rows.min() < 4
    assert 20 < rows.max() <= 24
    assert 0 <= columns.min() < 4
    assert 30 < columns.max() <= 34
    on_disk = dataclasses.replace(config, device_megabytes=0, workers=1)
    for batch, same in zip(batches[15:], batches_of(on_disk, stage, first_step=15, devices=1), strict=True):
        np.testing.assert_array_equal(batch["images"], same["images"])
    save(tmp_path / "c.png", noise(1, 15, 60))
    with pytest.raises(UserError, match=r"c\.png is 60 x 15, less than a patch of 16"):
        batches_of(config, stage, devices=1)


def test_a_task_makes_the_inputs(tmp_path):
    for index in range(8):
        save(tmp_path / str(index % 2) / f"{index}.png", noise(index))  # class folders are no matter
    config = DataConfig(f"folder:{tmp_path}", fit="patch", task=TaskConfig("super_resolution", scale=4))
    (batch, *_) = batches_of(config, STAGE)
    assert {name: value.shape for name, value in batch.items()} == {"inputs": (8, 4, 4, 3), "targets": (8, 16, 16, 3)}
    with pytest.raises(UserError, match=r"stage train=18: expected a multiple of data\.task\.scale=4"):
        batches_of(config, dataclasses.replace(STAGE, resolution=18))
    inpainting = dataclasses.replace(config, fit="crop", task=TaskConfig("inpainting"))
    masked, other = (
        batches_of(replaced, STAGE) for replaced in (inpainting, dataclasses.replace(inpainting, jitter=1.5))
    )
    masks = [batch["inputs"][..., 3:] for batch in masked]
    assert not np.array_equal(masks[0], masks[1])  # each visit has another
    np.testing.assert_array_equal(masks[0], other[0]["inputs"][..., 3:])  # of the example's key alone
    known = np.broadcast_to(masks[0] < 0, masked[0]["targets"].shape)
    np.testing.assert_array_equal(masked[0]["inputs"][..., :3][known], masked[0]["targets"][known])


@pytest.mark.slow
def test_a_blind_task_is_drawn_by_the_step(tmp_path):
    for index in range(8):
        save(tmp_path / f"{index}.png", noise(index, 40, 40) // 2)
    task = TaskConfig("blind_super_resolution", scale=2)
    config = DataConfig(f"folder:{tmp_path}", fit="patch", flip=True, rotate=True, task=task)
    batches = batches_of(config, STAGE)
    assert {name: value.shape for name, value in batches[0].items()} == {
        "inputs": (8, 8, 8, 3),
        "targets": (8, 16, 16, 3),
    }
    other = batches_of(dataclasses.replace(config, device_megabytes=0, workers=1), STAGE, first_step=7, devices=2)
    for batch, same in zip(batches[3:], other, strict=True):
        np.testing.assert_array_equal(batch["inputs"], same["inputs"])
    first, again = (batch["inputs"][np.argsort(batch["targets"].mean((1, 2, 3)))] for batch in batches[:2])
    assert not np.array_equal(first, again)
    means = [np.concatenate([batch[name].mean((1, 2, 3)) for batch in batches]) for name in ("inputs", "targets")]
    assert np.abs(means[0] - means[1]).mean() < 0.1  # it is of the same image
    with pytest.raises(UserError, match=r"data\.channels=1, data\.jitter=1\.0: .* set them to 3 and 1"):
        open_dataset(dataclasses.replace(config, channels=1), 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"direction": "b_to_a"}, "data.direction='b_to_a': mnist5k has no pairs"),
        ({"input_channels": 1}, "data.input_channels=1: mnist5k has no pairs"),
        ({"task": TaskConfig("super_resolution", scale=5)}, "data.task.scale=5: expected one of 1, 2, 3, 4, 8"),
        ({"task": TaskConfig(noise=5.0)}, "data.task.least_noise=25.0, data.task.noise=5.0"),
        ({"jitter": 3.0}, "data.jitter=3.0: expected 1 to 2"),
        ({"jitter": 1.1, "fit": "patch"}, "data.jitter=1.1: patches are cut at random already"),
    ],
)
def test_settings_that_contradict_each_other(fields, message):
    with pytest.raises(UserError) as error:
        open_dataset(DataConfig("mnist5k", **fields), 0)
    assert str(error.value).startswith(message)


def test_a_pair_has_no_task(folders):
    with pytest.raises(UserError, match=r"data\.task\.name='edges': pairs:.*: pairs have their inputs"):
        open_dataset(DataConfig(f"pairs:{folders}", task=TaskConfig("edges")), 0)

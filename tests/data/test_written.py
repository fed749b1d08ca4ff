"""What jgan writes among images is no image of them: in folders and in zips, whatever wrote it."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jgan.autoconfig.detect import find_source
from jgan.data.__main__ import main as data
from jgan.data.folders import without_written
from jgan.data.registry import check_place, open_source
from jgan.photos.photo_files import image_files
from jgan.types import UserError

# What each command leaves in a directory of its own, with the pictures in it.
WRITTEN = {
    "runs/a": ("config.json", "checkpoints/0/state/x", "samples/samples_0.png", "samples/progress.gif"),
    "runs/killed": ("config.json", "metrics.jsonl", "samples/samples_0.png"),
    "runs/begun": ("config.json", "config.py"),
    "sweeps/x": ("sweep.json", "plots/loss.png", "seed=0/config.json", "seed=0/checkpoints/0/x", "seed=0/a.png"),
    "generated": ("sampled.json", "00000.png", "grid.png"),
    "cat/large": ("translated.jsonl", "a.png", "deep/b.png"),
    "prepared": ("plan.json", "manifest.json", "images-00000-of-00001.array_record", "a.png"),
}
PICTURES = ("eval.json", "nearest.png", "cat/eval.json", "cat/nearest.png")  # beside images, which stay
OTHERS = ("dog/config.json", "dog/labels.json", "fox/checkpoints/a.png", "fox/grid.png")  # of nobody's run
DATA = ["cat/a.png", "dog/b.png", "fox/checkpoints/a.png", "fox/grid.png"]


def put(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".png", ".gif"):
        Image.fromarray(np.full((8, 8), level, np.uint8)).save(path)
    else:
        path.write_text("{}")


@pytest.fixture
def photos(tmp_path):
    for name in (*DATA, *OTHERS):
        put(tmp_path / "photos" / name, len(name))
    return tmp_path / "photos"


def written(photos):
    for folder, names in WRITTEN.items():
        for name in names:
            put(photos / folder / name)
    for name in PICTURES:
        put(photos / name)


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return path


def test_data_stay_what_they_are_whatever_is_written_among_them(photos, tmp_path, caplog):
    before = open_source(f"folder:{photos}")
    assert before.names == DATA
    assert before.class_names == ("cat", "dog", "fox")
    written(photos)
    for source in (f"folder:{photos}", f"zip:{zipped(photos, tmp_path / 'photos.zip')}"):
        caplog.clear()
        after = open_source(source)
        assert after.names == DATA
        assert after.labels.tolist() == before.labels.tolist()
        assert after.fingerprint == before.fingerprint
        (said,) = [line for line in caplog.messages if "left out" in line]
        what = "what `jgan translate` and `upscale` write"
        assert said == f"{source}: cat/large is {what}, and no data; left out, and 6 more like it"
    assert [str(name) for _, name in image_files(photos, "--input")] == DATA


def test_a_folder_of_jgans_is_data_where_it_is_named_if_it_holds_images(photos):
    written(photos)
    assert open_source(f"folder:{photos}/generated").names == ["00000.png"]
    assert open_source(f"folder:{photos}/cat/large").names == ["a.png", "deep/b.png"]
    assert open_source(f"folder:{photos}/runs/a/samples").names == ["progress.gif", "samples_0.png"]
    for name, what in (("runs/a", "the directory of a run"), ("sweeps/x", "the directory of a sweep")):
        message = f"is {what}, and no folder of images; name the images' own folder"
        with pytest.raises(UserError, match=message):
            open_source(f"folder:{photos / name}")
        with pytest.raises(UserError, match=message):
            image_files(photos / name, "--input")
    with pytest.raises(UserError, match=r"^zip:x: is a prepared data set, and no archive of images"):
        without_written("zip:x", WRITTEN["prepared"])


def test_what_a_folder_holds_is_told_without_what_was_written_in_it(photos):
    for name in "AB":
        put(photos / "pairs" / name / "a.png")
    for name in ("trainA", "trainB"):
        put(photos / "two" / name / "a.png")
    for folder, source in (("pairs", "pairs"), ("two", "unpaired")):
        assert find_source(f"{photos / folder}").source == f"{source}:{photos / folder}"
        for name in WRITTEN["runs/a"]:
            put(photos / folder / "runs" / "a" / name)
        assert find_source(f"{photos / folder}").source == f"{source}:{photos / folder}"


def test_nothing_is_written_into_the_folders_of_the_images_themselves(photos):
    put(photos / "trainA" / "a.png")
    put(photos / "trainB" / "a.png")
    for source, directory in (
        (f"folder:{photos}", photos),
        (f"folder:{photos}", photos / "cat"),
        (f"folder:{photos}", photos / "dog" / ".." / "cat"),
        (f"captions:{photos}:vectors.npz", photos),
        (f"unpaired:{photos}", photos / "trainA"),
    ):
        with pytest.raises(UserError, match=r"^--workdir=.*: is a folder of images of .*; choose another"):
            check_place(source, directory)
    written(photos)
    for directory in (photos / "runs" / "a", photos / "new", photos.parent, Path("elsewhere")):
        check_place(f"folder:{photos}", directory)
    for out in (photos / "split", photos):
        with pytest.raises(UserError, match=r"lies among the images of --source; choose a place outside"):
            data(["split", "--source", f"pairs:{photos}", "--out", str(out)])


def test_links_that_lead_to_themselves_are_left_out_alone(photos, caplog):
    (photos / "loop").symlink_to("loop")
    (photos / "cat" / "loop.png").symlink_to("loop.png")
    (photos / "one").symlink_to("other")
    (photos / "other").symlink_to("one")
    (photos / "nothing.png").symlink_to("gone.png")  # which reading it tells
    assert open_source(f"folder:{photos}").names == [*DATA, "nothing.png"]
    for name in ("loop", "cat/loop.png", "one", "other"):
        assert f"{photos / name} leads to itself; left out" in caplog.text
    shutil.rmtree(photos / "cat")
    assert "cat" not in str(open_source(f"folder:{photos}").names)

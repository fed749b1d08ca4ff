"""What a folder, an archive or a name is taken for, and the numbers that are read of it."""

import re
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from jgan.autoconfig.detect import data_name, find_source
from jgan.autoconfig.facts import look_at
from jgan.autoconfig.wishes import Wishes
from jgan.data.registry import open_source
from jgan.types import UserError


def images(folder, count=4, size=(8, 8), mode="RGB"):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.new(mode, size).save(folder / f"{index}.png")
    return folder


LAYOUTS = {  # folders of images: the source that is found, with DIR/ for a folder and DIR.zip/ for its archive
    "letters": (["A", "B", "C"], "images:"),
    "flat": ([""], "images:"),
    "domains": (["trainA", "trainB", "testA"], "unpaired:"),
    "pairs": (["A", "B"], "pairs:"),
    "split": (["train/A", "train/B", "val/A", "val/B"], "pairs:/train"),
    "trained": (["training", "test"], "images:/training"),
    "packed": (["maps/A", "maps/B"], "pairs:/maps"),
    "packed twice": (["h2z/train/trainA", "h2z/train/trainB"], "unpaired:/h2z/train"),
    "one class": (["cat"], "images:"),
}


@pytest.mark.parametrize("is_archive", [False, True])
def test_folders_and_archives_are_taken_for_what_their_folders_say(tmp_path, is_archive):
    for name, (folders, expected) in LAYOUTS.items():
        for folder in folders:
            images(tmp_path / name / folder)
        place = shutil.make_archive(str(tmp_path / name), "zip", tmp_path / name) if is_archive else tmp_path / name
        facts = look_at(str(place))
        scheme, _, below = expected.partition(":")
        of_images = "zip" if is_archive else "folder"
        assert facts.source == f"{of_images if scheme == 'images' else scheme}:{place}{below}", name
        assert look_at(f"{place}{below}").source == facts.source, "named by its whole path"
        with pytest.raises(UserError, match=re.escape(f"a path alone; write {facts.source}")):
            open_source(str(place))


def test_what_is_found_is_told(tmp_path):
    images(tmp_path / "domains/trainA")
    images(tmp_path / "domains/trainB", 3)
    images(tmp_path / "pairs/A")
    images(tmp_path / "pairs/B", mode="L")
    images(tmp_path / "captioned")
    (tmp_path / "captioned/captions.csv").write_text("file,caption\n" + "".join(f"{i}.png,a cat\n" for i in range(4)))
    images(tmp_path / "halves", size=(16, 8))
    names = ("domains", "pairs", "captioned", "halves")
    found = {name: look_at(str(tmp_path / name)) for name in names}
    assert found["domains"].count == 3
    assert (found["pairs"].input_channels, found["pairs"].channels) == (3, 1)
    assert (found["captioned"].source, found["captioned"].vocabulary) == (f"captions:{tmp_path}/captioned", 2)
    assert (found["halves"].kind, found["halves"].width, found["halves"].height) == ("pairs", 8, 8)
    assert look_at(f"folder:{tmp_path}/halves").kind == "images"
    for index, size in enumerate([(20, 20), (400, 300), (30, 90), (64, 66)]):
        Image.new("RGB", size).save(images(tmp_path / "mixed", 0) / f"{index}.png")
    mixed = look_at(str(tmp_path / "mixed"))
    assert (mixed.width, mixed.height) == (47, 48)  # the middle shapes are 1 and 64 / 66, the middle sides 30 and 64
    whole = look_at(f"{tmp_path}/halves", whole=Wishes(task="super_resolution").takes_whole_images)
    assert (whole.kind, whole.width) == ("images", 16)
    assert f"pairs:{tmp_path}/halves as SOURCE" in whole.reason
    assert found["pairs"].sides == (f"folder:{tmp_path}/pairs/A", f"folder:{tmp_path}/pairs/B")
    assert found["domains"].sides == (f"folder:{tmp_path}/domains/trainA", f"folder:{tmp_path}/domains/trainB")
    with pytest.raises(UserError, match="SOURCE='': is empty"):
        look_at("")


def test_classes_are_folders_however_deep(tmp_path):
    images(tmp_path / "top/ünder neath/cat", 3, mode="RGBA")
    images(tmp_path / "top/ünder neath/dog", 1, size=(5, 9), mode="L")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "top/ünder neath/dog/deep.png")
    facts = look_at(str(tmp_path / "top"))
    assert (facts.num_classes, facts.class_sizes) == (2, (3, 2))
    assert (facts.channels, facts.transparent, facts.gray, facts.smallest) == (3, 3, 2, 5)


def test_archives_and_names(tmp_path):
    (tmp_path / "some photos.zip").touch()
    np.savez(tmp_path / "arrays.npz", images=np.zeros((3, 8, 8), np.uint8))
    assert look_at(str(tmp_path / "arrays.npz")).channels == 1
    assert look_at("mnist5k").class_sizes == (500,) * 10
    names = {f"zip:{tmp_path}/some photos.zip": "some-photos", "mnist5k": "mnist5k", "tfds:cifar10": "cifar10"}
    names |= {f"pairs:{tmp_path}/some photos.zip/train": "some-photos"}
    names |= {f"pairs:{tmp_path}/maps/train": "maps", f"folder:{tmp_path}/фото ü!": "фото-ü"}
    assert {name: data_name(name) for name in names} == names


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (lambda p: p.mkdir(), "empty", "no image in 0 files"),
        (lambda p: None, "missing", "no such folder or file"),
        (lambda p: (p.mkdir(), (p / "a.txt").touch()), "texts", "no image in 1 file "),
        (lambda p: zipfile.ZipFile(p.parent, "w").writestr("maps/val/0.png", ""), "a.zip/val", "did you mean maps/val"),
        (lambda p: p.write_bytes(b"x"), "photo.jpg", "one file; expected a folder"),
        (lambda p: p.write_bytes(b"x"), "broken.zip", "not a zip archive"),
        (lambda p: images(p / "trainA"), "half", "has no folder trainB"),
        (lambda p: zipfile.ZipFile(p, "w").writestr("train-images-idx3-ubyte", ""), "x.zip", "of idx:.*unpack it"),
        (lambda p: (images(p / "trainA"), (p / "trainB").mkdir()), "one_side_empty", "trainB: no image in 0 files"),
    ],
)
def test_what_cannot_be_used(make, name, message, tmp_path):
    make(tmp_path / name)
    with pytest.raises(UserError, match=message):
        look_at(str(tmp_path / name))


def test_all_files_broken(tmp_path):
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(b"not an image")
    with pytest.raises(UserError, match="none of 3 files can be read"):
        look_at(str(tmp_path))


def test_a_mistyped_source_names_the_nearest():
    with pytest.raises(UserError, match="did you mean pairs"):
        find_source("pair:maps")

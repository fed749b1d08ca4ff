"""Every kind of source: what is read, and what is said about a bad one."""

import gzip
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from shared_data import shared_data
from tables import assert_rows

from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.data.registry import EMBEDDED, EXAMPLES, SOURCES, open_source
from jgan.types import UserError


def save_gray(path, level, size=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), level).save(path)


def levels_and_labels(source):
    read = [source.read(index) for index in range(source.count)]
    return [int(np.asarray(image).flat[0]) for image, _ in read], [label for _, label in read]


def refuses(source, *parts, **settings):
    """Opening it is refused in one line that holds every part."""
    with pytest.raises(UserError) as refusal:
        open_dataset(DataConfig(source=source, **settings), seed=0)
    message = str(refusal.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def test_every_source_has_an_example():
    assert_rows(EXAMPLES, {*SOURCES, *EMBEDDED, "unpaired"}, "EXAMPLES of jgan/data/registry.py")


@pytest.fixture
def classes(tmp_path):
    """Two class folders of gray levels, deeper nesting, and files that are no images."""
    root = tmp_path / "set"
    for name, level in {"cat/b.png": 2, "cat/deep/er/a.png": 1, "dog/c.PNG": 3, "dog/d.png": 4}.items():
        save_gray(root / name, level)
    (root / "notes.txt").write_text("not an image")
    (root / ".hidden.png").write_text("not one either")
    return root


def zipped(root, path, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, f"{prefix}{file.relative_to(root)}")
    return path


def test_class_folders(classes, tmp_path):
    (classes / "loop").symlink_to(classes)
    archive = zipped(classes, tmp_path / "set.zip", prefix="set/")
    for source in (open_source(f"folder:{classes}"), open_source(f"zip:{archive}")):
        assert levels_and_labels(source) == ([2, 1, 3, 4], [0, 0, 1, 1])
        assert (source.num_classes, source.class_names) == (2, ("cat", "dog"))
    assert open_source(f"folder:{classes / 'cat'}").num_classes is None  # one level, not all in folders


def test_labels_csv(classes):
    table = "file,label\ncat/b.png,zebra\ndog/c.PNG,ant\ndog/d.png,zebra\n"
    (classes / "labels.csv").write_text(table)
    refuses(f"folder:{classes}", "no label for 1 of 4", "cat/deep/er/a.png")
    (classes / "labels.csv").write_text(table + "cat/deep/er/a.png,ant\n")
    source = open_source(f"folder:{classes}")
    assert (levels_and_labels(source)[1], source.class_names) == ([1, 0, 0, 1], ("ant", "zebra"))
    numbers = "file,label\ncat/b.png,5\ndog/c.PNG,0\ndog/d.png,2\ncat/deep/er/a.png,{}\n"
    (classes / "labels.csv").write_text(numbers.format(1))
    source = open_source(f"folder:{classes}")
    assert (levels_and_labels(source)[1], source.num_classes) == ([5, 1, 0, 2], 6)
    (classes / "labels.csv").write_text(numbers.format(-1))
    refuses(f"folder:{classes}", "labels.csv", "-1", "out of range")
    (classes / "labels.csv").write_text(numbers.format(""))
    refuses(f"folder:{classes}", "line 5", "cat/deep/er/a.png has no label")
    (classes / "labels.csv").write_text(numbers.format("1o"))
    refuses(f"folder:{classes}", "cat/deep/er/a.png is '1o' where others are numbers")
    (classes / "labels.csv").write_text(numbers.format(1) + "cat/b.png,4\n")
    refuses(f"folder:{classes}", "line 6", "cat/b.png has the labels 5 and 4")
    (classes / "labels.csv").write_text("name;class\n")
    refuses(f"folder:{classes}", "labels.csv", "file,label")


def test_dataset_json(classes, tmp_path):
    names = ["cat/b.png", "cat/deep/er/a.png", "dog/c.PNG", "dog/d.png"]
    pairs = list(zip(names, [3, 0, 1, 1], strict=True))
    (classes / "dataset.json").write_text(json.dumps({"labels": pairs}))
    for source in (f"folder:{classes}", f"zip:{zipped(classes, tmp_path / 'a.zip')}"):
        assert levels_and_labels(open_source(source))[1] == [3, 0, 1, 1]
        assert open_source(source).num_classes == 4
    (classes / "dataset.json").write_text('{"labels": null}')
    assert open_source(f"folder:{classes}").num_classes is None
    for text in ("{", "[]", '{"labels": [["cat/b.png", 0.5]]}', '{"labels": [["cat/b.png", true]]}'):
        (classes / "dataset.json").write_text(text)
        refuses(f"folder:{classes}", "dataset.json")


def test_broken_files(classes, caplog):
    (classes / "cat/broken.png").write_bytes((classes / "cat/b.png").read_bytes()[:40])
    (classes / "dog/text.jpg").write_text("no")
    for whole in (256, 0):  # decoded in full, or only the ends looked at
        refuses(f"folder:{classes}", "2 of 6", "cat/broken.png", "dog/text.jpg: not an image", check_megabytes=whole)
    dataset = open_dataset(DataConfig(f"folder:{classes}", on_error="skip"), 0)
    assert dataset.count == 4
    assert "2 of 6" in caplog.text
    batch = dataset.example_batch(4, 8)
    assert batch["images"][:, 0, 0, 0].tolist() == [2, 1, 3, 4]
    assert batch["labels"].tolist() == [0, 0, 1, 1]


def test_channels_as_the_files_are(classes):
    assert open_dataset(DataConfig(f"folder:{classes}", channels=0), 0).channels == 1
    Image.new("RGB", (8, 8)).save(classes / "dog/colour.png")
    refuses(f"folder:{classes}", "channels differ", "dog/colour.png has 3", "cat/b.png has 1", channels=0)
    assert open_dataset(DataConfig(f"folder:{classes}", channels=3), 0).count == 5


def test_odd_archives(tmp_path):
    save_gray(tmp_path / "a.png", 7)
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for name in ("../../escape.png", "/root.png", "a\\b.png", "__MACOSX/._a.png", "ünï.png"):
            archive.write(tmp_path / "a.png", name)
    assert open_dataset(DataConfig(f"zip:{tmp_path}/odd.zip"), 0).count == 4
    data = bytearray((tmp_path / "odd.zip").read_bytes())
    data[data.index(b"IDAT") + 6] ^= 255
    (tmp_path / "bad.zip").write_bytes(data)
    refuses(f"zip:{tmp_path}/bad.zip", "1 of 4", "CRC")
    refuses(f"zip:{tmp_path}/a.png", "not a zip archive")
    refuses(f"zip:{tmp_path}/none.zip", "no such file")


def test_folder_errors(tmp_path, caplog):
    refuses(f"folder:{tmp_path}/none", "no such directory")
    refuses(f"folder:{tmp_path}", "no image")
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing.png")
    refuses(f"folder:{tmp_path}", "link.png: No such file")
    (tmp_path / "link.png").unlink()
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    refuses(f"folder:{tmp_path}", "no image")
    assert "round.png leads to itself; left out" in caplog.text


def test_unknown_names():
    refuses("foldr:photos", "did you mean folder:<directory>")
    refuses("mnist", "mnist5k")
    refuses("folder:", "folder:<directory>")
    refuses("mnist5k", "data.fit", "'crop'", fit="croop")
    refuses("mnist5k", "data.channels", channels=2)


def test_mnist5k():
    dataset = open_dataset(DataConfig("mnist5k", channels=1), 0)
    assert (dataset.count, dataset.num_classes, dataset.channels) == (5000, 10, 1)
    source = open_source("mnist5k")
    assert np.bincount(source.labels).tolist() == [500] * 10
    assert source.images.shape == (5000, 28, 28, 1)
    assert dataset.fingerprint == source.fingerprint


def test_npz(tmp_path):
    images = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4)
    path = tmp_path / "set.npz"
    np.savez(path, images=images, labels=np.array([2, 0, 1]))
    dataset = open_dataset(DataConfig(f"npz:{path}", channels=1), 0)
    np.testing.assert_array_equal(dataset.example_batch(3, 4)["images"][..., 0], images)
    assert (dataset.num_classes, dataset.example_batch(3, 4)["labels"].tolist()) == (3, [2, 0, 1])
    for floats in (images / 255, images / np.float32(127.5) - 1):
        np.savez(path, images=floats)
        again = open_dataset(DataConfig(f"npz:{path}", channels=1), 0)
        np.testing.assert_array_equal(again.example_batch(3, 4)["images"][..., 0], images)
        assert again.num_classes is None
        assert again.fingerprint != dataset.fingerprint


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 4, 4), np.uint8)}, "no array `images`"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8)}, "[2, 4, 4, 2]"),
        ({"images": np.zeros((2, 4, 4), np.int32)}, "int32"),
        ({"images": np.full((2, 4, 4), 3.0)}, "3 to 3"),
        ({"images": np.full((2, 4, 4), np.nan)}, "nan"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "[0, 4, 4"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, -1])}, "label -1 of image 1"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, 10**9])}, "1000000000"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(3, int)}, "[3]"),
        ({"images": np.array([print], dtype=object)}, "not a plain .npz"),
    ],
)
def test_npz_errors(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    refuses(f"npz:{tmp_path}/bad.npz", "bad.npz", message)


def test_a_damaged_npz(tmp_path):
    path = tmp_path / "bad.npz"
    np.savez_compressed(path, images=np.random.default_rng(0).integers(0, 255, (64, 8, 8), np.uint8))
    data = bytearray(path.read_bytes())
    data[200:260] = b"\xff" * 60
    path.write_bytes(data)
    refuses(f"npz:{path}", "bad.npz", "not a plain .npz")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"no array")
    refuses(f"npz:{path}", "not a plain .npz")


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def test_idx(tmp_path):
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([1, 0], np.uint8))))
    source = open_source(f"idx:{tmp_path}")
    np.testing.assert_array_equal(source.images[..., 0], images)
    assert source.labels.tolist() == [1, 0]
    refuses(f"idx:{tmp_path}:t10k", "t10k-images-idx3-ubyte")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images)[:-1])
    refuses(f"idx:{tmp_path}", "31 bytes", "(2, 4, 4)")


def test_real_images():
    ten_thousand = open_source(f"idx:{shared_data('mnist')}:t10k")
    assert (ten_thousand.count, ten_thousand.num_classes) == (10_000, 10)
    photos = open_dataset(DataConfig(f"folder:{shared_data('sr')}/bsds-train-100"), 0)
    assert photos.example_batch(8, 64)["images"].shape == (8, 64, 64, 3)
    faces = open_dataset(DataConfig(f"folder:{shared_data('fewshot')}/afhq-41-256"), 0)
    assert faces.class_names == ("cat", "dog", "wild")

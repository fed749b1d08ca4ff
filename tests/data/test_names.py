"""Which files there are, and what they are called: the same for all commands and wherever a zip was made."""

import json
import os
import unicodedata
import zipfile

import numpy as np
import pytest
from PIL import Image

from jgan.data.__main__ import main as data
from jgan.data.classes import numbers_of
from jgan.data.names import clean_name, clean_names
from jgan.data.registry import open_source
from jgan.photos.photo_files import by_stem, image_files
from jgan.types import UserError

CLEAN = {
    "a/b.png": "a/b.png",
    "/a/b.png": "a/b.png",
    "//server/share/b.png": "server/share/b.png",
    "C:\\photos\\a\\b.png": "photos/a/b.png",
    "c:b.png": "c:b.png",  # as good a name as any where it was not made on Windows
    "A:1/b.png": "A:1/b.png",
    "UNC/?/b.png": "UNC/?/b.png",
    "\\\\?\\C:\\photos\\b.png": "photos/b.png",
    "\\\\?\\UNC\\server\\b.png": "server/b.png",
    "A/../../../evil.png": "A/evil.png",
    "..\\..\\evil.png": "evil.png",
    "./a//./b.png": "a/b.png",
    "a/b:c.png": "a/b:c.png",
    "..": "",
    "/": "",
    "": "",
}


def test_no_name_leads_out_of_its_folder():
    assert {name: clean_name(name) for name in CLEAN} == CLEAN
    for clean in CLEAN.values():
        assert clean_name(clean) == clean
        assert not clean.startswith("/")
        assert ".." not in clean.split("/")


def test_hidden_folders_and_double_names():
    names = ["a/.ipynb_checkpoints/b.png", "__MACOSX/a/b.png", "a/__MACOSX/b.png", "a\\", "a/", "a/b.png", ".c/d.png"]
    assert clean_names("zip:x", names) == {"a/b.png": "a/b.png"}
    for twice in (["a/b.png", "a\\b.png"], ["a/b.png", "/a/b.png"], ["a/b.png", "a/b.png"]):
        with pytest.raises(UserError, match=r"^zip:x: holds .* only one can be a/b\.png"):
            clean_names("zip:x", twice)


def gray(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), level, np.uint8)).save(path)
    return path


def test_a_zip_of_a_windows_tool_is_the_folder_that_it_holds(tmp_path):
    for name in ("cat/a.png", "cat/deep/b.png", "dog/c.png", ".hidden/d.png", "cat/.e.png", "@eaDir/cat/thumb.png"):
        gray(tmp_path / "set" / name, len(name))
    (tmp_path / "set/labels.csv").write_text("file,label\ncat\\a.png,1\n./cat/deep/b.png,0\n/dog/c.png,2\n")
    for prefix, separator in (("", "/"), ("/", "/"), ("C:\\", "\\"), ("../../", "/")):
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for file in sorted((tmp_path / "set").rglob("*")):
                name = prefix + str(file.relative_to(tmp_path / "set")).replace("/", separator)
                archive.writestr(name + separator * file.is_dir(), b"" if file.is_dir() else file.read_bytes())
        folder, zipped = (open_source(f"{kind}:{tmp_path}/set{end}") for kind, end in (("folder", ""), ("zip", ".zip")))
        assert zipped.names == folder.names == ["cat/a.png", "cat/deep/b.png", "dog/c.png"]
        assert zipped.labels.tolist() == folder.labels.tolist() == [1, 0, 2]
        assert zipped.fingerprint == folder.fingerprint


def test_every_command_finds_the_same_files(tmp_path, caplog):
    """Links are followed, wherever they stand in a directory; cycles alone are not."""
    for name in ("z/real/a.png", "z/b.png", "elsewhere/c.png", ".d/e.png", "z/.f.png", "__MACOSX/g.png"):
        gray(tmp_path / name)
    (tmp_path / "z/a_link").symlink_to(tmp_path / "z/real")
    (tmp_path / "z/real/up").symlink_to(tmp_path / "z")
    (tmp_path / "z/zz_link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "z/zz_link/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "z/linked.png").symlink_to(tmp_path / "elsewhere/c.png")
    expected = ["a_link/a.png", "b.png", "linked.png", "real/a.png", "zz_link/c.png"]
    assert open_source(f"folder:{tmp_path}/z").names == expected
    assert sorted(str(name) for _, name in image_files(tmp_path / "z", "--input")) == expected
    for name in ("real/up", "a_link/up", "zz_link/again"):
        assert f"{name} leads to a folder that it lies in" in caplog.text
    os.mkfifo(tmp_path / "z/pipe.png")
    os.mkfifo(tmp_path / "z/labels.csv")  # would be waited for
    assert "pipe.png" in open_source(f"folder:{tmp_path}/z").names  # which reading it tells


def test_split_writes_nothing_outside(tmp_path):
    for name, level in (("a.png", 1), ("b.png", 2)):
        gray(tmp_path / name, level)
    names = {
        "A/../../../evil.png": "a.png",
        "B\\..\\..\\..\\evil.png": "b.png",
        "/A/x.png": "a.png",
        "B/x.png": "b.png",
    }
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for name, file in names.items():
            archive.writestr(name, (tmp_path / file).read_bytes())
    before = set(tmp_path.rglob("*"))
    assert data(["split", "--source", f"pairs:{tmp_path}/evil.zip", "--out", str(tmp_path / "deep/er/out")]) == 0
    written = {str(path.relative_to(tmp_path)) for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert written == {f"deep/er/out/{side}/{name}.png" for side in "AB" for name in ("evil", "x")}
    for name in ("halves/a.png", "halves/a.bmp"):
        gray(tmp_path / name)
    with pytest.raises(UserError, match=r"a\.bmp and a\.png would both become a\.png"):
        data(["split", "--source", f"pairs:{tmp_path}/halves", "--out", str(tmp_path / "out")])
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as archive:  # names that no folder can hold
        for side in "AB":
            archive.writestr(f"{side}/{126 * 'é'}.bmp", (tmp_path / "a.png").read_bytes())
    with pytest.raises(UserError, match=r"long.zip: the name é+.* has 256 bytes; names have 255 at most; shorten it"):
        data(["split", "--source", f"pairs:{tmp_path}/long.zip", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_tables_name_images_below_them(tmp_path):
    gray(tmp_path / "outside.png")
    gray(tmp_path / "set/a.png")
    (tmp_path / "set/dataset.json").write_text(json.dumps({"labels": [["../outside.png", 1]]}))
    with pytest.raises(UserError, match=r"no label for 1 of 1 images, a\.png first"):
        open_source(f"folder:{tmp_path}/set")
    (tmp_path / "set/dataset.json").unlink()
    (tmp_path / "set/captions.csv").write_text("file,caption\na.png,one\n../outside.png,two\n")
    with pytest.raises(UserError, match=r"line 3: no image 'outside\.png' is there"):
        open_source(f"captions:{tmp_path}/set")


def test_names_that_look_alike_are_one(tmp_path):
    """Files of macOS' tools have decomposed letters, and tables that people type composed ones; or the other way."""
    one, other = (unicodedata.normalize(form, "é/çü.png") for form in ("NFD", "NFC"))
    assert one != other
    for number, (file, row) in enumerate(((one, other), (other, one), (one, one))):
        folder = tmp_path / str(number)
        gray(folder / file)
        gray(folder / "b.png", 1)
        names = json.dumps({"labels": [[row, 1], ["b.png", 0]]})
        for table, text in (("labels.csv", f"file,label\n{row},1\nb.png,0\n"), ("dataset.json", names)):
            (folder / table).write_text(text)
            source = open_source(f"folder:{folder}")
            assert source.labels.tolist() == [0, 1]
            (folder / table).unlink()
        (folder / "captions.csv").write_text(f"file,caption\n{row},one\nb.png,two\n")
        assert open_source(f"captions:{folder}").captions.texts == ("two", "one")
        np.savez(folder / "v.npz", files=np.array([row, "b.png"]), embeddings=np.eye(2, dtype=np.float32))
        assert open_source(f"captions:{folder}:v.npz").captions.rows.tolist() == [[0, 1], [1, 0]]
        gray(tmp_path / "pairs" / str(number) / "A" / file)
        gray(tmp_path / "pairs" / str(number) / "B" / row)
        assert open_source(f"pairs:{tmp_path}/pairs/{number}").count == 1
        sides = [by_stem(image_files(tmp_path / "pairs" / str(number) / side, "--x"), "--x") for side in "AB"]
        assert sides[0].keys() == sides[1].keys()
        assert numbers_of([row.partition("/")[0]], [file.partition("/")[0], "b"], 2, "--labels") == [0]
    both = tmp_path / "both"
    for file in (one, other, "b/b.png"):
        gray(both / file)
    with pytest.raises(UserError, match=r"^the folders of classes: 'e\\u0301' and '\\xe9' are 'é' alike; rename one"):
        open_source(f"folder:{both}")
    (both / "labels.csv").write_text(f"file,label\n{one},1\n{other},1\nb/b.png,0\n")
    with pytest.raises(UserError, match=r"labels\.csv: .* alike; rename one"):
        open_source(f"folder:{both}")

"""Image files from outside: no program is started for one, and none is read without end."""

import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from jgan.data.broken_files import check_files
from jgan.data.pixels import decode
from jgan.data.registry import open_source
from jgan.photos.photo_files import photo_size, read_photo
from jgan.rundir.animation import write_progress
from jgan.rundir.pictures import read_thumbnail
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.images import FORMATS

POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 16 16
%%EndComments
0 0 16 16 rectfill
showpage
%%EOF
"""
PREVIEWED = b"\xc5\xd0\xd3\xc6" + (30).to_bytes(4, "little") + len(POSTSCRIPT).to_bytes(4, "little") + bytes(18)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A list, in a file, of the programs of PATH that were started: all those that Pillow knows of, and some more."""
    log, folder = tmp_path / "started", tmp_path / "bin"
    folder.mkdir()
    for name in ("gs", "gswin32c", "gswin64c", "djpeg", "cjpeg", "ppmquant", "convert", "mpeg_play", "xdg-open"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$0 $@" >> {log}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)  # found anew
    return log


def a_picture(kind, **options):
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((8, 8)).convert("RGB").save(stream, kind, **options)
    return stream.getvalue()


# Formats that Pillow knows and jgan does not name.
STRANGERS = {kind: a_picture(kind) for kind in ("DDS", "ICNS", "ICO", "PCX", "SGI", "DIB", "EPS")}
STRANGERS |= {
    "PostScript": POSTSCRIPT,
    "EPS with a preview": PREVIEWED + POSTSCRIPT,
    "after a line": b"\r\n" + POSTSCRIPT,
}


@pytest.mark.parametrize("data", STRANGERS.values(), ids=STRANGERS)
def test_no_other_format_is_looked_at(data, tmp_path, programs):
    (tmp_path / "set").mkdir()
    file = tmp_path / "set" / "x.png"
    file.write_bytes(data)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(file, "x.png")
    for source in (f"folder:{tmp_path / 'set'}", f"zip:{tmp_path / 'set.zip'}"):
        reports = check_files(open_source(source), full=True)
        assert "not an image that can be read" in reports[0].problem
    samples = tmp_path / "run" / "samples"
    samples.mkdir(parents=True)
    for step in (1, 2):
        (samples / f"samples_{step}.png").write_bytes(data)
    readers = {
        "translate": lambda: read_photo(file),
        "its size": lambda: photo_size(file),
        "the report": lambda: read_thumbnail(file, 8),
        "progress.gif": lambda: write_progress(tmp_path / "run"),
    }
    for name, read in readers.items():
        with pytest.raises(UserError, match="not an image that can be read") as refusal:
            read()
        assert "\n" not in str(refusal.value), name
    assert not programs.exists()


def test_the_formats_that_are_named_are_read():
    kinds = [kind for kind in FORMATS if kind in Image.SAVE]
    assert {"BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"} <= set(kinds)
    assert [decode(a_picture(kind)).size for kind in kinds] == [(8, 8)] * len(kinds)
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    assert decode(a_picture("MPO", save_all=True, append_images=frames)).size == (8, 8)  # of cameras, a JPEG


def test_a_damaged_file_is_told_of_by_one_error_alone():
    # In a process of its own: pytest has its own filters of warnings.
    whole = cv2.imencode(".tiff", np.zeros((8, 8, 3), np.uint16))[1].tobytes()
    open_it = "import sys; from jgan.untrusted.images import open_image; open_image(sys.stdin.buffer.read())"
    found = subprocess.run([sys.executable, "-c", open_it], input=whole[:-2], capture_output=True, check=False)
    assert b"UserWarning" not in found.stderr


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A pipe would be waited for, and a device has no end."""
    folder = tmp_path / "set"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "zeros.png").symlink_to("/dev/zero")
    (folder / "grown.png").write_bytes(b"x" * 100)
    problems = [report.problem for report in check_files(open_source(f"folder:{folder}"), full=False)]
    assert problems[0].startswith("not an image that can be read")
    assert problems[1:] == ["not a regular file"] * 2
    for name in ("pipe.png", "zeros.png"):
        with pytest.raises(UserError, match="not a regular file"):
            read_photo(folder / name)
    with pytest.raises(OSError, match="100 bytes, more than 99"):
        read_file(folder / "grown.png", 99)
    if Path("/proc/self/maps").exists():
        with pytest.raises(OSError, match="more than 10"):
            read_file("/proc/self/maps", 10)


def test_pictures_of_a_run_are_bounded(tmp_path):
    data = bytearray(a_picture("BMP"))
    data[18:26] = (100_000).to_bytes(4, "little") * 2
    (tmp_path / "huge.png").write_bytes(data)
    with pytest.raises(UserError, match="100000 x 100000 is more than"):
        read_thumbnail(tmp_path / "huge.png", 8)

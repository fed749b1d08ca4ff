"""Names of files and folders that a terminal would obey, or could not show."""

import io
import logging
import os
import sys

import pytest
from PIL import Image

from jgan import command, compare
from jgan.data import __main__ as data_command
from jgan.terminal.printable import printing_printable
from jgan.types import UserError

ODD = ["a\x1b[2J", "b\u202ec", os.fsdecode(b"d\xff"), "e\rf", "g\x9b1m"]


def test_names_of_others_are_escaped(tmp_path, monkeypatch, capsys):
    for name in ODD:
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "image.png")
    monkeypatch.setattr(sys, "argv", ["jgan", "inspect", "--source", f"folder:{tmp_path}"])
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit, match="0"):
        command.run_without_jax(data_command.main)
    out = capsys.readouterr().out
    assert all(letter.isprintable() or letter == "\n" for letter in out)
    assert all(shown in out for shown in ("a\\x1b[2J", "b\\u202ec", "d\\udcff", "e\\rf", "g\\x9b1m"))


def test_encodings_with_gaps(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with printing_printable():
        print("é: ∞")
        sys.stdout.flush()
    assert sys.stdout is stream
    assert stream.buffer.getvalue() == b"\\xe9: \\u221e\n"


def test_warnings_are_lines(caplog):
    logging.getLogger("jgan").warning("%s is left out", "\x1b[31m\nERROR: all is lost")
    assert command.OneLine().format(caplog.records[0]) == "WARNING: \\x1b[31m\\nERROR: all is lost is left out"


def test_an_option_without_a_value():
    with pytest.raises(UserError, match="--metrics=--"):
        compare.main(["--images=a", "--reference=a", "--metrics=--"])


def test_errors_of_data_commands_name_their_options(tmp_path):
    source = f"--source=folder:{tmp_path}"
    for argv, named in (
        (["inspect", source, "--background=256"], "--background=256: expected"),
        (["inspect", "--source="], "--source=''"),
        (["prepare", "--source=mnst5k", "--out=x", "--resolution=8"], "--source='mnst5k'"),
        (["split", "--source=pears:x", "--out=x"], "--source='pears:x'"),
    ):
        with pytest.raises(UserError, match=f"^{named}"):
            data_command.main(argv)

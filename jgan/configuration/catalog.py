"""The config files that come with the package, and how `--config` finds one. Imports nothing heavy, and runs no config.

A name such as `dcgan` is a config of the package. What ends in .py or has a slash in it is a file of one's own.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from jgan.errors import UserError, did_you_mean
from jgan.rundir.paths import given_path

PACKAGE = Path(__file__).parent.parent
# In a checkout configs/ lies beside the package, and an installed package has it inside.
DIRECTORY = PACKAGE / "configs" if (PACKAGE / "configs").is_dir() else PACKAGE.parent / "configs"


def names() -> list[str]:
    """The names of the package's configs."""
    return sorted(path.stem for path in DIRECTORY.glob("*.py"))


def find_name(name: str) -> Path:
    """The file of a config of the package. Raises UserError where there is none of this name."""
    if name not in names():
        raise UserError(f"{name or repr(name)}: no such config{did_you_mean(Path(name).stem.lower(), names())}")
    return DIRECTORY / f"{name}.py"


def find(text: str) -> Path:
    """The config file that `--config text` means.

    Raises:
      UserError: there is none; or a name means one of the package while another file of that name lies here.
    """
    if not text:
        raise UserError("--config=: expected a name that `jgan configs` lists, or a Python file")
    path = given_path(text, "--config=")
    if path.suffix == ".py" or os.sep in text:
        return _file(path)
    if text not in names():
        raise UserError(f"--config={text}: {_why_no_name(text)}")
    ours, here = DIRECTORY / f"{text}.py", Path(f"{text}.py")
    if here.is_file() and here.read_bytes() != ours.read_bytes():
        raise UserError(
            f"--config={text}: means the config of the package, and another {here} is in this directory; "
            f"give --config {here} for this one, or --config {ours}"
        )
    return ours


def _file(path: Path) -> Path:
    if path.is_dir():
        raise UserError(f"--config={path}: is a directory; expected a Python file, or a name that `jgan configs` lists")
    if path.is_file() and path.suffix != ".py":
        raise UserError(f"--config={path}: expected a Python file, with a name that ends in .py")
    if not path.is_file():
        raise UserError(f"--config={path}: no such config file{_instead_of(path)}")
    return path


def _instead_of(path: Path) -> str:
    """What a missing file was perhaps meant to be: a config of the package, or a file beside it."""
    if path.stem in names():
        return f"; the config of the package is --config {path.stem}"
    beside = [candidate.name for candidate in path.parent.glob("*.py")] if path.parent.is_dir() else []
    if close := difflib.get_close_matches(path.name, beside, n=3):
        return f"; did you mean {' or '.join(str(path.parent / name) for name in close)}?"
    if close := difflib.get_close_matches(path.stem, names(), n=3):
        return f"; did you mean --config {' or '.join(close)}?"
    return "; `jgan configs` lists those of the package"


def _why_no_name(text: str) -> str:
    path = Path(text)
    if Path(f"{text}.py").is_file():
        return f"no config of the package has this name; for the file here give --config {text}.py"
    if path.is_dir():
        return "is a directory; expected a Python file, or a name that `jgan configs` lists"
    if path.is_file():
        return "expected a Python file, with a name that ends in .py, or a name that `jgan configs` lists"
    return f"no such config{did_you_mean(text.lower(), names())}"

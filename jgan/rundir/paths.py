"""Names of files and folders as users give them: never empty, and `~` is a home. Imports nothing that takes time."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from pathlib import Path

from jgan.errors import UserError

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")  # of the Hub, a bucket or the web


def given_path(text: str | Path, name: str = "") -> Path:
    """The path that a text means; errors begin with `name`, as "--config=".

    Raises:
      UserError: it is empty, or begins with a `~` that means nobody's home.
    """
    if not str(text):
        raise UserError(f"{name}'': expected the name of a file or folder, and it is empty")
    if ADDRESS.match(str(text)):
        raise UserError(f"{name}{text}: expected a path on this machine; an address is not read or written here")
    expanded = os.path.expanduser(text)  # noqa: PTH111  # Path's own raises where nobody has that home
    if str(expanded).startswith("~") and not Path(text).exists():
        raise UserError(f"{name}{text}: nobody's home directory is known by this name; give the whole path")
    return Path(expanded)


def nearest_path(path: str | Path) -> str:
    """The end of an error about a path that is not there: "; did you mean runs/quickstart?", or "" of no such name.

    What is compared is its first part that is missing, with what is beside it.
    """
    missing = Path(path)
    if missing.exists():
        return ""
    while not missing.parent.exists():
        missing = missing.parent
    names: list[str] = []
    with contextlib.suppress(OSError):  # a file, or a folder that may not be listed
        names = os.listdir(missing.parent)  # noqa: PTH208  # names alone
    close = difflib.get_close_matches(missing.name, names, n=1, cutoff=0.6)
    return f"; did you mean {missing.parent / close[0]}?" if close else ""


def with_home(source: str) -> str:
    """A source, such as "folder:~/photos" or "~/photos", with the home that its `~` means. Raises as `given_path`."""
    scheme, separator, argument = source.partition(":")
    if separator and argument.startswith("~"):
        return f"{scheme}:{given_path(argument)}"
    return str(given_path(source)) if source.startswith("~") else source

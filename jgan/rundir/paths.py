"""Names of files and folders as users give them: never empty, and `~` is a home. Imports nothing that takes time."""

from __future__ import annotations

import os
from pathlib import Path

from jgan.errors import UserError


def given_path(text: str | Path, name: str = "") -> Path:
    """The path that a text means; errors begin with `name`, as "--config=".

    Raises:
      UserError: it is empty, or begins with a `~` that means nobody's home.
    """
    if not str(text):
        raise UserError(f"{name}'': expected the name of a file or folder, and it is empty")
    expanded = os.path.expanduser(text)  # noqa: PTH111  # Path's own raises where nobody has that home
    if str(expanded).startswith("~") and not Path(text).exists():
        raise UserError(f"{name}{text}: nobody's home directory is known by this name; give the whole path")
    return Path(expanded)


def with_home(source: str) -> str:
    """A source, such as "folder:~/photos" or "~/photos", with the home that its `~` means. Raises as `given_path`."""
    scheme, separator, argument = source.partition(":")
    if separator and argument.startswith("~"):
        return f"{scheme}:{given_path(argument)}"
    return str(given_path(source)) if source.startswith("~") else source

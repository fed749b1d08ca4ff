"""Names of files: which are hidden, and those that archives and tables hold, made clean, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jgan.types import UserError
from jgan.untrusted.normal_names import normal

SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN")  # that macOS, Synology and Windows leave among files
# What whole paths of Windows begin with: C:\, \\?\C:\, \\?\UNC\server\share\; in names, `/` stands for the backslash.
WINDOWS_ROOT = re.compile(r"(//[?.]/(UNC/)?)?([A-Za-z]:(?=/))?")


def is_hidden(name: str) -> bool:
    """Whether a path, with `/` between its parts, has a part that begins with a dot, or a system's own folder."""
    return any(part.startswith(".") or part in SYSTEM_FOLDERS for part in name.split("/"))


def clean_name(name: str) -> str:
    """A path of an archive or a table as one below its folder, with `/` between its parts; "" where nothing is left.

    Backslashes separate parts; drive letters, a leading `/` and the parts `.`, `..` and "" are left out, as unzip and
    Python's zipfile do where they write. So no name leads out of the folder that it is read or written in.
    """
    slashed = name.replace("\\", "/")
    parts = slashed[WINDOWS_ROOT.match(slashed).end() :].split("/")  # pyright: ignore[reportOptionalMemberAccess]
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def by_normal_name(title: str, names: Iterable[str]) -> dict[str, str]:
    """{normal name: name}, to find the names of a table among those of files.

    Raises:
      UserError: two of them look alike.
    """
    found: dict[str, str] = {}
    for name in names:
        if (other := found.setdefault(normal(name), name)) != name:
            raise UserError(f"{title}: {other!a} and {name!a} are {normal(name)!r} alike; rename one of them")
    return found


def is_folder_name(name: str) -> bool:
    """Whether a name of an archive is that of a folder."""
    return name.endswith(("/", "\\"))


def clean_names(title: str, names: Iterable[str]) -> dict[str, str]:
    """{clean name: name} of the files of an archive that are not hidden.

    Raises:
      UserError: two of them have the same clean name.
    """
    found: dict[str, str] = {}
    for name in names:
        clean = clean_name(name)
        if is_folder_name(name) or not clean or is_hidden(clean):
            continue
        if clean in found:
            both = f"{found[clean]!r} and {name!r}" if found[clean] != name else f"{name!r} twice"
            raise UserError(f"{title}: holds {both}, of which only one can be {clean}; zip the files again")
        found[clean] = name
    return found

"""From what a user names, such as `photos/`, to a source as `data.source` has it."""

from __future__ import annotations

import re
from pathlib import Path

from jgan.data.layouts import TRAINING, Found, source_of_path
from jgan.data.registry import EMBEDDED, EXAMPLES, SOURCES, is_path, is_unpaired
from jgan.rundir.paths import nearest_path, with_home
from jgan.types import UserError, did_you_mean


def find_source(text: str) -> Found:
    """The source that a folder, a file or a source string stands for, as `source_of_path` tells it.

    Raises:
      UserError: nothing of that name is there, or the file holds no set of images.
    """
    text = with_home(text)
    if not text.strip():
        raise UserError(f"SOURCE={text!r}: is empty; expected a folder of images, a .zip, or a source such as mnist5k")
    if is_path(text):
        return source_of_path(str(Path(text)), "SOURCE")
    scheme, separator, _ = text.partition(":")
    if text in EMBEDDED or (separator and (scheme in SOURCES or is_unpaired(text))):
        return Found(text, "as given")
    hint = did_you_mean(scheme, EXAMPLES) if separator else nearest_path(text)
    raise UserError(f"SOURCE={text!r}: no such folder or file, nor a source such as pairs:DIR or mnist5k{hint}")


def data_name(source: str) -> str:
    """A short name of a source for a directory: "photos" of "folder:data/photos", "maps" of "pairs:maps/train"."""
    _, separator, argument = source.partition(":")
    path = Path(argument if separator else source).resolve() if Path(argument).exists() else Path(argument or source)
    name = path.parent.name if path.name in TRAINING and path.parent.name else path.name
    is_file = path.is_file() or name.lower().endswith(".zip")
    return re.sub(r"[^\w.-]+", "-", Path(name).stem if is_file else name).strip("-.") or "data"

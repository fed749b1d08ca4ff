"""Bad input from outside, and how it is told. Imports nothing, so that a command can refuse before JAX is loaded."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping

FLAG = re.compile(r"(?<![\w-])--(config\.)?(?=[a-z])")
COMMAND = re.compile(r"`?\bjgan (sample|translate|upscale|evaluate)\b`?")
WORKDIR = re.compile(r"^workdir(=[^:]*)?: (?=this run)")
PROCESS_INDEX = "JAX_PROCESS_ID"  # the environment variable that tells the processes of a run apart


class UserError(Exception):
    """Bad input from outside: one line that names the field, file or shape, what was expected and what to do.

    Commands print it without a traceback and exit with code 2.
    """


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the closest valid names ("; did you mean ...?"), or the first few of them."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if not close:
        last = name.rsplit(".", 1)[-1]
        close = [full for full in names if full.rsplit(".", 1)[-1] == last][:3]
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; expected one of {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: "1 image", "1,892 images"; `plural` where it is not the singular and an s."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def shown(value: object, most: int = 80) -> str:
    """A value of a file's as a message quotes it: as Python writes it, its middle left out beyond `most` characters."""
    text = " ".join(repr(value).split())  # Flax writes networks over many lines
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def printable(text: str, keep: str = "") -> str:
    """The text as a terminal may show it: escaped is what moves the cursor, reverses the writing or is no character.

    Names and values of files that others wrote may hold such; those in `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else ascii(letter)[1:-1] for letter in text)


def one_line(message: str, most: int = 5000) -> str:
    """A message as one line that a terminal may show, of so many characters at most."""
    text = printable(message[:most])
    return text if len(message) <= most else f"{text}..."


def in_python(message: str) -> str:
    """A message in the words of Python: `truncation=2` for `--truncation=2`, `run.translate` for `jgan translate`."""
    return WORKDIR.sub("", COMMAND.sub(r"run.\1", FLAG.sub("", message)))


def error_prefix(environment: Mapping[str, str] = os.environ) -> str:
    """How an error begins: all but the first process say which one they are, since all often say the same."""
    index = environment.get(PROCESS_INDEX, "0")
    return "error" if index == "0" else f"error in process {index}"

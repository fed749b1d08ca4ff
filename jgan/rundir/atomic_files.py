"""Files of a run directory: written whole or not at all, and a failed write is one clear line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jgan.rundir.new_directories import make_directory
from jgan.rundir.paths import given_path
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.fields import check_fields, whole
from jgan.untrusted.json_data import parse_json

MAX_NAME = 255  # bytes of a file's name, on the file systems of Linux, macOS and Windows


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the system's refusal (full disk, no permission) into a UserError that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path}: cannot write it ({reason}); what was saved before is intact") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the name `path` once the block has ended well."""
    partial = path.with_name(_partial_name(path.name))
    with writing(path):
        try:
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())  # or a power cut could leave the name without the content
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _partial_name(name: str) -> str:
    """What a file is called before it is whole; no longer than names may be where `name` is not."""
    long = f"{name}.partial"
    if len(os.fsencode(long)) <= MAX_NAME:
        return long
    return f"{hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()}.partial"


def check_name(path: Path, flag: str) -> None:
    """Raises UserError where a name is longer than file systems take."""
    for part in path.parts:
        if (length := len(os.fsencode(part))) > MAX_NAME:
            shown = f"{part[:40]}...{part[-10:]}"
            raise UserError(f"{flag}: the name {shown} has {length} bytes; names have {MAX_NAME} at most; shorten it")


@contextlib.contextmanager
def replacing_shared(path: Path) -> Iterator[Path]:
    """As `replacing`, for a file that several processes may write at once: each has its own path, the last stays."""
    with writing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as own:
        whole = Path(own) / path.name
        yield whole
        whole.replace(path)


def check_replaceable(out: Path, mark: bytes, what: str) -> None:
    """Raises UserError where `--out` is a file that is there already and no earlier one of the command: `what`.

    Those have `mark` among their first bytes.
    """
    if out.is_dir():
        raise UserError(f"--out={out}: is a directory; expected the name of a file")
    if out.is_file():
        with out.open("rb") as file:
            head = file.read(200)
        if mark not in head:
            raise UserError(f"--out={out}: is there already, and is not {what}; choose another name")


def cache_directory(name: str) -> Path:
    """Where what can be made again is kept between runs: `name` below $XDG_CACHE_HOME/jgan, or ~/.cache/jgan.

    Raises:
      UserError: nobody says where that is, as in a container without HOME.
    """
    try:
        return given_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "jgan" / name
    except UserError:
        raise UserError("the cache: no home directory is known; set HOME, or XDG_CACHE_HOME to a directory") from None


def usable_cache(what: str, name: str, directory: Path | None = None) -> Path | None:
    """The directory `name` in the cache, or another one, made if needed.

    None, with a warning that `what` not kept, where it cannot be written.
    """
    try:
        directory = directory or cache_directory(name)
        make_directory(directory, "the cache ($XDG_CACHE_HOME)")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise UserError(f"{directory}: cannot write there")
    except UserError as error:
        logging.getLogger("jgan").warning("%s not kept between runs: %s", what, error)
        return None
    return directory


def sha256(path: Path) -> str:
    """The hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


MAX_STEP = 2**31 - 1
NOT_FINITE = ("inf", "-inf", "nan")  # as strings, since JSON has no such numbers


def without_infinities(data: Any) -> Any:
    """Data as JSON can hold them: the PSNR of equal images is "inf". `as_number` reads it back."""
    if isinstance(data, float):
        return data if math.isfinite(data) else str(data)
    if isinstance(data, Mapping):
        return {name: without_infinities(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [without_infinities(value) for value in data]
    return data


def as_number(value: Any) -> Any:
    """The number that `without_infinities` made a string of; any other value as it is."""
    return float(value) if isinstance(value, str) and value in NOT_FINITE else value


def as_json(data: Any, indent: int | None = 2, *, sort_keys: bool = False, only_ascii: bool = True) -> str:
    """Data as JSON, every reader's: the one place where jgan makes any. Infinities and NaN become strings.

    Not `only_ascii`, for readers of YAML, who take half a pair of escapes for a character.
    """
    plain = without_infinities(data)
    return json.dumps(plain, indent=indent, sort_keys=sort_keys, allow_nan=False, ensure_ascii=only_ascii)


def write_json(path: Path, data: Any) -> None:
    """Writes data as indented JSON, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(as_json(data) + "\n")


def append_line(path: Path, data: dict[str, Any]) -> None:
    """Adds one object to a .jsonl file."""
    with writing(path), path.open("a") as file:
        file.write(as_json(data, indent=None) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a .jsonl file of steps; a last line that was cut off in mid-write is left out.

    Raises:
      UserError: another line is not a JSON object with a "step".
    """
    lines = []
    for number, text in enumerate(texts := _texts(path), start=1):
        try:
            line = parse_json(text, not_finite=True)  # as earlier versions wrote
            lines.append({name: as_number(value) for name, value in _with_step(line).items()})
        except ValueError as error:
            if number == len(texts):
                break
            problem = f"line {number} is not what was written ({error})"
            raise UserError(f"{path}: {problem}; mend it, or move the file away") from None
    return lines


def _texts(path: Path) -> list[bytes]:
    try:
        return read_file(path).splitlines() if path.exists() else []
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); move it away") from None


def _with_step(line: Any) -> dict[str, Any]:
    """The object of a line, whose whole numbers are of 64 bits."""
    check_fields(line, {"step": whole(0, MAX_STEP)}, others=True)
    for name, value in line.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"{name}={value}: expected a number of 64 bits")
    return line


def keep_lines_up_to(path: Path, step: int) -> None:
    """Drops the lines of later steps from a .jsonl file whose objects have a "step"."""
    lines = [as_json(line, indent=None) for line in read_lines(path) if line["step"] <= step]
    with replacing(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines))
